"""The first lesson: a small network, and the floor that every later table stands on."""

MODELS = {}
