"""Finding, starting and installing ImageJ and Fiji."""
