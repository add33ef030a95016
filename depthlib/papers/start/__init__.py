"""The first lesson: a small network, and the floor of every later table."""

MODELS = {}
