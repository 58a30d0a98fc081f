"""File formats of images, one file each."""
