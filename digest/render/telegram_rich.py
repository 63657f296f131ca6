"""The limits of Telegram's rich messages, checked for our HTML. Pure.

Source: https://core.telegram.org/bots/api#rich-message-limits (Bot API 10.1). Our HTML never reaches the limit of 16
levels of nesting.
"""

import re

_CHARACTERS = 32_768
_BLOCKS = 500
_BLOCK = re.compile(r"<(?:h[1-6]|p|ul|li|blockquote|details|table|tr)\b")
_HOLDING_TEXT = re.compile(r"<(?:li|blockquote)\b")  # its text is a paragraph, which counts as a block too


def fits(html: str) -> bool:
    """Return True if `html` fits one message. Tags are counted as text, to be on the safe side."""
    blocks = len(_BLOCK.findall(html)) + len(_HOLDING_TEXT.findall(html))
    return len(html) <= _CHARACTERS and blocks <= _BLOCKS
