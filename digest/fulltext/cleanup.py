"""Judges and corrects the text extracted from a document of any source: what all extractors share. Pure.

Its characters are made plain; its references go; words that run together are taken apart. Judged are whether it is
legible, whether it is that of the whole paper, and whether what it hides gives orders to a language model.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Extract:
    """The text that a reader sees, and what the document holds beside it that no reader does.

    Not `whole`: the document says itself that it breaks off, or pages of it are lost. `has_references` tells whether
    there was a list of references, which is not in `text`. `extractors` names the libraries that the text is from.
    """

    text: str
    hidden: str = ""
    whole: bool = True
    has_references: bool = False
    extractors: tuple[str, ...] = ()


# These ligatures and no other compatibility forms: NFKC would turn x² into x2.
_PLAIN = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
    | {"\u00a0": " ", "\u00ad": "-", "\u2028": "\n", "\u2029": "\n"}
)
# Control characters (no database takes NUL), halves of surrogate pairs, and what shows nothing at all: zero
# width, changes of direction, and the tags and variants of signs in which orders to models have been hidden.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e01ef]"
)
_TAGS = re.compile("[\U000e0020-\U000e007e]")
MINIMUM_CHARACTERS = 1_250
"""A text of fewer is hardly more than an abstract."""

_WORD = re.compile(r"[^\W\d_]{3,}")
_LEGIBLE = 0.3  # share of the characters in words: 0.75 and more in papers, 0.2 and less in noise
_JUDGED_CHARACTERS = 200  # below which a share says nothing


def plain_characters(text: str) -> str:
    """`text` with ligatures as letters, and without characters that cannot be seen."""
    return _UNSEEN.sub("", text.translate(_PLAIN))


def tag_characters(text: str) -> str:
    """The ASCII that `text` holds in tags (U+E0020 to U+E007E), which no reader sees and models read."""
    return "".join(chr(ord(sign) - 0xE0000) for sign in _TAGS.findall(text))


def is_garbled(text: str) -> bool:
    """Return whether `text` is noise because its fonts do not map glyphs to characters; a short text never is."""
    characters = len("".join(text.split()))
    if characters < _JUDGED_CHARACTERS:
        return False
    return sum(len(word) for word in _WORD.findall(text) if _is_natural(word)) < _LEGIBLE * characters


def _is_natural(word: str) -> bool:
    """Return whether capitals stand where a script puts them; in scripts without capitals they always do."""
    return word[1:].islower() or word.isupper() or word.lower() == word.upper()


ENOUGH_CHARACTERS = 4_000
"""Without references: a page with fewer may be a conversion that broke off, so that the PDF is asked too."""
_SHARE = 0.8
"""Of the words of the PDF: measured, a whole page has 0.96 of them, as the words in figures are in the PDF alone."""
_FORMULA = re.compile(r"\$\$[^$]*\$\$|\$[^$]*\$")  # whose TeX has more letters than what is shown


def is_doubtful(page: Extract) -> bool:
    """Return whether `page` gives a sign that it is not the whole paper.

    LaTeXML gives up on some papers and arXiv shows what it had made by then, which can be a third of the paper and
    more than long enough to be taken for all of it. To compare every page with its PDF would double what arXiv is
    asked for; so the PDF is fetched only where the page itself gives a sign, and then it decides (`breaks_off`):

    - the page says that its conversion ended in a fatal error, or its article has no end;
    - it has no list of references, which stands at the end, and which nearly every paper has;
    - it has little text.

    A page that breaks off without any of these signs is not noticed.
    """
    return not page.whole or not page.has_references or len(page.text) < ENOUGH_CHARACTERS


def breaks_off(page: Extract, pdf: Extract) -> bool:
    """Return whether `page` lacks part of the paper that `pdf` has."""
    if not page.whole or (pdf.has_references and not page.has_references):
        return True
    return _words(page) < _SHARE * _words(pdf)


def _words(found: Extract) -> int:
    """The words outside formulas."""
    return len(_WORD.findall(_FORMULA.sub(" ", found.text)))


_NUMBER = r"(?:#+ )?(?:\d{1,2}\.?|[IVX]{1,5}\.|[A-Z]\.)?\s*"
_HEADING = re.compile(
    rf"{_NUMBER}(?:references?(?: and notes| cited)?|bibliography|literature cited|works cited"
    r"|literatur(?:verzeichnis)?|références|referencias|bibliograf[ií]a|参考文献|參考文獻)\s*:?",
    re.IGNORECASE,
)
_APPENDIX = re.compile(
    r"(?:#+ .*|appendi(?:x|ces)\b.{0,80}|supplement(?:ary|al)\b.{0,60}|anhang\b.{0,60}|annexe?\b.{0,60}|附录.{0,40})",
    re.IGNORECASE,
)
_LETTERED = re.compile(r"[A-Z](?:\.\d{1,2})?\.?\s+[A-Z][^,;]{3,70}(?<![.,;-])")
_LABEL = re.compile(
    r"\[[^\]\s]{1,12}\]\s|\[[^\]]{2,60}\(\d{4}[a-z]?\)|\d{1,3}\.\s+\S"
)  # [7], [KM97], 7. A. Author
_YEAR = re.compile(r"\b(?:1[89]\d|20[0-4])\d[a-z]?\b")
_REACH = 15  # lines: the longest entry, and some more
_ENTRIES = 2  # labels or years within reach: fewer are no list
_YEARS = 4  # within reach: a text that cites may have fewer
_REMAINDER = 8  # lines: the rest of the last entry, not an appendix


def drop_references(lines: Sequence[str]) -> list[str]:
    """`lines` without the lists of references among them, headings included.

    Appendices stay wherever they stand: where it is doubtful whether the references have ended, they have. Losing an
    appendix is worse than keeping a few entries. A heading in the first tenth is taken for a line of the table of
    contents.
    """
    kept: list[str] = []
    listing = labelled = False
    for at, line in enumerate(lines):
        if at * 10 >= len(lines) and _opens(lines, at):
            listing, labelled = True, _labels(lines, at + 1) >= _ENTRIES
        elif listing and _ends(lines, at, labelled=labelled):
            listing = False
        if not listing:
            kept.append(line)
    return kept


def _opens(lines: Sequence[str], at: int) -> bool:
    if not _HEADING.fullmatch(_spaceless_capitals(lines[at].strip())):
        return False
    return max(_labels(lines, at + 1), _years(lines, at + 1)) >= _ENTRIES


def _ends(lines: Sequence[str], at: int, *, labelled: bool) -> bool:
    """Return whether the list ends before this line; `labelled` says whether its entries begin with labels."""
    line = lines[at].strip()
    if _APPENDIX.fullmatch(line):
        return True
    if _LETTERED.fullmatch(line):
        return _labels(lines, at) < _ENTRIES if labelled else _years(lines, at) < _YEARS
    if labelled and not _labels(lines, max(0, at - _REACH), 2 * _REACH):
        return True
    over = not _labels(lines, at) and not _years(lines, at)
    return over and len(lines) - at > _REMAINDER


def _labels(lines: Sequence[str], at: int, reach: int = _REACH) -> int:
    return sum(1 for line in lines[at : at + reach] if _LABEL.match(line.strip()))


def _years(lines: Sequence[str], at: int) -> int:
    return sum(1 for line in lines[at : at + _REACH] if _YEAR.search(line))


def _spaceless_capitals(line: str) -> str:
    """Small capitals come out of a PDF as `R EFERENCES`."""
    return re.sub(r"\b([A-Z]) (?=[A-Z]{3})", r"\1", line)


_MODEL = r"(?:ai|llms?|language models?|chatbots?|chatgpt|gpt(?:-\w+)?)"
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}"
    r"\b(?:instructions?|prompts?|rules|guidelines|you were told|(?:everything|anything|all) (?:above|before))\b"
    rf"|\b(?:as|if you are|note to|attention|dear) (?:an? |all |any )?(?:large )?{_MODEL}\b|\b{_MODEL} reviewers?\b"
    r"|\b(?:give|write|provide|generate|output|assign|leave|produce)\b.{0,40}"
    r"\b(?:positive|favou?rable|glowing|enthusiastic|highest?|top|full)\b.{0,20}\b(?:reviews?|scores?|ratings?)\b"
    r"|\bpositive review only\b|\bonly (?:the )?(?:positives?|strengths)\b"
    r"|\b(?:do not|don't|never)\b.{0,20}\b(?:highlight|mention|report|include|list|reveal)\b.{0,30}"
    r"\b(?:negatives?|weakness(?:es)?|limitations?|flaws?|shortcomings?)\b"
    r"|\b(?:recommend|praise|accept)\b.{0,30}\b(?:this|the) (?:paper|manuscript|submission)\b"
    r"|(?:忽略|无视).{0,12}(?:指令|提示|要求|规则)|(?:正面|积极)的?(?:评价|评审|评语)|作为(?:一个)?(?:语言模型|人工智能)",
    re.IGNORECASE,
)
_LIMIT = 2_000  # characters that are kept


def prompt_injection_in(hidden: str) -> str:
    """The beginning of `hidden`, on one line, where it gives a model orders; else nothing.

    Only of hidden text is that evidence: a paper about such attacks quotes them where everybody sees them.
    """
    line = " ".join(hidden.split())
    return line[:_LIMIT] if _ORDER.search(line) else ""


GLUED_SHARE = 0.02
"""Of the letters of a page: more of them in overlong words are a reason to ask again.

