"""Paths, fingerprints, statistics and devices: what every other folder may use."""
