"""Judging predicted stains by what a biologist measures on them, beside the true stains."""
