"""The settings of a chat: one message, edited in place by its buttons; or a value in words."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from telegram import Update
from telegram.ext import CallbackQueryHandler, ContextTypes, TypeHandler

from bot.chat import choices, words
from bot.chat.choices import Offer, UnusableValueError
from bot.chat.desk import CHANNEL, Desk
from bot.chat.incoming import Handler, Incoming, incoming, on_command
from bot.chat.parts import Button, Message, Rows, rows
from bot.models import Detail, Kind, Standing, Subscriber
from bot.store import subscribers
from bot.store.subscribers import Edit
from digest.store import engine as database

MENU = "s:menu"
OPEN = "s:open"
"""The menu as a message of its own, for the buttons of other messages."""
_PARTS = ("categories", "detail", "include", "exclude", "hour", "zone", "language", "pause")
_TYPED = ("include", "exclude", "hour", "zone", "pause")
_HOURS = ("06:00", "07:00", "07:30", "08:00", "09:00", "10:00", "12:00", "18:00", "20:00", "22:00")
_ZONES = (
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
)
_DAYS = (1, 3, 7, 14, 30)
_PATIENCE = timedelta(minutes=10)  # for a value that is to be typed


def handlers(desk: Desk) -> list[Handler]:
    """What this module answers to."""
    return [
        on_command("settings", partial(settings, desk)),
        CallbackQueryHandler(partial(tapped, desk), pattern=r"^s:([a-z]{2,12})(?:=(.{0,50}))?\Z"),
    ]


def interruption(desk: Desk) -> Handler:
    """What every update passes first."""
    return TypeHandler(Update, partial(interrupted, desk))


async def settings(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """The menu; or, with a name and a value behind the command, a setting at once."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    name, _space, value = came.words.partition(" ")
    name = name.lower()
    if not name:
        await desk.answer(came, menu(desk, reader))
    elif not await desk.may_change(came):
        await desk.answer(came, words.of(reader.choices.language).only_admins)
    elif not value.strip() and name in _PARTS:  # to look is not to clear
        await desk.answer(came, _view(desk, reader, name))
        await _await(desk, came, reader, name)
    else:
        await _set(desk, came, reader, name, value)


async def given(desk: Desk, came: Incoming, reader: Subscriber) -> bool:
    """Takes a message as the value of the setting that was asked for; whether it was meant so."""
    name, _, asked = (reader.awaiting or "").partition(":")
    if str(came.person) != asked or not (came.address.is_private or came.replied):
        return False
    if reader.awaited_until and desk.clock() < reader.awaited_until:
        await _set(desk, came, reader, name, came.text)
        return True
    says = words.of(reader.choices.language)
    was_prompted = came.replied is not None and came.replied.text == str(says.reply_with[name])
    if was_prompted:  # who answers that very message meant nothing else
        await desk.answer(came, says.too_late)
    return was_prompted


