"""Composes mails: newsletters of campaigns, and transactional mail to people who entered an address in the form. Pure.

Subscribers with equal preferences share one newsletter, except for their personal links. It shows so much of each paper
that no client clips it. The texts are templates for HTML and plain text, and the words of each language.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any

import css_inline
from jinja2 import Environment
from markupsafe import Markup

from bot.core.models import Campaign, Detail, Part, Preferences, Subject
from bot.links import Links
from bot.mail import message
from digest.core.models import Edition, Entry, Gap
from digest.render import announcement, i18n, page


class ShownLength(IntEnum):
    """The amount shown of a paper; each includes those before it. Below READING there is a link to the rest."""

    NOTHING = 0
    TITLE = 1
    SUMMARY = 2
    ABSTRACT = 3
    READING = 4


ShownLengths = tuple[ShownLength, ...]


def longest(wanted: Sequence[ShownLength], fits: Callable[[ShownLengths], bool]) -> ShownLengths:
    """Return the most of `wanted` that `fits`. The last papers are shortened first, and all by one step before any by
    two.
    """
    whole = tuple(wanted)
    if fits(whole):
        return whole
    steps = bisect_left(range(sum(whole)), True, key=lambda taken: fits(lessened(whole, taken)))
    return lessened(whole, steps)


def lessened(wanted: Sequence[ShownLength], steps: int) -> ShownLengths:
    """Return `wanted` after `steps` reductions, each of the last paper among those that show the most."""
    left = list(wanted)
    most, at = max(left, default=ShownLength.NOTHING), len(left)
    for _ in range(steps):
        at = next(place for place in range(at - 1, -1, -1) if left[place] is most)
        left[at] = ShownLength(most - 1)
        if most not in left[:at]:
            most, at = ShownLength(most - 1), len(left)
    return tuple(left)


_FOLDER = "mail"
_AUTHORS = 3  # authors listed before the rest is only counted
_KEPT = 2048  # cached HTML texts: different selections, and attempts to shorten a mail, show the same ones


def words(language: str) -> Any:
    """Return the words of `language`, or the English ones, as attributes, for plain text."""
    return i18n.words(_FOLDER, i18n.words_of(_FOLDER, language))


def render_html(template: str, language: str, **material: Any) -> str:
    """Render a mail of `templates/mail` as HTML. Its context is escaped."""
    return _render(_pages(), f"{template}.html.j2", language, material)


def render_text(template: str, language: str, **material: Any) -> str:
    """Render a mail of `templates/mail` as plain text."""
    return _render(_texts(), f"{template}.txt.j2", language, material)


def line(stored: str) -> str:
    """Return stored text on one line, without markup."""
    return " ".join(page.plain(stored).split())


def _render(environment: Environment, name: str, language: str, material: dict[str, Any]) -> str:
    spoken = i18n.words_of(_FOLDER, language)
    return environment.get_template(f"{_FOLDER}/{name}").render(
        language=spoken,
        words=environment.get_template(f"{_FOLDER}/{spoken}.j2").module,
        post=i18n.words("post", i18n.words_of("post", language)),
        **material,
    )


@cache
def _pages() -> Environment:
    made = i18n.environment().overlay(autoescape=True)
    made.filters = {
        **made.filters,
        "html": lru_cache(_KEPT)(page.html),
        "phrase": lru_cache(_KEPT)(page.phrase),
        "paragraphs": lru_cache(_KEPT)(page.paragraphs),
        "authors": _authors,
    }
    return made


@cache
def _texts() -> Environment:
    made = i18n.environment().overlay()
    made.filters = {**made.filters, "plain": page.plain, "line": line, "authors": _authors}
    return made


def _authors(names: tuple[str, ...], said: Any) -> str:
    """Format the first of `names`, and the total if some are left out."""
    shown = ", ".join(map(line, names[:_AUTHORS]))
    return shown if len(names) <= _AUTHORS else f"{shown} {said.and_others(len(names))}"


HTML_LIMIT = 90_000
"""Bytes of HTML, including the personal end. Gmail clips mails over about 102,000 bytes."""

_ADDRESSES = 4_000  # maximum bytes of the sender's and recipient's addresses, escaped
_PREHEADER = 150  # characters that clients show after the subject
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

    number: int
    entry: Entry
    amount: ShownLength
    link: str

    @property
    def title(self) -> str:
        """The translated title, or the original one if there is none."""
        translation, paper = self.entry.translation, self.entry.paper
        return (None if isinstance(translation, Gap) else translation.title) or paper.title


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

    def shown(amounts: ShownLengths) -> dict[str, Any]:
        return _shown(edition, amounts, language, links) | {"shortened": amounts != wanted}

    @cache
    def html(amounts: ShownLengths) -> str:
        return _html("edition", language, shown(amounts))

    amounts = longest(wanted, lambda tried: len(html(tried).encode()) <= room)
    text = render_text("edition", language, **shown(amounts))
    feedback = _feedback(str(edition.date), language, "edition")
    return _part(words(language).subject(edition), html(amounts), text, language, feedback)


def _shown(edition: Edition, amounts: ShownLengths, language: str, links: Links) -> dict[str, Any]:
    """Build the context of an edition's templates; `amounts` are those of its entries, then of its replacements."""
    count = len(edition.entries)
    items = [
        Item(number, entry, amount, links.paper(edition.date, language, entry.paper.version))
        for number, (entry, amount) in enumerate(zip(edition.entries, amounts[:count], strict=True), start=1)
        if amount
    ]
    replacements = [
        paper for paper, amount in zip(edition.replacements, amounts[count:], strict=True) if amount
    ]
    return {
        "subject": words(language).subject(edition),
        "preheader": _cut(" · ".join(line(item.title) for item in items[:5])),
        "edition": edition,
        "web": links.post(edition.date) or links.edition(edition.date, language),
        "listed": items,
        "replacements": replacements,
        "contents": any(item.amount > ShownLength.TITLE for item in items),
        "more": len(amounts) - len(items) - len(replacements),
        "personal": True,
        **ShownLength.__members__,
    }


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
