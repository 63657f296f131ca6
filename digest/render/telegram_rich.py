"""How much Telegram takes in one rich message, and whether HTML of ours keeps to it. Pure.

Limits: https://core.telegram.org/bots/api#rich-message-limits (Bot API 10.1). Ours never nests 16 levels deep.
"""

import re

_CHARACTERS = 32_768
_BLOCKS = 500
_BLOCK = re.compile(r"<(?:h[1-6]|p|ul|li|blockquote|details|table|tr)\b")
_HOLDING_TEXT = re.compile(r"<(?:li|blockquote)\b")  # the text in it is a paragraph, hence another block


def fits(html: str) -> bool:
    """Whether one message holds `html`. Tags are counted as if they were text, to be on the safe side."""
    blocks = len(_BLOCK.findall(html)) + len(_HOLDING_TEXT.findall(html))
    return len(html) <= _CHARACTERS and blocks <= _BLOCKS
