"""A lower bound for the tokens of a text, for any tokenizer; an endpoint that counts fewer has cut the text. Pure."""

import re

_HAN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")

# The maximum average number of characters in a token. Measured with OpenAI's tokenizers o200k_base and cl100k_base and
# that of DeepSeek V4: English papers 3.5 to 4.9, the plainest 4,000 characters of them 5.85; Han characters alone 0.9
# to 1.8. The bounds are a fifth and two fifths above the maxima.
_CHARACTERS_A_TOKEN = 7.0
_HAN_A_TOKEN = 2.5


def tokens_at_least(text: str) -> int:
    """Return a lower bound for the number of tokens of `text`."""
    han = sum(1 for _ in _HAN.finditer(text))
    return int(han / _HAN_A_TOKEN + (len(text) - han) / _CHARACTERS_A_TOKEN)


SHORT_TOKENS = 1_500
"""The lower bound of a prompt about an abstract: it fits every context, so if it fails, length is not the reason."""


_SMALLEST_WINDOW_TOKENS = 2_000  # no endpoint cuts to less; some report smaller counts that are made up
_WINDOWS = frozenset(2**power for power in range(11, 18))  # 2,048 to 131,072
_PLAIN = 1.35  # times the lower bound: the fewest tokens measured for whole papers


def is_cut(prompt: str, counted_tokens: int) -> bool:
    """Return True if an endpoint that counts `counted_tokens` for `prompt` has cut it.

    Servers that cut silently (Ollama beyond `num_ctx`) report the size of the context as that of the prompt. For such a
    number, a count that is merely low is enough.
    """
    least = tokens_at_least(prompt)
    if counted_tokens < _SMALLEST_WINDOW_TOKENS:
        return False
    return counted_tokens < least or (counted_tokens in _WINDOWS and counted_tokens < least * _PLAIN)