Measured on the pages of twelve sound papers: 0.007 and less in English, up to 0.09 in German, for which asking again
changes nothing and takes a few hundredths of a second.
"""
_OVERLONG = 19  # letters
_ALONE_SHARE = 0.05  # of the words: more single letters than before are words taken apart
_LOCATABLE = 8  # characters: fewer are found anywhere
_MOST_CHARACTERS = 200_000  # of a page that is looked at
_SPACING_WORD = re.compile(
    r"[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff]+"
)  # of scripts that put spaces between words
_ADDRESS = re.compile(r"\S*(?:://|www\.|@|[_\\])\S*")
_HYPHENS = str.maketrans("\x02\ufffe", "--")  # PDFium's marks for one at a line's end


def glued_share(text: str) -> float:
    """The share of the letters of `text` that stand in runs of 19 or more, addresses and identifiers left out."""
    runs = [len(run) for run in _SPACING_WORD.findall(_ADDRESS.sub(" ", plain_characters(text)))]
    return sum(run for run in runs if run >= _OVERLONG) / max(1, sum(runs))


def is_glued(text: str) -> bool:
    """Return whether so many words run together that another extractor is worth asking."""
    return glued_share(text) > GLUED_SHARE


def respaced(text: str, other: str) -> str:
    """`text` with the spaces that `other`, the same page by another extractor, has between the same characters.

    pypdf infers the spaces of a PDF from gaps, and where a font tells its widths wrong, misses most of them. Of the
    second extractor nothing is taken but the spaces: each character of a corrected text is one of the first's, so that
    what `hidden_text` removed does not come back. Unchanged where that is no better.
    """
    if max(len(text), len(other)) > _MOST_CHARACTERS:
        return text
    words = plain_characters(other.translate(_HYPHENS)).split()
    found = _Spaces(words)
    made = "\n".join(found.put_into(line) for line in plain_characters(text).splitlines())
    better = glued_share(made) < glued_share(text) and _alone(made) <= _alone(text) + _ALONE_SHARE
    return made if better else text


class _Spaces:
    """The characters of a text without its spaces, and where these were."""

    def __init__(self, words: list[str]) -> None:
        self._characters = "".join(words)
        self._ends: set[int] = set()
        at = 0
        for word in words:
            at += len(word)
            self._ends.add(at)
        self._reached = 0  # lines mostly come in the same order

    def put_into(self, line: str) -> str:
        """`line` with these spaces; where it is not to be found as a whole, each of its words by itself."""
        whole = self._spaced("".join(line.split()))
        if whole is not None:
            return whole
        return " ".join(word if (made := self._spaced(word)) is None else made for word in line.split())

    def _spaced(self, characters: str) -> str | None:
        if len(characters) < _LOCATABLE:
            return None
        begin = self._characters.find(characters, self._reached)
        if begin < 0:
            begin = self._characters.find(characters)
        if begin < 0:
            return None
        self._reached = begin + len(characters)
        cuts = [at for at in range(begin, self._reached) if at in self._ends and at > begin]
        bounds = [0, *(at - begin for at in cuts), len(characters)]
        return " ".join(characters[one:other] for one, other in pairwise(bounds))


def _alone(text: str) -> float:
    """The share of the words that are one letter."""
    words = _SPACING_WORD.findall(text)
    return sum(len(word) == 1 for word in words) / max(1, len(words))
