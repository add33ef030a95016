"""Dual networks (Zhou et al.): depth from video at high resolution."""

MODELS = {"lr_net": "network:LRNet", "dual": "network:DualNet", "video": "video_network:VideoDepth"}
