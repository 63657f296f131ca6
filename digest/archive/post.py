"""Parser for posts of this program and its predecessor: returns the edition that a post shows. Pure.

A post contains no English abstracts, no submission times and no primary categories, so the papers of a parsed edition
lack them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from digest.archive import readings
from digest.core import ids
from digest.core.errors import ArchiveError, InvalidPaperIdError
from digest.core.models import (
    Basis,
    Edition,
    Entry,
    Gap,
    Origin,
    Paper,
    Reading,
    Translation,
    VersionId,
    Window,
)
from digest.render import i18n, jekyll, kramdown

IMPORTED = Origin("imported", "imported")
"""The origin of the translations and readings of older posts, whose model is unknown."""

LEAKED = re.compile(
    r"解读失败|\b[45]\d\d (?:Client|Server) Error|Traceback \(most recent call|Error code: \d{3}"
    r"|\b[A-Z]\w*(?:Error|Exception): |HTTPS?ConnectionPool|Max retries exceeded|\"error\": *[{\"]"
)
"""Error messages of programs, which no reading contains."""

_WITHDRAWN = "withdrawn"  # the comment of a paper that a post marks as withdrawn, as in arXiv's records
_LANGUAGES = ("zh-CN", "en")
_FRONT = re.compile(
    r"---\nlayout: post\ntitle: \"arXiv Daily – (\d{4}-\d\d-\d\d)\"\ntags: \[arxiv(.*)\]\n---\n"
)
_MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d"
_WINDOW = re.compile(rf"^- (?:时间窗口|Window).*[：:] ?({_MOMENT}) — ({_MOMENT})$", re.MULTILINE)
_COUNTS = re.compile(
    r"^- (?:抓取总数：|Fetched: )(\d+)(?: 篇)? \\?\| (?:本页显示：|Shown: )(\d+)"
    r"(?:.*(?:此前漏收：|补收：|Late: )(\d+))?",
    re.MULTILINE,
)
_SECTION = re.compile(r"^## (?=.*\n- \*\*(?:Authors|Categories|arXiv|PDF)\*\*:)", re.MULTILINE)
_REPLACEMENTS = re.compile(r"^## (?:更新的论文|Replacements)\n\n(?=- \[)", re.MULTILINE)
_REPLACEMENT = re.compile(r"^- \[(\S+)\]\(\S+\) (.*)$", re.MULTILINE)
_FIELD = r"^- \*\*{}\*\*: ?(.*)$"
_DETAILS = re.compile(r"^<details>\n<summary>.*</summary>\n(.*?)(?:^</details>|\Z)", re.MULTILINE | re.DOTALL)
_WRAPPER = re.compile(r"^(?:<div markdown=\"1\">|</div>)$", re.MULTILINE)
_RULE = re.compile(r"\n+---\s*\Z")


@dataclass(frozen=True, slots=True)
class Section:
    """One paper's part of a post: its source, and the number of its first line, counted from 1."""

    line: int
    source: str


def sections(text: str) -> list[Section]:
    """Split a post into the sections of its papers, without the replacements."""
    replacements = _REPLACEMENTS.search(text)
    body = text[: replacements.start()] if replacements else text
    starts = [found.start() for found in _SECTION.finditer(body)]
    return [
        Section(text.count("\n", 0, start) + 1, text[start:end])
        for start, end in pairwise([*starts, len(body)])
    ]


def parse(text: str, zone: ZoneInfo) -> Edition:
    """Parse the edition that a post shows; the times in the post are in `zone`.

    A leaked error in place of a reading, and a reading without its three parts, count as a reading that is due. Raises
    ArchiveError with the line if the text is not a post.
    """
    front = _required(_FRONT.match(text), 1, "the front matter of a post is missing")
    behind = front[0].count("\n") + 1
    window = _required(_WINDOW.search(text), behind, "the line with the window is missing")
    counts = _required(_COUNTS.search(text), behind, "the line with the counts is missing")
    language = "zh-CN" if "抓取总数" in counts[0] else "en"
    return Edition(
        date=date.fromisoformat(front[1]),
        window=Window(_moment(window[1], zone), _moment(window[2], zone)),
        language=language,
        categories=tuple(front[2].removeprefix(", ").split(", ")) if front[2] else (),
        fetched=int(counts[1]),
        entries=tuple(_entry(section, language) for section in sections(text)),
        late=int(counts[3] or 0),
        replacements=tuple(_replacements(text, language)),
    )


