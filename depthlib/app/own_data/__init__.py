"""Training on a folder of one's own: what lies there, is it fit to learn from, the training, what is left behind."""
