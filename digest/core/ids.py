"""Parser for arXiv identifiers in any text or URL in which a person names a paper.

The scheme is arXiv's: https://info.arxiv.org/help/arxiv_identifier.html. URLs need no list of hosts:
arxiv.org, alphaXiv, Hugging Face papers and DOIs (10.48550/arXiv.…) all contain the identifier unchanged.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from digest.core.errors import InvalidPaperIdError
from digest.core.models import PaperId, VersionId

_ARCHIVES = (  # noqa: SIM905 - a list of words reads best as words
    "acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat "
    "cs dg-ga funct-an gr-qc hep-ex hep-lat hep-ph hep-th math math-ph mtrl-th nlin nucl-ex nucl-th patt-sol "
    "physics plasm-ph q-alg q-bio quant-ph solv-int supr-con"
).split()
_IDENTIFIER = re.compile(
    r"(?:(?<![\w.])|(?<=arxiv\.))(?:"
    r"(?P<month>\d{2}(?:0[1-9]|1[0-2]))\.(?P<number>\d{4,5})"
    rf"|(?P<archive>{'|'.join(_ARCHIVES)})(?:\.[a-z-]{{2,3}})?/(?P<old>\d{{2}}(?:0[1-9]|1[0-2])\d{{3}})"
    r")(?:v(?P<version>[1-9]\d{0,2}))?(?!\w)(?!\.\d)",
    re.ASCII | re.IGNORECASE,
)
_FIRST_NEW_MONTH = "0704"
_FIRST_FIVE_DIGIT_MONTH = "1501"
_SHOWN = 80  # characters of a rejected text that an error message quotes


@dataclass(frozen=True, slots=True)
class PaperRef:
    """A reference to a paper by a person; `version` None means the latest."""

    paper: PaperId
    version: int | None = None

    def __str__(self) -> str:
        return str(self.paper) if self.version is None else str(VersionId(self.paper, self.version))


def parse(text: str) -> PaperRef:
    """Return the one paper that `text` names.

    Raises InvalidPaperIdError if it names none or several.
    """
    refs = find(text)
    shown = text.strip()[:_SHOWN]
    if not refs:
        raise InvalidPaperIdError(
            f"“{shown}” names no arXiv paper: give an identifier such as 2602.11145 or hep-ex/0406020, "
            "or a link to the paper."
        )
    if len(refs) > 1:
        raise InvalidPaperIdError(f"“{shown}” names several papers: give one.")
    return refs[0]


def find(text: str) -> list[PaperRef]:
    """Return the papers that `text` names, in order and without duplicates."""
    found = (_ref(match) for match in _IDENTIFIER.finditer(unquote(text)))
    return list(dict.fromkeys(ref for ref in found if ref is not None))


def version(text: str) -> VersionId:
    """Return the paper version that `text` names, as arXiv's own responses do.

    Raises InvalidPaperIdError if it names no paper, several, or one without a version.
    """
    ref = parse(text)
    if ref.version is None:
        raise InvalidPaperIdError(f"“{text.strip()[:_SHOWN]}” does not name a version of the paper.")
    return VersionId(ref.paper, ref.version)


def _ref(match: re.Match[str]) -> PaperRef | None:
    number = match["version"]
    asked = int(number) if number else None
    if match["old"]:
        return PaperRef(PaperId(f"{match['archive'].lower()}/{match['old']}"), asked)
    month = match["month"]
    digits = 5 if month >= _FIRST_FIVE_DIGIT_MONTH else 4
    if month < _FIRST_NEW_MONTH or len(match["number"]) != digits:
        return None
    return PaperRef(PaperId(f"{month}.{match['number']}"), asked)
