"""The command `arxiv-daily preview`: a subscriber's messages as files. Nothing is sent or stored."""

import asyncio
import email
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.policy import default
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from markupsafe import Markup

from bot import command_line, daily_run
from bot.command_line import say
from bot.container import App, Clock, open_app
from bot.core import mailboxes
from bot.core.mailboxes import Mailbox, Sender
from bot.core.models import Campaign, Preferences, Subject
from bot.db import subscribers
from bot.delivery.renderings import matching
from bot.links import Links, open_links
from bot.mail import channel as mail_channel
from bot.mail import composing, message
from bot.mail.message import Letterhead
from bot.settings import Settings
from bot.telegram import messages as chat
from bot.telegram import templates
from bot.telegram.templates import Message
from digest.archive import files
from digest.core.errors import ArchiveError, DigestError
from digest.core.models import Edition
from digest.db import engine as database
from digest.db import private_files

_NOWHERE = "https://arxiv-daily.invalid"
_SOMEBODY = "reader@arxiv-daily.invalid"
_SENDER = Sender("arXiv Daily", Mailbox("daily", "arxiv-daily.invalid"))


class Medium(StrEnum):
    """The channels with previews."""

    MAIL = "mail"
    TELEGRAM = "telegram"


@dataclass(frozen=True, slots=True)
class PreviewProfile:
    """The profile of a preview; number 0 is no real subscriber."""

    number: int
    address: str
    preferences: Preferences


def preview(
    channel: Annotated[Medium, typer.Option(help="The channel.")],
    day_: Annotated[str, typer.Option("--date", metavar="DATE", help="The edition's date.")],
    subscriber: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The subscriber; by default one without preferences.")
    ] = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the files.")] = Path("preview"),
) -> None:
    """Write the messages of a subscriber for an edition to files. Nothing is sent."""
    loaded = command_line.load()
    wanted = command_line.required_day(day_, "--date")
    for path in asyncio.run(_preview(loaded, channel, wanted, subscriber or None, out)):
        say(path)


async def _preview(
    loaded: Settings, medium: Medium, wanted: date, address: str | None, out: Path
) -> tuple[Path, ...]:
    async with open_app(loaded, command_line.now) as parts:
        return await write(parts, loaded, medium, wanted, address, out)


async def write(
    app: App, settings: Settings, medium: Medium, wanted: date, address: str | None, out: Path
) -> tuple[Path, ...]:
    """Write the messages for the subscriber at `address` to `out`, or those for default preferences.

    Raises DigestError if there is no such edition or subscriber, or nothing to send.
    """
    subscriber = await _reader(app, settings, medium, address)
    edition = await daily_run.stored(app, wanted, subscriber.preferences.language)
    if edition is None:
        raise DigestError(f"There is no edition of {wanted}.")
    edition = matching(edition, subscriber.preferences)
    if not (edition.entries or edition.replacements):
        raise DigestError(
            f"The edition of {wanted} has no paper that matches these preferences, so nothing is sent."
        )
    folder(out)
    if medium is Medium.MAIL:
        return mail(edition, subscriber, letterhead(settings, app.clock), app.clock(), out)
    messages = chat.digest(edition, subscriber.preferences)
    return (telegram(edition.date, messages, subscriber.preferences.language, out),)


def mail(
    edition: Edition, subscriber: PreviewProfile, head: Letterhead, at: datetime, out: Path
) -> tuple[Path, ...]:
    """Write the mail to `subscriber` as it is sent, and both of its bodies. Raises ArchiveError."""
    campaign = Campaign(0, Subject.EDITION, edition.date, None, at)
    (part,) = composing.compose(campaign, edition, subscriber.preferences, head.links)
    local, _, domain = subscriber.address.rpartition("@")
    sent = message.build(
        part, head, to=Mailbox(local, domain), subscriber=subscriber.number, delivery=0, at=at
    ).content
    read = email.message_from_bytes(sent, policy=default)
    shown = {"eml": sent.decode("ascii")}
    for suffix, kind in {"html": "html", "txt": "plain"}.items():
        body = read.get_body((kind,))
        shown[suffix] = body.get_content().replace("\r\n", "\n") if body else ""
    paths = {suffix: out / f"{edition.date}-mail.{suffix}" for suffix in shown}
    for suffix, text in shown.items():
        files.write(paths[suffix], text)
    return tuple(paths.values())


def telegram(wanted: date, messages: Sequence[Message], language: str, out: Path) -> Path:
    """Write `messages` as a page. Raises ArchiveError."""
    # The chat's templates escape.
    shown = [(Markup(each.rich or each.html), each.rich is not None, each.buttons) for each in messages]  # noqa: S704
    page = templates.environment().get_template("page/chat.html.j2").render(messages=shown, language=language)
    path = out / f"{wanted}-telegram.html"
    files.write(path, page)
    return path


def letterhead(settings: Settings, clock: Clock) -> Letterhead:
    """Return the mail settings; links lead nowhere if they are not configured."""
    links = open_links(settings, clock) or Links(_NOWHERE, secrets.token_hex(32), clock)
    sender = settings.mail_from or _SENDER
    return mail_channel.letterhead(settings, sender, links)


def nobody(settings: Settings) -> PreviewProfile:
    """Return a profile with default preferences."""
    return PreviewProfile(0, _SOMEBODY, Preferences(settings.target_language))


def folder(out: Path) -> None:
    """Create the folder `out`. Raises ArchiveError."""
    try:
        private_files.make_folder(out)  # the previews contain personal links
    except OSError as error:
        raise ArchiveError(f"The folder {out} cannot be created: {error.strerror}.") from error


async def _reader(app: App, settings: Settings, medium: Medium, address: str | None) -> PreviewProfile:
    if address is None:
        return nobody(settings)
    known = str(mailboxes.parse(address)) if medium is Medium.MAIL else address
    async with database.reading(app.engine) as connection:
        found = await subscribers.find(connection, medium, known)
    if found is None:
        raise DigestError(f"There is no subscriber {address} on {medium}.")
    return PreviewProfile(found.id, found.address, found.preferences)