async def interrupted(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """A command or a button instead of a value: it is not waited for any more."""
    came = incoming(update)
    if came is None or not (update.callback_query or came.text.startswith("/")):
        return
    async with database.reading(desk.app.engine) as connection:
        known = await subscribers.find(connection, CHANNEL, str(came.address))
    if known and known.awaiting and known.awaiting.endswith(f":{came.person}"):
        await desk.change(known, _settled(lambda stored: stored))


async def tapped(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """A button of the menu."""
    query = update.callback_query
    match = context.matches[0] if context.matches else None
    if query is None or match is None or (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    says = words.of(reader.choices.language)
    if not await desk.may_change(came):
        await desk.acknowledge(query, str(says.only_admins), alert=True)
        return
    name, value = match[1], match[2]
    if value is None and name not in ("open", "menu", *_PARTS):
        await desk.acknowledge(query, str(says.stale_button), alert=True)
        return
    if value is None:
        await desk.acknowledge(query)
        if name == "open":
            await desk.answer(came, menu(desk, reader))
            return
        await _open(desk, came, reader, name)
        return
    try:
        reader = await desk.change(reader, _settled(choices.change(name, value, _offer(desk, reader))))
    except UnusableValueError:
        await desk.acknowledge(query, str(says.stale_button), alert=True)
        return
    await desk.acknowledge(query, str(words.of(reader.choices.language).saved))
    shown = "categories" if name in ("with", "without") else "menu"
    await desk.show(came, _view(desk, reader, shown))


async def _open(desk: Desk, came: Incoming, reader: Subscriber, name: str) -> None:
    """A part of the menu; where a value may be typed, the next message gives it."""
    await desk.show(came, _view(desk, reader, name))
    await _await(desk, came, reader, name)


async def _await(desk: Desk, came: Incoming, reader: Subscriber, name: str) -> None:
    if name not in _TYPED or came.kind is Kind.CHANNEL:
        return
    awaiting, until = f"{name}:{came.person}", desk.clock() + _PATIENCE
    await desk.change(reader, lambda stored: replace(stored, awaiting=awaiting, awaited_until=until))
    if not came.address.is_private:
        await desk.answer(came, words.of(reader.choices.language).reply_with[name], prompt=True)


def _settled(edit: Edit) -> Edit:
    """`edit`, after which no message is waited for any more."""
    return lambda stored: replace(edit(stored), awaiting=None, awaited_until=None)


async def _set(desk: Desk, came: Incoming, reader: Subscriber, name: str, value: str) -> None:
    says = words.of(reader.choices.language)
    try:
        edit = _settled(choices.change(name, value, _offer(desk, reader)))
    except UnusableValueError as error:
        way = _way(says, came.kind, error.name)
        await desk.answer(came, says.unusable(error.name, error.value[:80], way))
        return
    reader = await desk.change(reader, edit)
    await desk.answer(came, menu(desk, reader))


def _offer(desk: Desk, reader: Subscriber) -> Offer:
    today = desk.clock().astimezone(reader.zone).date()
    return Offer(desk.app.plan.categories, words.languages(), today)


def menu(desk: Desk, reader: Subscriber) -> Message:
    """All settings as they are, and a button for each."""
    return _view(desk, reader, "menu")


def _view(desk: Desk, reader: Subscriber, name: str) -> Message:
    language = reader.choices.language
    way = _way(words.of(language), reader.kind, name)
    html = words.render("settings", language, reader=reader, part=name, way=way)
    return Message(html, _buttons(desk, reader, name))


def _way(says: Any, kind: Kind, name: str) -> str:
    """How a value in words is given, beside the buttons; in groups, a message of its own asks for it."""
    ways = {Kind.PRIVATE: says.send, Kind.CHANNEL: says.post_command}.get(kind, {})
    return str(ways.get(name, ""))


def _buttons(desk: Desk, reader: Subscriber, name: str) -> Rows:
    says = words.of(reader.choices.language)
    back = (Button(f"‹ {says.back}", MENU),)
    match name:
        case "categories":
            offered = [_category(each, reader) for each in desk.app.plan.categories]
            return (*rows(offered, 3), back)
        case "detail":
            now = reader.choices.detail.value
            options = [_option("detail", each.value, str(says.details[each.value]), now) for each in Detail]
            return (*rows(options, 3), back)
        case "language":
            now, known = reader.choices.language, words.languages()
            options = [_option("language", each, str(words.of(each).language_name), now) for each in known]
            return (*rows(options, 2), back)
        case "include" | "exclude":
            return ((Button(str(says.clear), f"s:{name}="),), back)
        case "hour":
            now = reader.hour.strftime("%H:%M") if reader.hour else ""
            options = [_option("hour", each, each, now) for each in _HOURS]
            return (*rows(options, 5), (_option("hour", "", str(says.at_once), now),), back)
        case "zone":
            options = [_option("zone", each, each, reader.zone.key) for each in _ZONES]
            return (*rows(options, 2), back)
        case "pause":
            options = [Button(str(says.days(each)), f"s:pause={each}") for each in _DAYS]
            return (*rows(options, 3), (Button(str(says.no_pause), "s:pause=0"),), back)
        case _:
            return _menu_buttons(reader)


def _menu_buttons(reader: Subscriber) -> Rows:
    says = words.of(reader.choices.language)

    def opens(name: str) -> Button:
        return Button(str(says.names[name]), f"s:{name}")

    def flips(name: str, now: bool) -> Button:
        return Button(
            f"{says.names[name]}{says.colon}{says.on if now else says.off}", f"s:{name}={0 if now else 1}"
        )

    active = reader.standing is Standing.ACTIVE
    switch = Button(str(says.leave), "sub:off") if active else Button(str(says.join), "sub:on")
    return (
        (opens("categories"), opens("detail")),
        (opens("include"), opens("exclude")),
        (opens("hour"), opens("zone")),
        (opens("language"), opens("pause")),
        (flips("silent", reader.silent), flips("quiet", reader.quiet_line)),
        (flips("rich", reader.choices.rich), switch),
    )


def _category(name: str, reader: Subscriber) -> Button:
    wanted = not reader.choices.categories or name in reader.choices.categories
    return Button(f"{'✓ ' if wanted else ''}{name}", f"s:{'without' if wanted else 'with'}={name}")


def _option(name: str, value: str, label: str, now: str) -> Button:
    return Button(f"{'✓ ' if value == now else ''}{label}", f"s:{name}={value}")
