"""Training of networks that restore images."""
