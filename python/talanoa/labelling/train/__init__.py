"""Training of networks that predict stains."""
