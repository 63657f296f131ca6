"""Composes mails: newsletters of campaigns, and transactional mail to people who entered an address in the form. Pure.

Subscribers with equal preferences share one newsletter, except for their personal links. It shows so much of each paper
that no client clips it. The texts are templates for HTML and plain text, and the words of each language.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from itertools import islice
from secrets import token_hex
from typing import Any

import css_inline
from markupsafe import Markup

from bot.core.models import Campaign, Detail, Part, Preferences, Subject
from bot.links import Links
from bot.mail import message
from bot.mail.shortening import ShownLength, ShownLengths, longest
from bot.mail.templates import CACHED, line, render_html, render_macro, render_text, style, words
from digest.core.identity import Identity
from digest.core.models import Edition, Entry, Gap, Paper
from digest.render import announcement

HTML_LIMIT = 90_000
"""Bytes of HTML, including the personal end. Gmail clips mails over about 102,000 bytes."""

_ADDRESSES = 4_000  # maximum bytes of the sender's and recipient's addresses, escaped
_PREHEADER = 150  # characters that clients show after the subject
_PREHEADER_TITLES = 5
_END = "<!--end-->"  # marks the beginning of the personal part in the templates
_FEEDBACK_SENDER = "arxiv-daily"
_WANTED = {
    Detail.TITLES: ShownLength.TITLE,
    Detail.ABSTRACTS: ShownLength.ABSTRACT,
    Detail.READINGS: ShownLength.READING,
}
_INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Item:
    """A paper in the mail; `link` leads to its full content."""

    number: str
    entry: Entry
    amount: ShownLength
    link: str

    @property
    def title(self) -> str:
        """The translated title, or the original one if there is none."""
        return _title_of(self.entry)


def _title_of(entry: Entry) -> str:
    translated = None if isinstance(entry.translation, Gap) else entry.translation.title
    return translated or entry.paper.title


def compose(
    campaign: Campaign, edition: Edition | None, preferences: Preferences, links: Links
) -> tuple[Part, ...]:
    """Compose the mail of a campaign for subscribers with these `preferences`, as `message.build` takes it."""
    if campaign.subject is Subject.BROADCAST:
        return (_broadcast(campaign.text or "", preferences.language, str(campaign.id)),)
    if edition is None:
        return (_quiet(campaign, preferences.language),)
    return (_edition(edition, preferences, links),)


def letter(
    subject: str,
    paragraphs: Sequence[str],
    language: str,
    *,
    personal: bool,
    link: str = "",
    button: str = "",
    feedback: str = "",
    html: Markup | None = None,
) -> Part:
    """Compose a short mail: `paragraphs`, and a `button` with a `link`. A `personal` mail ends with an unsubscribe
    link.

    `html` replaces the paragraphs in the HTML part.
    """
    shown = {
        "subject": subject,
        "preheader": _cut(paragraphs[0]),
        "paragraphs": paragraphs,
        "personal": personal,
        "link": link,
        "button": button,
        "html": html,
    }
    text = render_text("letter", language, **shown)
    return _part(subject, _html("letter", language, shown), text, language, feedback, personal=personal)


def _broadcast(text: str, language: str, name: str) -> Part:
    return letter(
        words(language).broadcast,
        [announcement.plain(text)],
        language,
        personal=True,
        feedback=_feedback(name, language, "broadcast"),
        html=announcement.html(text),
    )


def _quiet(campaign: Campaign, language: str) -> Part:
    day, said = campaign.edition_date, words(language)
    feedback = _feedback(str(day), language, "quiet")
    return letter(said.quiet_subject(day), [said.quiet(day)], language, personal=True, feedback=feedback)


def _edition(edition: Edition, preferences: Preferences, links: Links) -> Part:
    language = preferences.language
    wanted = (
        *(_WANTED[preferences.detail] for _ in edition.entries),
        *(ShownLength.TITLE for _ in edition.replacements),
    )
    room = HTML_LIMIT - _ADDRESSES - 2 * len(links.preferences(2**63))
    mail = _EditionMail(edition, wanted, language, links)
    amounts = longest(wanted, lambda tried: mail.size(tried) <= room)
    feedback = _feedback(str(edition.date), language, "edition")
    html, text = mail.body(_Form.HTML, amounts), mail.body(_Form.TEXT, amounts)
    return _part(words(language).subject(edition), html, text, language, feedback)


class _Form(StrEnum):
    """The form of a body, as its templates end."""

    HTML = "html"
    TEXT = "txt"


_PLACES = ("contents", "papers", "replacements", "more")
_PART = "<!--part-->"
_PLACE = re.compile(rf"<!--({'|'.join(_PLACES)})-->")
_NUMBER = token_hex()
"""It stands for the number of a paper in what is rendered once. Nobody can guess it and write it into a paper."""


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A part of a body, rendered once: as it stands between the numbers of its paper, and the size of that in bytes."""

    pieces: tuple[str, ...]
    size: int
    numbers: int

    @staticmethod
    def of(text: str) -> "_Rendered":
        pieces = tuple(text.split(_NUMBER))
        return _Rendered(pieces, sum(len(piece.encode()) for piece in pieces), len(pieces) - 1)

    def under(self, number: int) -> str:
        """Return it with `number` as that of its paper."""
        return str(number).join(self.pieces)


