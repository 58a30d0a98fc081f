"""Measurements of objects, and metrics of agreement."""
