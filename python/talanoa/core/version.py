"""The version of the package: read here by the build and by every result folder."""

__version__ = "0.1.0"
