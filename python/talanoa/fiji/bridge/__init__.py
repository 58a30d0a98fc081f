"""Images, ROIs and tables between ImageJ and Python."""
