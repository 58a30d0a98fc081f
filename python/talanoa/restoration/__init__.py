"""Restored images: requests, prediction, training."""
