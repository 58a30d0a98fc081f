"""What a model is, how it is kept on disk, and how it runs."""
