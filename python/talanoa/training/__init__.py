"""Training of every method: one loop, the folder it lives in, thresholds, scores, report."""
