"""Work on the pixels of images: normalisation, background, resampling, registration, noise, thresholds."""
