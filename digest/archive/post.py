"""Parser for posts and their readings, in every form that this program and its predecessor published. Pure.

It returns the edition that a post shows. A post contains no English abstracts, no submission times and no primary
categories, so the papers of a parsed edition lack them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from digest.core import ids
from digest.core.errors import ArchiveError, InvalidPaperIdError
from digest.core.models import (
    RULE,
    Basis,
    Claim,
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
from digest.render import i18n, jekyll

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
class PostSection:
    """One paper's part of a post: its source, and the number of its first line, counted from 1."""

    line: int
    source: str


def sections(text: str) -> list[PostSection]:
    """Split a post into the sections of its papers, without the replacements."""
    replacements = _REPLACEMENTS.search(text)
    body = text[: replacements.start()] if replacements else text
    starts = [found.start() for found in _SECTION.finditer(body)]
    return [
        PostSection(text.count("\n", 0, start) + 1, text[start:end])
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


def _entry(section: PostSection, language: str) -> Entry:
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
    return "\n\n".join(jekyll.kramdown_text(paragraph) for paragraph in paragraphs if paragraph)


def _replacements(text: str, language: str) -> Iterator[Paper]:
    start = _REPLACEMENTS.search(text)
    said = i18n.words(jekyll.FOLDER, language).replacement_withdrawn
    for name, title in _REPLACEMENT.findall(text[start.end() :]) if start else ():
        withdrawn = title.endswith(f" {said}")
        yield Paper(
            version=ids.version(name),
            title=jekyll.kramdown_text(title.removesuffix(f" {said}") if withdrawn else title),
            authors=(),
            categories=(),
            primary_category=None,
            abstract=None,
            published=None,
            updated=None,
            comment=_WITHDRAWN if withdrawn else None,
        )


def _paper(section: PostSection, version: VersionId, abstract: str | None, *, withdrawn: bool) -> Paper:
    title = section.source.partition("\n")[0].removeprefix("## ")
    return Paper(
        version=version,
        title=jekyll.kramdown_text(title.strip()),
        authors=_list(section, "Authors"),
        categories=_list(section, "Categories"),
        primary_category=None,
        abstract=abstract,
        published=None,
        updated=None,
        comment=_WITHDRAWN if withdrawn else None,
    )


def _list(section: PostSection, name: str) -> tuple[str, ...]:
    found = re.search(_FIELD.format(name), section.source, re.MULTILINE)
    return (
        tuple(jekyll.kramdown_text(part) for part in found[1].strip().split(", "))
        if found and found[1].strip()
        else ()
    )


def _version(section: PostSection) -> VersionId:
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
    parts = None if LEAKED.search(body) else parse_reading(body)
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


_PART = re.compile(r"\#{2,4}\s+(?P<heading>.+)|(?P<number>[123])[.)）](?:\s+(?P<rest>.*)|\s*)$")
_ITEM = re.compile(r"(?P<indent>[ \t\u3000]*)(?:[-*+]\s+|[・•·]\s*|(?=\d{1,2}[.)]\s))(?P<text>.*)")
_HEADING = re.compile(r"#{2,6}\s+(.*[^\s#])[\s#]*")  # within a part
_READING_RULE = re.compile(r"([-*_])(?: ?\1){2,}")
# The headings that older prompts asked for; posts add their own heading to each part now.
_OLD_HEADINGS = frozenset(
    {
        "研究背景与既有方法的问题",
        "论文核心方法如何解决上述问题",
        "核心方法如何解决这些问题",
        "在哪些任务上取得了怎样的效果",
    }
)
_NOTHING_UNDER = 1_000  # columns; no line is indented deeper, so nothing nests under it
_COLUMNS = {" ": 1, "\t": 4, "\u3000": 2}


@dataclass
class _Node:
    """A claim under construction; nested items must begin to the right of `column`."""

    text: str
    column: int
    nodes: list["_Node"] = field(default_factory=list)

    def claim(self) -> Claim:
        if _READING_RULE.fullmatch(self.text):
            return RULE
        return Claim(jekyll.kramdown_text(self.text), tuple(node.claim() for node in self.nodes))


ReadingPart = tuple[Claim, ...]


def parse_reading(source: str) -> tuple[ReadingPart, ReadingPart, ReadingPart] | None:
    """Parse the three parts of a reading, in all historical forms; None if there are not exactly three with claims.

    Older posts number the parts `1)`, `1.` or not at all, with or without headings, on a line of their own or not;
    their lists have three kinds of bullets, and indents of two to eight columns. Headings and bullets are dropped.
    Everything else is kept in its order and depth, item numbers and rules too. If the first part has a heading, all
    parts have one, and numbers are list items.

    All parts begin with the same kind of mark if possible, so a list may use another: `1.` and `2.` within part `1)`.
    """
    return _parsed(source, alike=True) or _parsed(source, alike=False)


def _parsed(source: str, *, alike: bool) -> tuple[ReadingPart, ReadingPart, ReadingPart] | None:
    parts: list[_Outline] = []
    first = ""
    for line in source.splitlines():
        sign = _sign(line)
        is_other = first == "#" or alike
        begun = None if parts and is_other and sign != first else _part(line, len(parts))
        if begun is not None:
            first = first or sign
            parts.append(_Outline())
            line = begun  # noqa: PLW2901 - the text after the number belongs to the part
        if parts:
            parts[-1].add(line)
    if len(parts) != 3 or not all({*part.claims()} - {RULE} for part in parts):
        return None
    background, method, results = parts
    return background.claims(), method.claims(), results.claims()


def _sign(line: str) -> str:
    """Return the kind of mark that may begin a part on `line`: `#`, or the character after the number."""
    return "#" if line.startswith("#") else line[1:2].replace("）", ")")


def _part(line: str, begun: int) -> str | None:
    """Return the text after the mark of the next part on `line`; None if the line does not begin the next part."""
    found = _PART.fullmatch(line.rstrip())
    if found is None or (found["number"] and int(found["number"]) != begun + 1):
        return None
    return found["rest"] or ""


class _Outline:
    """The claims of one part, added line by line."""

    def __init__(self) -> None:
        self._root = _Node("", -2)
        self._open = [self._root]
        self._may_continue = False

    def add(self, line: str) -> None:
        stripped = line.strip(" \t\u3000")
        if not stripped:
            self._may_continue = False
        elif _READING_RULE.fullmatch(stripped):
            self._append(_Node(stripped, _NOTHING_UNDER), below=-1)
            self._may_continue = False
        elif stripped.strip("*# ：:") in _OLD_HEADINGS:
            return
        elif found := _HEADING.fullmatch(stripped):
            self._paragraph(_indent(line), found[1] if "*" in found[1] else f"**{found[1]}**")
        elif found := _ITEM.fullmatch(line.rstrip()):
            self._item(_columns(found["indent"]), found["text"].strip())
        elif self._may_continue and _indent(line) > self._open[-1].column:
            self._open[-1].text += " " + stripped
        else:
            self._paragraph(_indent(line), stripped)

    def claims(self) -> ReadingPart:
        return tuple(node.claim() for node in self._root.nodes)

    def _item(self, column: int, text: str) -> None:
        self._append(_Node(text, column), below=column)
        self._may_continue = True

    def _paragraph(self, column: int, text: str) -> None:
        """Add a paragraph; items of a list that it introduces are nested under it, though they begin at its column."""
        leads = text.endswith(("：", ":")) or re.fullmatch(r"\*\*[^*]+\*\*", text) is not None
        self._append(_Node(text, column - 1 if leads else column), below=column - 1)
        self._may_continue = False

    def _append(self, node: _Node, below: int) -> None:
        while self._open[-1].column >= below and len(self._open) > 1:
            self._open.pop()
        self._open[-1].nodes.append(node)
        self._open.append(node)


def _indent(line: str) -> int:
    return _columns(line[: len(line) - len(line.lstrip(" \t\u3000"))])


def _columns(blank: str) -> int:
    return sum(_COLUMNS[character] for character in blank)
