"""Mobile relative depth (Yucel et al.): ordinal supervision, distillation, loss rebalancing, pruning."""

MODELS = {
    "mobile": "network:MobileDepth",
    "mobile_pruned": "pruned:PrunedMobile",
    "nnconv5": "nnconv5:NNConv5Net",
    "fastdepth": "nnconv5:FastDepth",
}
