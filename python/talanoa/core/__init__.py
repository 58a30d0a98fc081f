"""What every room needs and what knows nothing of images: errors, files, locks, devices, progress, requests."""