def shown(text: str) -> int | None:
    """Return the number of shown papers in a post's counts line; None if there is no such line."""
    counts = _COUNTS.search(text)
    return int(counts[2]) if counts else None


def _entry(section: Section, language: str) -> Entry:
    version = _version(section)
    head, details = _halves(section.source)
    spoken = i18n.words(jekyll.FOLDER, language)
    withdrawn = head.startswith(spoken.withdrawn)
    head = head.removeprefix(spoken.withdrawn).lstrip("\n")
    mark, _, rest = head.partition("\n\n")
    gap = _gap(spoken.untranslated, mark)
    abstract = _abstract(rest if gap else head)
    translation = Translation(version, language, None, abstract, None, IMPORTED)
    return Entry(
        paper=_paper(section, version, abstract if gap else None, withdrawn=withdrawn),
        translation=gap or translation,
        reading=_reading(details, version, language, spoken),
    )


def _halves(source: str) -> tuple[str, str]:
    """Return the text between the links and the fold, and the folded text."""
    details = _DETAILS.search(source)
    end = details.start() if details else len(source)
    behind_links = max(
        (found.end() for found in re.finditer(r"^- \*\*\w+\*\*:.*\n?", source, re.MULTILINE)), default=0
    )
    head = _RULE.sub("", source[behind_links:end]).strip()
    return head, details[1] if details else ""


def _abstract(source: str) -> str:
    paragraphs = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", source))
    return "\n\n".join(kramdown.text(paragraph) for paragraph in paragraphs if paragraph)


def _replacements(text: str, language: str) -> Iterator[Paper]:
    start = _REPLACEMENTS.search(text)
    said = i18n.words(jekyll.FOLDER, language).replacement_withdrawn
    for name, title in _REPLACEMENT.findall(text[start.end() :]) if start else ():
        withdrawn = title.endswith(f" {said}")
        yield Paper(
            version=ids.version(name),
            title=kramdown.text(title.removesuffix(f" {said}") if withdrawn else title),
            authors=(),
            categories=(),
            primary_category=None,
            abstract=None,
            published=None,
            updated=None,
            comment=_WITHDRAWN if withdrawn else None,
        )


def _paper(section: Section, version: VersionId, abstract: str | None, *, withdrawn: bool) -> Paper:
    title = section.source.partition("\n")[0].removeprefix("## ")
    return Paper(
        version=version,
        title=kramdown.text(title.strip()),
        authors=_list(section, "Authors"),
        categories=_list(section, "Categories"),
        primary_category=None,
        abstract=abstract,
        published=None,
        updated=None,
        comment=_WITHDRAWN if withdrawn else None,
    )


def _list(section: Section, name: str) -> tuple[str, ...]:
    found = re.search(_FIELD.format(name), section.source, re.MULTILINE)
    return (
        tuple(kramdown.text(part) for part in found[1].strip().split(", "))
        if found and found[1].strip()
        else ()
    )


def _version(section: Section) -> VersionId:
    found = re.search(_FIELD.format("arXiv"), section.source, re.MULTILINE)
    try:
        return ids.version(found[1] if found else "")
    except InvalidPaperIdError:
        raise ArchiveError(
            f"line {section.line}: the link to arXiv is missing, or names no version."
        ) from None


def _reading(details: str, version: VersionId, language: str, spoken: Any) -> Reading | Gap:
    body = _WRAPPER.sub("", details).strip()
    gap = _gap(spoken.unread, body)
    if gap is not None:
        return gap
    parts = None if LEAKED.search(body) else readings.parse(body)
    if parts is None:
        return Gap.DUE
    background, method, results = parts
    basis = next(
        (each for each in Basis if (said := spoken.basis[each]) and body.startswith(said)), Basis.WHOLE
    )
    return Reading(version, language, background, method, results, IMPORTED, basis)


def _gap(sentences: dict[str, str], text: str) -> Gap | None:
    return next((Gap(name) for name, sentence in sentences.items() if sentence == text), None)


def _required(found: re.Match[str] | None, line: int, fault: str) -> re.Match[str]:
    if found is None:
        raise ArchiveError(f"line {line}: {fault}.")
    return found


def _moment(local: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC)


def due_sentences() -> list[str]:
    """Return the sentences, one per language, that posts show for a reading that is due."""
    return [i18n.words(jekyll.FOLDER, language).unread[Gap.DUE] for language in _LANGUAGES]
