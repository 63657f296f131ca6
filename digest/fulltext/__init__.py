"""The full text of a paper: from arXiv's HTML page, or from the PDF.

Nothing is imported here: the process that opens a PDF starts for each, and is to load what it needs alone.
"""
