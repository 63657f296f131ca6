"""The detailed reading of a paper's full text in three parts, by a model, each claim with its passages."""

from digest.pipeline.reading.reader import Read, Reader

__all__ = ["Read", "Reader"]
