"""Scenes written in the formats of real data sets, on which the loaders are tested."""
