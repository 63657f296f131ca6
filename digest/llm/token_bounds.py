"""How few tokens a text can have, whatever the tokenizer: what an endpoint counts below that, it has not read. Pure."""

import re

_HAN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")

# The most characters that one token covers on average. Measured with OpenAI's tokenizers o200k_base and cl100k_base and
# that of DeepSeek V4: papers in English 3.5 to 4.9, the plainest 4,000 characters of them 5.85; Han characters by
# themselves 0.9 to 1.8. The bounds lie a fifth and two fifths above.
_CHARACTERS_A_TOKEN = 7.0
_HAN_A_TOKEN = 2.5


def tokens_at_least(text: str) -> int:
    """A lower bound for the tokens of `text`."""
    han = sum(1 for _ in _HAN.finditer(text))
    return int(han / _HAN_A_TOKEN + (len(text) - han) / _CHARACTERS_A_TOKEN)


SHORT_TOKENS = 1_500
"""Of a prompt about an abstract, by the lower bound: every window has room for it, what fails has another reason."""


_SMALLEST_WINDOW_TOKENS = 2_000  # no endpoint cuts to less; a smaller count is a made-up one, as some report
_WINDOWS = frozenset(2**power for power in range(11, 18))  # 2,048 to 131,072
_PLAIN = 1.35  # times the lower bound: the fewest tokens that were measured of whole papers


def is_cut(prompt: str, counted_tokens: int) -> bool:
    """Whether an endpoint that counts so many tokens for `prompt` has left a part of it out.

    Servers that cut in silence (Ollama beyond `num_ctx`) report the window's size as the prompt's: for such a number, a
    count that is merely low is enough.
    """
    least = tokens_at_least(prompt)
    if counted_tokens < _SMALLEST_WINDOW_TOKENS:
        return False
    return counted_tokens < least or (counted_tokens in _WINDOWS and counted_tokens < least * _PLAIN)
