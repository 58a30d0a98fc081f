"""Training of networks that find objects."""
