"""One metric, one definition, one file; used by training, reports and every door alike."""
