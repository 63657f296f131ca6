"""The texts of the bot: auto-escaping templates in each language, and the messages composed of them."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.core.models import Part
from digest.core.models import Gap
from digest.render import i18n, telegram_html, telegram_split

_LANGUAGE_FILE = re.compile(r"telegram/([a-z]{2,3}(?:-[A-Za-z0-9]+)*)\.j2")
_AUTHORS = 3  # authors listed before the rest is only counted


@cache
def languages() -> tuple[str, ...]:
    """Return the languages of the chat, one for each file of words."""
    found = map(_LANGUAGE_FILE.fullmatch, environment().list_templates())
    return tuple(match[1] for match in found if match)


def nearest_language(tag: str | None, fallback: str) -> str:
    """Return the language for a client's `tag` (IETF, such as zh-hans), or else `fallback`, or else English."""
    known = languages()
    wanted = (tag or "").partition("-")[0].lower()
    same = [language for language in known if language.partition("-")[0] == wanted]
    if same:
        return same[0]
    return fallback if fallback in known else i18n.FALLBACK


def words(language: str) -> Any:
    """Return the words of `language` as attributes. Their arguments are escaped."""
    return _words(language if language in languages() else i18n.FALLBACK)


def render(template: str, language: str, **material: Any) -> str:
    """Render a message of `templates/telegram` as Telegram HTML with the marks of `telegram_split`."""
    made = environment().get_template(f"telegram/{template}.html.j2")
    return made.render(
        words=words(language), post=_post_words(language), language=language, **material
    ).strip()


def line(text: str) -> str:
    """Return the stored `text` as one line without markup."""
    return telegram_html.plain(telegram_split.finish(telegram_html.html(text))).replace("\n", " ")


@cache
def environment() -> Environment:
    """Return the environment of the chat's templates."""
    made = i18n.environment().overlay(autoescape=True)
    made.filters = {
        **made.filters,
        "html": telegram_html.html,
        "rich": telegram_html.rich,
        "literal": telegram_html.literal,
        "title": _title,
        "authors": _authors,
    }
    made.tests = {**made.tests, "gap": lambda value: isinstance(value, Gap)}
    return made


@cache
def _words(language: str) -> Any:
    return environment().get_template(f"telegram/{language}.j2").module


def _post_words(language: str) -> Any:
    return i18n.words("post", i18n.words_of("post", language))


def _title(text: str) -> Markup:
    """Render a title without markup, because it stands in links and bold text, which may not contain code."""
    return telegram_html.literal(line(text))


def _authors(names: tuple[str, ...], and_others: Any) -> Markup:
    """Render the first of `names`, and the total if some are left out."""
    shown = Markup(", ").join(map(telegram_html.literal, names[:_AUTHORS]))
    return shown if len(names) <= _AUTHORS else Markup("{} {}").format(shown, and_others(len(names)))


TEXT_LIMIT = 4096
"""UTF-16 units of a message after entity parsing, which also bounds the code points (Bot API, sendMessage)."""
ENTITY_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message that sends `data` (at most 64 bytes) or opens `url`."""

    text: str
    data: str | None = None
    url: str | None = None


Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: classic HTML, rich HTML with its classic fallback, or plain text."""

    html: str = ""
    buttons: Rows = ()
    rich: str | None = None
    classic: tuple["Message", ...] = ()
    text: str | None = None

    def part(self) -> Part:
        """Return the message as JSON."""
        buttons = [[_stored(button) for button in row] for row in self.buttons]
        if self.text is not None:
            return {"text": self.text}
        if self.rich is None:
            return {"html": self.html, "buttons": buttons}
        return {"rich": self.rich, "buttons": buttons, "classic": [each.part() for each in self.classic]}


def message(part: Part) -> Message:
    """Read the message that was stored as `part`."""
    return Message(
        html=part.get("html", ""),
        buttons=tuple(tuple(Button(**button) for button in row) for row in part.get("buttons", ())),
        rich=part.get("rich"),
        classic=tuple(map(message, part.get("classic", ()))),
        text=part.get("text"),
    )


def plainer(what: Message) -> tuple[Message, ...]:
    """Return the messages in the next plainer form: rich, classic, plain. Plain text has none.

    Plain text has no buttons, because they may be the cause of the refusal too.
    """
    if what.text is not None:
        return ()
    if what.rich is not None:
        return what.classic
    text = telegram_html.literal(telegram_html.plain(what.html))
    return tuple(Message(text=telegram_html.plain(each)) for each in telegram_split.split(text, TEXT_LIMIT))


def keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    """Build the markup for `rows`; None if there are none."""
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(each.text, callback_data=each.data, url=each.url) for each in row]
            for row in rows
        ]
    )


def rows(buttons: list[Button], width: int) -> Rows:
    """Arrange `buttons` in rows of `width`."""
    return tuple(tuple(buttons[at : at + width]) for at in range(0, len(buttons), width))


def _stored(button: Button) -> dict[str, Any]:
    given = {"text": button.text, "data": button.data, "url": button.url}
    return {name: value for name, value in given.items() if value is not None}
