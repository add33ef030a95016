"""ANUW (Gao et al.): attention in a nested U-Net, and learning from wrong labels."""

MODELS = {"anu": "network:ANU"}
