"""Losses between a predicted and a true image: one file each; `combined` has them all by name."""
