"""Cleaning of arXiv's titles, names and abstracts: removes line wraps and converts TeX accents. Pure.

Formulas are kept verbatim.
"""

import re

from pylatexenc.latex2text import LatexNodes2Text

from digest.core.invisible import removed

_MATH = re.compile(r"(\$\$.+?\$\$|\$[^$]+\$|\\\(.+?\\\)|\\\[.+?\\\])", re.DOTALL)
_LETTER = r"(?:\{\s*\\?[A-Za-z]\s*\}|\\[ij](?![A-Za-z])|[A-Za-z])"
_ACCENT = rf"\\(?:['\"`^~=.]\s*{_LETTER}|[uvHcdbkrt](?:\s+{_LETTER}|\{{\s*\\?[A-Za-z]\s*\}}))"
_NAMED = r"\\(?:ss|ae|AE|oe|OE|aa|AA|o|O|l|L|i|j|dh|DH|th|TH)(?![A-Za-z])(?:\s*\{\}|\s+(?=[a-z]))?"
_COMMAND = re.compile(rf"\{{(?P<group>{_ACCENT}|{_NAMED})\}}|(?P<bare>{_ACCENT}|{_NAMED})|\\(?P<sign>[%&#_])")
_TO_TEXT = LatexNodes2Text(strict_latex_spaces=False)


def clean(text: str) -> str:
    """Clean `text`: one line, no invisible characters, TeX accents and escapes as characters except in formulas."""
    one_line = " ".join(removed(text).split())
    parts = _MATH.split(one_line)
    return "".join(part if at % 2 else _COMMAND.sub(_letter, part) for at, part in enumerate(parts))


def _letter(match: re.Match[str]) -> str:
    if match["sign"]:
        return match["sign"]
    source = match["group"] or match["bare"]
    return str(_TO_TEXT.latex_to_text(source)).strip()
