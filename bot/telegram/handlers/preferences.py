"""The settings of a chat: one message that its buttons edit in place, or typed values."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from telegram import CallbackQuery, Update
from telegram.ext import CallbackQueryHandler, ContextTypes, TypeHandler

from bot.core.models import Edit, Kind, Subscriber
from bot.subscriptions import preferences
from bot.subscriptions.preferences import Offer, UnusableValueError
from bot.telegram import words
from bot.telegram.context import CHANNEL, Desk
from bot.telegram.handlers import command_menu, menu, prompts
from bot.telegram.incoming import AIMED, Handler, Incoming, incoming, on_command

_PATIENCE = timedelta(minutes=10)  # time to type a value


def handlers(desk: Desk) -> list[Handler]:
    """List the handlers of this module."""
    return [
        on_command("settings", partial(settings, desk)),
        CallbackQueryHandler(
            partial(tapped, desk), pattern=rf"^s:([a-z]{{2,12}})(?:=(.{{0,50}}?))?{AIMED}\Z"
        ),
    ]


def interruption(desk: Desk) -> Handler:
    """Create the handler that sees every update first."""
    return TypeHandler(Update, partial(interrupted, desk))


async def settings(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the menu, or change a setting if the command has a name and a value."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    name, _space, value = came.words.partition(" ")
    name = name.lower()
    if not name:
        await desk.answer(came, menu.view(desk, reader))
    elif not await desk.may_change(came):
        await desk.answer(came, words.of(reader.choices.language).only_admins)
    elif not value.strip() and name in menu.PARTS:  # showing a setting must not clear it
        number = await desk.answer(came, menu.view(desk, reader, name))
        await _await(desk, came, reader, name, number)
    else:
        await _set(desk, came, reader, name, value)


async def given(desk: Desk, came: Incoming, reader: Subscriber) -> bool:
    """Use a private message as the value of the setting that was asked for. Returns whether one was."""
    awaited = _awaited(reader)
    in_time = reader.awaited_until is not None and desk.clock() < reader.awaited_until
    if not (came.address.is_private and awaited and in_time):
        return False
    ((name, number),) = awaited.items()
    await _set(desk, came, reader, name, came.text, number)
    return True


async def replied(desk: Desk, came: Incoming, reader: Subscriber, name: str) -> None:
    """Use the reply to a prompt as the value of the setting `name`."""
    if await desk.may_change(came):
        await _set(desk, came, reader, name, came.text, _awaited(reader).get(name, 0))
    else:
        await desk.answer(came, words.of(reader.choices.language).only_admins)


async def interrupted(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Stop waiting for a value when a command or tap comes instead."""
    came = incoming(update)
    if came is None or not came.address.is_private:
        return
    if not (update.callback_query or came.text.startswith("/")):
        return
    known = await desk.subscriptions.find(CHANNEL, str(came.address.subscription))
    if known and known.awaiting:
        await desk.subscriptions.change(
            known, lambda stored: replace(stored, awaiting=None, awaited_until=None)
        )


