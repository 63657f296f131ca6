"""Messages as the chat composes and stores them, before they are sent to Telegram. Pure."""

from dataclasses import dataclass
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.core.models import Part
from digest.render import telegram_html, telegram_split

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
