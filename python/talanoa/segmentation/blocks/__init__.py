"""Objects of images that do not fit in memory, block by block."""
