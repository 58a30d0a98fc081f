"""The report of an evaluation: page, charts, pictures."""
