"""The folder of annotated images."""
