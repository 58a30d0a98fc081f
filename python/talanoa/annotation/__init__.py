"""Making training sets: the dataset folder, choosing images, saving, checking and repairing annotations."""
