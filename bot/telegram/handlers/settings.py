"""The settings of a chat: one message that its buttons edit in place, or typed values."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from telegram import CallbackQuery, Update
from telegram.ext import CallbackQueryHandler, ContextTypes, TypeHandler

from bot.core.models import Detail, Edit, Kind, Standing, Subscriber
from bot.subscriptions import preferences
from bot.subscriptions.preferences import Offer, UnusableValueError
from bot.telegram import templates
from bot.telegram.context import CHANNEL, BotContext
from bot.telegram.handlers import prompts
from bot.telegram.incoming import AIMED, Handler, IncomingMessage, incoming, on_command
from bot.telegram.templates import Button, Message, Rows, rows

MENU = "s:menu"
OPEN = "s:open"
"""Opens the menu as a new message, for buttons of other messages."""
EMAIL, EXPORT, FORGET = "email:", "export:", "forget:"
"""Actions that otherwise only the commands of the same names offer."""
NAMES = (
    *("categories", "detail", "include", "exclude", "hour", "zone", "language", "pause"),
    *("silent", "quiet", "rich"),
)
"""The settings, as commands name them."""
PARTS = (*NAMES, "data")
TYPED = ("include", "exclude", "hour", "zone", "pause")
"""Settings whose values can be typed."""
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


def view(desk: BotContext, reader: Subscriber, part: str = "menu") -> Message:
    """Show all settings with a button for each, or the buttons of one `part`."""
    says = templates.words(reader.choices.language)
    given = how_to_type(says, reader.kind, part, also=part not in ("include", "exclude"))
    return Message(_said(desk, reader, "settings", part=part, way=given), _buttons(desk, reader, part))


def saved(desk: BotContext, reader: Subscriber, name: str) -> str:
    """Confirm the new value of the setting `name`."""
    return _said(desk, reader, "saved", name=name)


def _said(desk: BotContext, reader: Subscriber, template: str, **material: Any) -> str:
    now = desk.clock()
    shown = {
        "zone": preferences.zone_name(reader.zone),
        "pause": preferences.pause(reader, now),
        "usual": preferences.usual_time(desk.app.plan.calendar, now, reader.zone),
    }
    return templates.render(template, reader.choices.language, reader=reader, **shown, **material)


def how_to_type(says: Any, kind: Kind, name: str, *, also: bool) -> str:
    """Explain how to type a value; with `also`, as an alternative to the buttons. Empty in groups, where a prompt asks
    for it.
    """
    if name not in TYPED or kind is Kind.GROUP:
        return ""
    said = says.post if kind is Kind.CHANNEL else says.send
    return str(said(name, also))


def _buttons(desk: BotContext, reader: Subscriber, name: str) -> Rows:
    says = templates.words(reader.choices.language)
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
            now, known = reader.choices.language, templates.languages()
            options = [
                _option("language", each, str(templates.words(each).language_name), now) for each in known
            ]
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
        case "data":
            return ((Button(str(says.export), EXPORT), Button(str(says.forget), FORGET)), back)
        case "pause":
            options = [Button(str(says.days(each)), f"s:pause={each}") for each in _DAYS]
            return (*rows(options, 3), (Button(str(says.no_pause), "s:pause=0"),), back)
        case _:
            return _menu_buttons(reader, has_mail=desk.links is not None)


def _menu_buttons(reader: Subscriber, *, has_mail: bool) -> Rows:
    says = templates.words(reader.choices.language)

    def opens(name: str) -> Button:
        return Button(str(says.names[name]), f"s:{name}")

    def flips(name: str, now: bool) -> Button:
        return Button(
            f"{says.names[name]}{says.colon}{says.on if now else says.off}", f"s:{name}={0 if now else 1}"
        )

    return (
        (opens("categories"), opens("detail")),
        (opens("include"), opens("exclude")),
        (opens("hour"), opens("zone")),
        (opens("language"), opens("pause")),
        (flips("silent", reader.silent), flips("quiet", reader.quiet_line)),
        (flips("rich", reader.choices.rich), switch(reader)),
        (
            *([Button(str(says.email), EMAIL)] if has_mail and reader.kind is Kind.PRIVATE else []),
            opens("data"),
        ),
    )


def switch(reader: Subscriber) -> Button:
    """Return the button that subscribes or unsubscribes."""
    says = templates.words(reader.choices.language)
    active = reader.standing is Standing.ACTIVE
    return Button(str(says.leave), "sub:off") if active else Button(str(says.join), "sub:on")


def _category(name: str, reader: Subscriber) -> Button:
    wanted = not reader.choices.categories or name in reader.choices.categories
    return Button(f"{'✓ ' if wanted else ''}{name}", f"s:{'without' if wanted else 'with'}={name}")


def _option(name: str, value: str, label: str, now: str) -> Button:
    return Button(f"{'✓ ' if value == now else ''}{label}", f"s:{name}={value}")


_PATIENCE = timedelta(minutes=10)  # time to type a value


def handlers(desk: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [
        on_command("settings", partial(settings, desk)),
        CallbackQueryHandler(
            partial(tapped, desk), pattern=rf"^s:([a-z]{{2,12}})(?:=(.{{0,50}}?))?{AIMED}\Z"
        ),
    ]


def interruption(desk: BotContext) -> Handler:
    """Create the handler that sees every update first."""
    return TypeHandler(Update, partial(interrupted, desk))


async def settings(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the menu, or change a setting if the command has a name and a value."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    name, _space, value = came.words.partition(" ")
    name = name.lower()
    if not name:
        await desk.answer(came, view(desk, reader))
    elif not await desk.may_change(came):
        await desk.answer(came, templates.words(reader.choices.language).only_admins)
    elif not value.strip() and name in PARTS:  # showing a setting must not clear it
        number = await desk.answer(came, view(desk, reader, name))
        await _await(desk, came, reader, name, number)
    else:
        await _set(desk, came, reader, name, value)


async def given(desk: BotContext, came: IncomingMessage, reader: Subscriber) -> bool:
    """Use a private message as the value of the setting that was asked for. Returns whether one was."""
    awaited = _awaited(reader)
    in_time = reader.awaited_until is not None and desk.clock() < reader.awaited_until
    if not (came.address.is_private and awaited and in_time):
        return False
    ((name, number),) = awaited.items()
    await _set(desk, came, reader, name, came.text, number)
    return True


async def replied(desk: BotContext, came: IncomingMessage, reader: Subscriber, name: str) -> None:
    """Use the reply to a prompt as the value of the setting `name`."""
    if await desk.may_change(came):
        await _set(desk, came, reader, name, came.text, _awaited(reader).get(name, 0))
    else:
        await desk.answer(came, templates.words(reader.choices.language).only_admins)


async def interrupted(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
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


async def tapped(desk: BotContext, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Handle a tap in the menu."""
    query = update.callback_query
    match = context.matches[0] if context.matches else None
    if query is None or match is None or (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    says = templates.words(reader.choices.language)
    if not await desk.may_change(came):
        await desk.acknowledge(query, str(says.only_admins), alert=True)
    elif match[2] is not None:
        await _choose(desk, came, query, match[1], match[2])
    elif match[1] == "open":
        await desk.acknowledge(query)
        await desk.answer(came, view(desk, reader))
    elif match[1] in ("menu", *PARTS):
        await desk.acknowledge(query)
        await desk.show(came, view(desk, reader, match[1]))
        await _await(desk, came, reader, match[1], came.message)
    else:
        await desk.acknowledge(query, str(says.stale_button), alert=True)


async def _choose(
    desk: BotContext, came: IncomingMessage, query: CallbackQuery, name: str, value: str
) -> None:
    """Apply the value of a button and update the menu."""
    reader = await desk.reader(came)
    offer = _offer(desk, reader)
    try:
        changed = await _change(desk, came, reader, name, preferences.change(name, value, offer))
    except UnusableValueError:
        says = templates.words(reader.choices.language)
        await desk.acknowledge(query, str(says.stale_button), alert=True)
        return
    says = templates.words(changed.choices.language)
    if name == "without" and value in (changed.choices.categories or offer.categories):
        await desk.acknowledge(query, str(says.last_category), alert=True)
        return
    await desk.acknowledge(query, str(says.saved))
    await desk.show(came, view(desk, changed, "categories" if name in ("with", "without") else "menu"))


async def _await(desk: BotContext, came: IncomingMessage, reader: Subscriber, name: str, number: int) -> None:
    """Wait for the value of `name`; the message `number` is the menu that shows it.

    In a group only the reply to the prompt counts.
    """
    if name not in TYPED or reader.kind is Kind.CHANNEL:
        return
    await _note(desk, reader, name, number)
    if not came.address.is_private:
        language = reader.choices.language
        await prompts.ask(desk, came, language, templates.words(language).reply_with[name])


async def _note(desk: BotContext, reader: Subscriber, name: str, number: int) -> None:
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
    desk: BotContext, came: IncomingMessage, reader: Subscriber, name: str, value: str, number: int = 0
) -> None:
    """Apply a typed value and update the menu in the message `number`, or send a new menu if there is none."""
    try:
        edit = preferences.change(name, value, _offer(desk, reader))
    except UnusableValueError as error:
        await _refuse(desk, came, reader, error, number)
        return
    reader = await _change(desk, came, reader, name, edit)
    if number:
        await desk.show(replace(came, message=number), view(desk, reader))
        await desk.answer(came, saved(desk, reader, name))
    else:
        await desk.answer(came, view(desk, reader))


