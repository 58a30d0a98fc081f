"""The bridge to ImageJ: which ImageJ runs, and how images and tables cross.

Importing this package starts no JVM; `talanoa.fiji.setup.runtime.start` does.
"""
