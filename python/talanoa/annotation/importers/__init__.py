"""Annotations of other programs, one file a format."""
