"""Runs: what they are asked for, how they are carried out, where they are kept."""