async def _change(
    desk: BotContext, came: IncomingMessage, reader: Subscriber, name: str, edit: Edit
) -> Subscriber:
    """Apply `edit` to the subscriber and stop waiting for the value of `name`."""

    def settled(stored: Subscriber) -> Subscriber:
        others = {each: number for each, number in _awaited(stored).items() if each != name}
        return replace(edit(stored), awaiting=_written(others))

    changed = await desk.subscriptions.change(reader, settled)
    if changed.choices.language != reader.choices.language and reader.kind is Kind.PRIVATE:
        await prompts.show_commands(desk, came.person)
    return changed


async def _refuse(
    desk: BotContext, came: IncomingMessage, reader: Subscriber, error: UnusableValueError, number: int
) -> None:
    """Explain the error and the possible values. If a value can be typed, wait for it."""
    language, name = reader.choices.language, error.name
    says = templates.words(language)
    possible = NAMES if name == "name" else preferences.possible(name, _offer(desk, reader))
    if name not in TYPED:
        await desk.answer(came, says.unusable(name, error.value[:80], possible, ""))
        return
    if came.kind is not Kind.CHANNEL:
        await _note(desk, reader, name, number)
    if came.kind is Kind.GROUP:
        said = says.unusable(name, error.value[:80], (), says.reply_with[name])
        await prompts.ask(desk, came, language, said)
    else:
        way = how_to_type(says, reader.kind, name, also=False)
        await desk.answer(came, says.unusable(name, error.value[:80], (), way))


def _offer(desk: BotContext, reader: Subscriber) -> Offer:
    today = desk.clock().astimezone(reader.zone).date()
    return Offer(desk.app.plan.categories, templates.languages(), today)
