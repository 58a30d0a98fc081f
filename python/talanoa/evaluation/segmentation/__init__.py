"""Evaluation of objects."""
