"""Objects: requests, prediction, images in blocks, classical recipes, the dataset folder, training."""
