"""The settings of a chat: one message, edited in place by its buttons; or a value in words."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from telegram import CallbackQuery, Update
from telegram.ext import CallbackQueryHandler, ContextTypes, TypeHandler

from bot import choices
from bot.chat import command_menu, menu, prompts, words
from bot.chat.desk import CHANNEL, Desk
from bot.chat.incoming import AIMED, Handler, Incoming, incoming, on_command
from bot.choices import Offer, UnusableValueError
from bot.models import Kind, Subscriber
from bot.store import subscribers
from bot.store.subscribers import Edit
from digest.store import engine as database

_PATIENCE = timedelta(minutes=10)  # for a value that is to be typed


def handlers(desk: Desk) -> list[Handler]:
    """What this module answers to."""
    return [
        on_command("settings", partial(settings, desk)),
        CallbackQueryHandler(
            partial(tapped, desk), pattern=rf"^s:([a-z]{{2,12}})(?:=(.{{0,50}}?))?{AIMED}\Z"
        ),
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
        await desk.answer(came, menu.view(desk, reader))
    elif not await desk.may_change(came):
        await desk.answer(came, words.of(reader.choices.language).only_admins)
    elif not value.strip() and name in menu.PARTS:  # to look is not to clear
        number = await desk.answer(came, menu.view(desk, reader, name))
        await _await(desk, came, reader, name, number)
    else:
        await _set(desk, came, reader, name, value)


async def given(desk: Desk, came: Incoming, reader: Subscriber) -> bool:
    """Takes a message as the value of the setting that was asked for; whether one was, in a private chat."""
    awaited = _awaited(reader)
    in_time = reader.awaited_until is not None and desk.clock() < reader.awaited_until
    if not (came.address.is_private and awaited and in_time):
        return False
    ((name, number),) = awaited.items()
    await _set(desk, came, reader, name, came.text, number)
    return True


async def replied(desk: Desk, came: Incoming, reader: Subscriber, name: str) -> None:
    """Takes the answer to a message that asked for the value of the setting `name`."""
    if await desk.may_change(came):
        await _set(desk, came, reader, name, came.text, _awaited(reader).get(name, 0))
    else:
        await desk.answer(came, words.of(reader.choices.language).only_admins)


async def interrupted(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """A command or a button instead of a value: it is not waited for any more."""
    came = incoming(update)
    if came is None or not came.address.is_private:
        return
    if not (update.callback_query or came.text.startswith("/")):
        return
    async with database.reading(desk.app.engine) as connection:
        known = await subscribers.find(connection, CHANNEL, str(came.address.subscription))
    if known and known.awaiting:
        await desk.change(known, lambda stored: replace(stored, awaiting=None, awaited_until=None))


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
    """A value that a button gives, and the menu with it."""
    reader = await desk.reader(came)
    offer = _offer(desk, reader)
    try:
        changed = await _change(desk, came, reader, name, choices.change(name, value, offer))
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
    """Takes what is said next as the value of `name`, and the message `number` as the menu that shows it.

    In a group only what answers the message that asks for it.
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

    await desk.change(reader, noted)


def _awaited(reader: Subscriber) -> dict[str, int]:
    """The settings whose values were asked for, and the menu that shows each, 0 for none."""
    pairs = (each.partition(":") for each in (reader.awaiting or "").split())
    return {name: int(number) for name, _, number in pairs}


def _written(awaited: dict[str, int]) -> str | None:
    return " ".join(f"{name}:{number}" for name, number in awaited.items()) or None


async def _set(
    desk: Desk, came: Incoming, reader: Subscriber, name: str, value: str, number: int = 0
) -> None:
    """A value in words, and the menu `number` with it; a new one where there is none."""
    try:
        edit = choices.change(name, value, _offer(desk, reader))
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
    """The subscriber as `edit` makes it; the value of `name` is not waited for any more."""

    def settled(stored: Subscriber) -> Subscriber:
        others = {each: number for each, number in _awaited(stored).items() if each != name}
        return replace(edit(stored), awaiting=_written(others))

    changed = await desk.change(reader, settled)
    if changed.choices.language != reader.choices.language and reader.kind is Kind.PRIVATE:
        await command_menu.show(desk, came.person)
    return changed


async def _refuse(
    desk: Desk, came: Incoming, reader: Subscriber, error: UnusableValueError, number: int
) -> None:
    """Says so, and what can be; where that is words, they are waited for."""
    language, name = reader.choices.language, error.name
    says = words.of(language)
    possible = menu.NAMES if name == "name" else choices.possible(name, _offer(desk, reader))
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
