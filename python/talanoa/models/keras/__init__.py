"""Models that the original packages trained with Keras."""