_Placed = tuple[str, int, _Rendered]
"""A part with its place in the body, and the number of its paper."""


class _EntryParts:
    """The parts of an entry in one form, each rendered when it is needed first."""

    def __init__(self, form: _Form, language: str, entry: Entry, link: str) -> None:
        self._form, self._language, self._entry, self._link = form, language, entry, link
        self._shown: list[_Rendered | None] = [None] * len(ShownLength)

    def shown(self, amount: ShownLength) -> _Rendered:
        """Return the paper with so much of it."""
        made = self._shown[amount]
        if made is None:
            made = self._shown[amount] = self._rendered("paper", amount)
        return made

    @cached_property
    def content(self) -> _Rendered:
        """The line of the table of contents."""
        return self._rendered("content", ShownLength.TITLE)

    def _rendered(self, macro: str, amount: ShownLength) -> _Rendered:
        return _rendered(self._form, self._language, macro, Item(_NUMBER, self._entry, amount, self._link))


@lru_cache(2 * CACHED)
def _entry_parts(form: _Form, language: str, entry: Identity[Entry], link: str) -> _EntryParts:
    return _EntryParts(form, language, entry.value, link)


@lru_cache(CACHED)
def _replacement(form: _Form, language: str, paper: Identity[Paper]) -> _Rendered:
    return _rendered(form, language, "replacement", paper.value)


@lru_cache(CACHED)
def _more(form: _Form, language: str, count: int, web: str) -> _Rendered:
    return _rendered(form, language, "more", count, web)


