"""Look Deeper (Jiao et al.): long-tailed depth, semantics and depth together."""

MODELS = {"synergy": "network:SynergyNet"}
