"""Answers to questions about a paper, by a model, resting on passages that are in the paper to the letter."""

from digest.answering.answerer import QUESTION_LIMIT, Answerer

__all__ = ["QUESTION_LIMIT", "Answerer"]
