"""Networks only: tensors in, tensors out, nothing about images or files."""
