"""Judging images that were restored: beside the truth, beside the noisy input, or without any truth."""
