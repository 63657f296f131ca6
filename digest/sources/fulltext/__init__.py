"""The full text of a paper: from arXiv's HTML page, or from the PDF."""

from digest.sources.fulltext.fetch import FullTexts

__all__ = ["FullTexts"]
