"""Objects without a network."""
