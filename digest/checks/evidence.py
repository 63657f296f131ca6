"""Check that a model's statements about a paper are supported by the paper. Pure.

A statement is supported if a passage that it quotes is in the paper, if its numbers are in its own passages (in the
whole paper most numbers occur by chance), and if its addresses are in the paper.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from digest.checks import figures
from digest.checks.quantities import Quantity
from digest.checks.quotes import Searchable, holds, is_in
from digest.checks.units import Measure
from digest.core.findings import Finding, Flaw, finding

_LINK = re.compile(
    r"(?:\b[a-z][a-z\d+.-]*://|www\.)(?:[^\s<>\"'`|{}\\^\u0080-\U0010ffff]+|\S+)"
    r"|[\w.+-]+@(?:[a-z\d-]+\.)+[a-z]{2,}|(?<![\w@./])@[a-z]\w{3,}"  # mail, and people of a messenger
    r"|(?<![\w@.-])(?:[a-z\d-]+\.)+(?:[a-z]{2,}(?=/\w)"
    r"|(?:com|org|net|io|ai|dev|edu|cn|co|app|me|ly|gg|xyz|info|top|site|online|shop|link|ru|uk|de|fr|jp|eu|cc|tv)"
    r"(?![a-z\d-]|\.[a-z\d]))(?:/[\w./~%#?=&+-]*)?",
    re.IGNORECASE | re.ASCII,
)
_LOWER_IS_BETTER = (
    r"(?:WER|CER|PER|DER|EER|LPIPS|FID|FAD|FVD|RMSE|MSE|MAE|MCD|RTF|LSD|PPL|perplexity"
    r"|困惑度|[词字]错率|错误率|误差|延迟|时延)"
)
_BETTERED = re.compile(
    rf"{_LOWER_IS_BETTER}(?![A-Za-z])[^，。；、,;]{{0,6}}?(?:提升|提高|增益)|提[升高]\s*了?\s*{_LOWER_IS_BETTER}(?![A-Za-z])"
)
_FELL = re.compile(
    r"(?:下降|降低|减少|缩短|降幅|reduc\w+|decreas\w+|lower\w*|drop\w*|fell|falls?)"
    r"[^，。；,;%％\d]{0,16}?(\d+(?:\.\d+)?)\s*\\?[%％]",
    re.IGNORECASE,
)
TOLD = 60
"""The number of characters quoted from a statement that is unsupported as a whole."""
_CLOSE = Decimal("0.1")  # relative difference


def located(quotes: Iterable[str], known: Searchable) -> tuple[str, ...]:
    """Return the `quotes` that are in the paper."""
    return tuple(quote for quote in quotes if is_in(quote, known))


def fault(statement: str, passages: Sequence[str], known: Searchable, *, numbers: bool) -> Finding | None:
    """Return the reason why `passages`, which are in the paper, do not support `statement`; None if they do.

    `numbers` requires that its numbers are in them.
    """
    invented = [link for link in links(statement) if not holds(link, known)]
    if invented:
        return finding(Flaw.ADDRESS, ", ".join(invented))
    if not passages:
        return finding(Flaw.UNFOUNDED, statement[:TOLD])
    missing = figures.missing(statement, passages) if numbers else ()
    return finding(Flaw.NUMBER_NOT_QUOTED, ", ".join(missing)) if missing else None


def links(text: str) -> tuple[str, ...]:
    """Return the addresses in `text`, without trailing punctuation."""
    return tuple(found[0].rstrip(".,;:!?)]*$") for found in _LINK.finditer(text))


def doubts(statement: str) -> tuple[Finding, ...]:
    """Return soft findings for implausible claims; they deserve attention but do not drop the statement."""
    bettered = (finding(Flaw.DIRECTION, match[0]) for match in _BETTERED.finditer(statement))
    fell = _FELL.finditer(statement)
    return (*bettered, *(finding(Flaw.OVER_HUNDRED, match[0]) for match in fell if float(match[1]) > 100))


def disagreements(abstract: str, statements: Iterable[str]) -> tuple[Finding, ...]:
    """Return a finding for each result in `abstract` for which the statements only have a close, different number."""
    told = _results([abstract])
    said = _results(statements)
    return tuple(
        finding(Flaw.DISAGREES, f"{ours.written} / {theirs.written}")
        for ours in told
        if abs(ours.bare) not in {abs(each.bare) for each in said}
        for theirs in said
        if abs(theirs.bare) not in {abs(each.bare) for each in told} and _is_close(ours, theirs)
    )


def _results(texts: Iterable[str]) -> list[Quantity]:
    """Return the percentages and decimals in `texts`; other numbers are mostly counts."""
    found = (each for text in texts for each in figures.stated(text))
    return [each for each in found if _is_share(each) or each.bare % 1]


def _is_share(one: Quantity) -> bool:
    return one.amounts[0].measure is Measure.SHARE


def _is_close(one: Quantity, other: Quantity) -> bool:
    """Return True if two numbers are close enough to mean the same."""
    near = abs(abs(one.bare) - abs(other.bare)) <= abs(one.bare) * _CLOSE
    return _is_share(one) == _is_share(other) and near