class _EditionMail:
    """The bodies of an edition, put together from its papers: each is rendered once for all selections and lengths.

    Amounts are those of its entries, then of its replacements.
    """

    def __init__(self, edition: Edition, wanted: ShownLengths, language: str, links: Links) -> None:
        self._edition, self._wanted, self._language = edition, wanted, language
        self._web = links.post(edition.date) or links.edition(edition.date, language)
        self._entries = {
            form: [
                _entry_parts(
                    form, language, Identity(each), links.paper(edition.date, language, each.paper.version)
                )
                for each in edition.entries
            ]
            for form in _Form
        }
        self._frame = cache(self._render_frame)

    def size(self, amounts: ShownLengths) -> int:
        """Return the size of the HTML in bytes."""
        return sum(len(each.encode()) for each in self._frame_of(_Form.HTML, amounts)[::2]) + sum(
            part.size + part.numbers * len(str(number))
            for _, number, part in self._parts(_Form.HTML, amounts)
        )

    def body(self, form: _Form, amounts: ShownLengths) -> str:
        """Return a body."""
        filled: dict[str, list[str]] = {place: [] for place in _PLACES}
        for place, number, part in self._parts(form, amounts):
            filled[place].append(part.under(number))
        frame = self._frame_of(form, amounts)
        frame[1::2] = ("".join(filled[place]) for place in frame[1::2])
        return "".join(frame)

    def _parts(self, form: _Form, amounts: ShownLengths) -> Iterator[_Placed]:
        has_contents, count = self._has_contents(amounts), len(self._edition.entries)
        for number, (entry, amount) in enumerate(
            zip(self._entries[form], amounts[:count], strict=True), start=1
        ):
            if not amount:
                continue
            if has_contents:
                yield "contents", number, entry.content
            yield "papers", number, entry.shown(amount)
        for paper, amount in zip(self._edition.replacements, amounts[count:], strict=True):
            if amount:
                yield "replacements", 0, _replacement(form, self._language, Identity(paper))
        if left_out := amounts.count(ShownLength.NOTHING):
            yield "more", 0, _more(form, self._language, left_out, self._web)

    def _has_contents(self, amounts: ShownLengths) -> bool:
        return max(amounts[: len(self._edition.entries)], default=ShownLength.NOTHING) > ShownLength.TITLE

    def _frame_of(self, form: _Form, amounts: ShownLengths) -> list[str]:
        """Return the body around the parts, in turn with the names of their places."""
        count = len(self._edition.entries)
        listed = (each for each, amount in zip(self._edition.entries, amounts, strict=False) if amount)
        return list(
            self._frame(
                form,
                _cut(" · ".join(_title(Identity(each)) for each in islice(listed, _PREHEADER_TITLES))),
                shortened=amounts != self._wanted,
                has_contents=self._has_contents(amounts),
                has_replacements=any(amounts[count:]),
            )
        )

    def _render_frame(self, form: _Form, preheader: str, **shown: bool) -> list[str]:
        context = {
            **shown,
            **{place: Markup(f"<!--{place}-->") for place in _PLACES},  # noqa: S704 - our own
            "subject": words(self._language).subject(self._edition),
            "preheader": preheader,
            "edition": self._edition,
            "web": self._web,
            "personal": True,
        }
        if form is _Form.HTML:
            return _PLACE.split(_html("edition", self._language, context))
        return _PLACE.split(render_text("edition", self._language, **context))


@lru_cache(CACHED)
def _title(entry: Identity[Entry]) -> str:
    return line(_title_of(entry.value))


def _rendered(form: _Form, language: str, macro: str, *given: object) -> _Rendered:
    """Render one of the macros in `templates/mail/papers`."""
    made = render_macro(f"papers.{form}", macro, language, *given)
    return _Rendered.of(_inlined(made) if form is _Form.HTML else made)


def _inlined(part: str) -> str:
    """Return a part of a page with its styles, as it is in the whole page."""
    page_ = (
        f"<!DOCTYPE html><html><head><style>{style()}</style></head><body>{_PART}{part}{_PART}</body></html>"
    )
    return _INLINER.inline(page_).split(_PART)[1]


def _html(template: str, language: str, shown: dict[str, Any]) -> str:
    return _INLINER.inline(render_html(template, language, **shown))


def _part(
    subject: str, html: str, text: str, language: str, feedback: str = "", *, personal: bool = True
) -> Part:
    head, _, end = html.rpartition(_END)
    text_end = render_text("end", language, personal=personal)
    return message.part(subject, (head, end), (text, text_end), feedback)


def _feedback(name: str, language: str, kind: str) -> str:
    """Return the Feedback-ID, by which Gmail counts complaints, from the narrowest field to the sender.

    https://support.google.com/mail/answer/6254652: at most four fields; the sender's has 5 to 15 characters.
    """
    return f"{name}:{language}:{kind}:{_FEEDBACK_SENDER}"


def _cut(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _PREHEADER else f"{one_line[: _PREHEADER - 1]}…"


def confirmation_letter(links: Links, number: int, language: str) -> Part:
    """Compose the mail that asks to confirm the sign-up `number`, which has no effect before that."""
    said = words(language)
    link = links.confirm(number)
    return letter(
        said.confirm_subject, said.confirm, language, personal=False, link=link, button=said.confirm_button
    )


def known_address_letter(links: Links, subscriber: int, language: str) -> Part:
    """Compose the mail that says the address is already subscribed, with a link to the preferences of `subscriber`."""
    said = words(language)
    link = links.preferences(subscriber)
    return letter(
        said.known_subject, said.known, language, personal=False, link=link, button=said.known_button
    )
