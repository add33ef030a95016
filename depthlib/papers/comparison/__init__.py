"""All methods on the same frames under one protocol, which no paper shows."""

MODELS = {}