async def tapped(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Handle a tap in the menu."""
    query = update.callback_query
    match = context.matches[0] if context.matches else None
    if query is None or match is None or (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    says = words.of(reader.choices.language)
    if not await desk.may_change(came):
        await desk.acknowledge(query, str(says.only_admins), alert=True)
    elif match[2] is not None:
        await _choose(desk, came, query, match[1], match[2])
    elif match[1] == "open":
        await desk.acknowledge(query)
        await desk.answer(came, menu.view(desk, reader))
    elif match[1] in ("menu", *menu.PARTS):
        await desk.acknowledge(query)
        await desk.show(came, menu.view(desk, reader, match[1]))
        await _await(desk, came, reader, match[1], came.message)
    else:
        await desk.acknowledge(query, str(says.stale_button), alert=True)


async def _choose(desk: Desk, came: Incoming, query: CallbackQuery, name: str, value: str) -> None:
    """Apply the value of a button and update the menu."""
    reader = await desk.reader(came)
    offer = _offer(desk, reader)
    try:
        changed = await _change(desk, came, reader, name, preferences.change(name, value, offer))
    except UnusableValueError:
        says = words.of(reader.choices.language)
        await desk.acknowledge(query, str(says.stale_button), alert=True)
        return
    says = words.of(changed.choices.language)
    if name == "without" and value in (changed.choices.categories or offer.categories):
        await desk.acknowledge(query, str(says.last_category), alert=True)
        return
    await desk.acknowledge(query, str(says.saved))
    await desk.show(came, menu.view(desk, changed, "categories" if name in ("with", "without") else "menu"))


async def _await(desk: Desk, came: Incoming, reader: Subscriber, name: str, number: int) -> None:
    """Wait for the value of `name`; the message `number` is the menu that shows it.

    In a group only the reply to the prompt counts.
    """
    if name not in menu.TYPED or reader.kind is Kind.CHANNEL:
        return
    await _note(desk, reader, name, number)
    if not came.address.is_private:
        language = reader.choices.language
        await prompts.ask(desk, came, language, words.of(language).reply_with[name])


async def _note(desk: Desk, reader: Subscriber, name: str, number: int) -> None:
    until, is_one = desk.clock() + _PATIENCE, reader.kind is Kind.PRIVATE

    def noted(stored: Subscriber) -> Subscriber:
        others = {} if is_one else _awaited(stored)
        return replace(stored, awaiting=_written({**others, name: number}), awaited_until=until)

    await desk.subscriptions.change(reader, noted)


def _awaited(reader: Subscriber) -> dict[str, int]:
    """Return the settings whose values are awaited, each with the id of its menu message, or 0."""
    pairs = (each.partition(":") for each in (reader.awaiting or "").split())
    return {name: int(number) for name, _, number in pairs}


def _written(awaited: dict[str, int]) -> str | None:
    return " ".join(f"{name}:{number}" for name, number in awaited.items()) or None


async def _set(
    desk: Desk, came: Incoming, reader: Subscriber, name: str, value: str, number: int = 0
) -> None:
    """Apply a typed value and update the menu in the message `number`, or send a new menu if there is none."""
    try:
        edit = preferences.change(name, value, _offer(desk, reader))
    except UnusableValueError as error:
        await _refuse(desk, came, reader, error, number)
        return
    reader = await _change(desk, came, reader, name, edit)
    if number:
        await desk.show(replace(came, message=number), menu.view(desk, reader))
        await desk.answer(came, menu.saved(desk, reader, name))
    else:
        await desk.answer(came, menu.view(desk, reader))


async def _change(desk: Desk, came: Incoming, reader: Subscriber, name: str, edit: Edit) -> Subscriber:
    """Apply `edit` to the subscriber and stop waiting for the value of `name`."""

    def settled(stored: Subscriber) -> Subscriber:
        others = {each: number for each, number in _awaited(stored).items() if each != name}
        return replace(edit(stored), awaiting=_written(others))

    changed = await desk.subscriptions.change(reader, settled)
    if changed.choices.language != reader.choices.language and reader.kind is Kind.PRIVATE:
        await command_menu.show(desk, came.person)
    return changed


async def _refuse(
    desk: Desk, came: Incoming, reader: Subscriber, error: UnusableValueError, number: int
) -> None:
    """Explain the error and the possible values. If a value can be typed, wait for it."""
    language, name = reader.choices.language, error.name
    says = words.of(language)
    possible = menu.NAMES if name == "name" else preferences.possible(name, _offer(desk, reader))
    if name not in menu.TYPED:
        await desk.answer(came, says.unusable(name, error.value[:80], possible, ""))
        return
    if came.kind is not Kind.CHANNEL:
        await _note(desk, reader, name, number)
    if came.kind is Kind.GROUP:
        said = says.unusable(name, error.value[:80], (), says.reply_with[name])
        await prompts.ask(desk, came, language, said)
    else:
        way = menu.way(says, reader.kind, name, also=False)
        await desk.answer(came, says.unusable(name, error.value[:80], (), way))


def _offer(desk: Desk, reader: Subscriber) -> Offer:
    today = desk.clock().astimezone(reader.zone).date()
    return Offer(desk.app.plan.categories, words.languages(), today)
