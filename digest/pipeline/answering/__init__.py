"""Answers to questions about a paper, made by a model and supported by verbatim passages of the paper."""

from digest.pipeline.answering.answerer import QUESTION_LIMIT, Answerer

__all__ = ["QUESTION_LIMIT", "Answerer"]
