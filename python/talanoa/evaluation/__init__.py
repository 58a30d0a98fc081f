"""Judging what a model makes: pairs of truth and prediction, scores, leak check, pictures, report."""
