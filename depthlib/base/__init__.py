"""Paths, fingerprints, statistics, devices: helpers without dependencies on the other folders."""
