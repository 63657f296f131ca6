"""Mails for campaigns. Subscribers with equal preferences share one, except for their personal links. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import css_inline
from markupsafe import Markup

from bot.core.models import Choices, Detail, Dispatch, Part, Subject
from bot.links import Links
from bot.mail import message, words
from bot.mail.shortening import Amount, Amounts, longest
from digest.core.models import Edition, Entry, Gap
from digest.render import announcement

HTML_LIMIT = 90_000
"""Bytes of HTML, including the personal end. Gmail clips mails over about 102,000 bytes."""

_ADDRESSES = 4_000  # maximum bytes of the sender's and recipient's addresses, escaped
_PREHEADER = 150  # characters that clients show after the subject
_END = "<!--end-->"  # marks the beginning of the personal part in the templates
_FEEDBACK_SENDER = "arxiv-daily"
_WANTED = {
    Detail.TITLES: Amount.TITLE,
    Detail.ABSTRACTS: Amount.ABSTRACT,
    Detail.READINGS: Amount.READING,
}
_INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Item:
    """A paper in the mail; `link` leads to its full content."""

    number: int
    entry: Entry
    amount: Amount
    link: str

    @property
    def title(self) -> str:
        """The translated title, or the original one if there is none."""
        translation, paper = self.entry.translation, self.entry.paper
        return (None if isinstance(translation, Gap) else translation.title) or paper.title


def compose(dispatch: Dispatch, edition: Edition | None, choices: Choices, links: Links) -> tuple[Part, ...]:
    """Compose the mail of a campaign for subscribers with these `choices`, as `message.build` takes it. Always one."""
    if dispatch.subject is Subject.BROADCAST:
        return (_broadcast(dispatch.text or "", choices.language, str(dispatch.id)),)
    if edition is None:
        return (_quiet(dispatch, choices.language),)
    return (_edition(edition, choices, links),)


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
    text = words.text("letter", language, **shown)
    return _part(subject, _html("letter", language, shown), text, language, feedback, personal=personal)


def _broadcast(text: str, language: str, name: str) -> Part:
    return letter(
        words.of(language).broadcast,
        [announcement.plain(text)],
        language,
        personal=True,
        feedback=_feedback(name, language, "broadcast"),
        html=announcement.html(text),
    )


def _quiet(dispatch: Dispatch, language: str) -> Part:
    day, said = dispatch.edition_date, words.of(language)
    feedback = _feedback(str(day), language, "quiet")
    return letter(said.quiet_subject(day), [said.quiet(day)], language, personal=True, feedback=feedback)


def _edition(edition: Edition, choices: Choices, links: Links) -> Part:
    language = choices.language
    wanted = (
        *(_WANTED[choices.detail] for _ in edition.entries),
        *(Amount.TITLE for _ in edition.replacements),
    )
    room = HTML_LIMIT - _ADDRESSES - 2 * len(links.preferences(2**63))

    def shown(amounts: Amounts) -> dict[str, Any]:
        return _shown(edition, amounts, language, links) | {"shortened": amounts != wanted}

    @cache
    def html(amounts: Amounts) -> str:
        return _html("edition", language, shown(amounts))

    amounts = longest(wanted, lambda tried: len(html(tried).encode()) <= room)
    text = words.text("edition", language, **shown(amounts))
    feedback = _feedback(str(edition.date), language, "edition")
    return _part(words.of(language).subject(edition), html(amounts), text, language, feedback)


def _shown(edition: Edition, amounts: Amounts, language: str, links: Links) -> dict[str, Any]:
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
        "subject": words.of(language).subject(edition),
        "preheader": _cut(" · ".join(words.line(item.title) for item in items[:5])),
        "edition": edition,
        "web": links.post(edition.date) or links.edition(edition.date, language),
        "listed": items,
        "replacements": replacements,
        "contents": any(item.amount > Amount.TITLE for item in items),
        "more": len(amounts) - len(items) - len(replacements),
        "personal": True,
        **Amount.__members__,
    }


def _html(template: str, language: str, shown: dict[str, Any]) -> str:
    return _INLINER.inline(words.html(template, language, **shown))


def _part(
    subject: str, html: str, text: str, language: str, feedback: str = "", *, personal: bool = True
) -> Part:
    head, _, end = html.rpartition(_END)
    text_end = words.text("end", language, personal=personal)
    return message.part(subject, (head, end), (text, text_end), feedback)


def _feedback(name: str, language: str, kind: str) -> str:
    """Return the Feedback-ID, by which Gmail counts complaints, from the narrowest field to the sender.

    https://support.google.com/mail/answer/6254652: at most four fields; the sender's has 5 to 15 characters.
    """
    return f"{name}:{language}:{kind}:{_FEEDBACK_SENDER}"


def _cut(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _PREHEADER else f"{one_line[: _PREHEADER - 1]}…"
