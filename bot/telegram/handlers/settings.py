"""The settings of a chat: one message that its buttons edit in place, or typed values."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from telegram import CallbackQuery, Update
from telegram.ext import CallbackQueryHandler, ContextTypes, TypeHandler

from bot.core.models import ChatKind, Detail, Edit, Subscriber, SubscriberStatus
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


def view(context: BotContext, subscriber: Subscriber, part: str = "menu") -> Message:
    """Show all settings with a button for each, or the buttons of one `part`."""
    says = templates.words(subscriber.preferences.language)
    given = how_to_type(says, subscriber.kind, part, also=part not in ("include", "exclude"))
    return Message(
        _said(context, subscriber, "settings", part=part, way=given), _buttons(context, subscriber, part)
    )


def saved(context: BotContext, subscriber: Subscriber, name: str) -> str:
    """Confirm the new value of the setting `name`."""
    return _said(context, subscriber, "saved", name=name)


def _said(context: BotContext, subscriber: Subscriber, template: str, **material: Any) -> str:
    now = context.clock()
    shown = {
        "zone": preferences.zone_name(subscriber.zone),
        "pause": preferences.pause(subscriber, now),
        "usual": preferences.usual_time(context.plan.calendar, now, subscriber.zone),
    }
    return templates.render(
        template, subscriber.preferences.language, subscriber=subscriber, **shown, **material
    )


def how_to_type(says: Any, kind: ChatKind, name: str, *, also: bool) -> str:
    """Explain how to type a value; with `also`, as an alternative to the buttons. Empty in groups, where a prompt asks
    for it.
    """
    if name not in TYPED or kind is ChatKind.GROUP:
        return ""
    said = says.post if kind is ChatKind.CHANNEL else says.send
    return str(said(name, also))


def _buttons(context: BotContext, subscriber: Subscriber, name: str) -> Rows:
    says = templates.words(subscriber.preferences.language)
    back = (Button(f"‹ {says.back}", MENU),)
    match name:
        case "categories":
            offered = [_category(each, subscriber) for each in context.plan.categories]
            return (*rows(offered, 3), back)
        case "detail":
            now = subscriber.preferences.detail.value
            options = [_option("detail", each.value, str(says.details[each.value]), now) for each in Detail]
            return (*rows(options, 3), back)
        case "language":
            now, known = subscriber.preferences.language, templates.languages()
            options = [
                _option("language", each, str(templates.words(each).language_name), now) for each in known
            ]
            return (*rows(options, 2), back)
        case "include" | "exclude":
            return ((Button(str(says.clear), f"s:{name}="),), back)
        case "hour":
            now = subscriber.hour.strftime("%H:%M") if subscriber.hour else ""
            options = [_option("hour", each, each, now) for each in _HOURS]
            return (*rows(options, 5), (_option("hour", "", str(says.at_once), now),), back)
        case "zone":
            options = [_option("zone", each, each, subscriber.zone.key) for each in _ZONES]
            return (*rows(options, 2), back)
        case "data":
            return ((Button(str(says.export), EXPORT), Button(str(says.forget), FORGET)), back)
        case "pause":
            options = [Button(str(says.days(each)), f"s:pause={each}") for each in _DAYS]
            return (*rows(options, 3), (Button(str(says.no_pause), "s:pause=0"),), back)
        case _:
            return _menu_buttons(subscriber, has_mail=context.links is not None)


def _menu_buttons(subscriber: Subscriber, *, has_mail: bool) -> Rows:
    says = templates.words(subscriber.preferences.language)

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
        (flips("silent", subscriber.silent), flips("quiet", subscriber.quiet_line)),
        (flips("rich", subscriber.preferences.rich), switch(subscriber)),
        (
            *([Button(str(says.email), EMAIL)] if has_mail and subscriber.kind is ChatKind.PRIVATE else []),
            opens("data"),
        ),
    )


def switch(subscriber: Subscriber) -> Button:
    """Return the button that subscribes or unsubscribes."""
    says = templates.words(subscriber.preferences.language)
    active = subscriber.status is SubscriberStatus.ACTIVE
    return Button(str(says.leave), "sub:off") if active else Button(str(says.join), "sub:on")


def _category(name: str, subscriber: Subscriber) -> Button:
    wanted = not subscriber.preferences.categories or name in subscriber.preferences.categories
    return Button(f"{'✓ ' if wanted else ''}{name}", f"s:{'without' if wanted else 'with'}={name}")


def _option(name: str, value: str, label: str, now: str) -> Button:
    return Button(f"{'✓ ' if value == now else ''}{label}", f"s:{name}={value}")


_PATIENCE = timedelta(minutes=10)  # time to type a value


def handlers(context: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [
        on_command("settings", partial(settings, context)),
        CallbackQueryHandler(
            partial(tapped, context), pattern=rf"^s:([a-z]{{2,12}})(?:=(.{{0,50}}?))?{AIMED}\Z"
        ),
    ]


def interruption(context: BotContext) -> Handler:
    """Create the handler that sees every update first."""
    return TypeHandler(Update, partial(interrupted, context))


async def settings(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the menu, or change a setting if the command has a name and a value."""
    if (message := incoming(update)) is None:
        return
    subscriber = await context.subscriber(message)
    name, _space, value = message.words.partition(" ")
    name = name.lower()
    if not name:
        await context.answer(message, view(context, subscriber))
    elif not await context.may_change(message):
        await context.answer(message, templates.words(subscriber.preferences.language).only_admins)
    elif not value.strip() and name in PARTS:  # showing a setting must not clear it
        number = await context.answer(message, view(context, subscriber, name))
        await _await(context, message, subscriber, name, number)
    else:
        await _set(context, message, subscriber, name, value)


async def given(context: BotContext, message: IncomingMessage, subscriber: Subscriber) -> bool:
    """Use a private message as the value of the setting that was asked for. Returns whether one was."""
    awaited = subscriber.awaited
    in_time = subscriber.awaited_until is not None and context.clock() < subscriber.awaited_until
    if not (message.address.is_private and awaited and in_time):
        return False
    ((name, number),) = awaited.items()
    await _set(context, message, subscriber, name, message.text, number)
    return True


async def replied(context: BotContext, message: IncomingMessage, subscriber: Subscriber, name: str) -> None:
    """Use the reply to a prompt as the value of the setting `name`."""
    if await context.may_change(message):
        await _set(context, message, subscriber, name, message.text, subscriber.awaited.get(name, 0))
    else:
        await context.answer(message, templates.words(subscriber.preferences.language).only_admins)


async def interrupted(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Stop waiting for a value when a command or tap comes instead."""
    message = incoming(update)
    if message is None or not message.address.is_private:
        return
    if not (update.callback_query or message.text.startswith("/")):
        return
    known = await context.subscriptions.find(CHANNEL, str(message.address.subscription))
    if known and known.awaited:
        await context.subscriptions.change(
            known, lambda stored: replace(stored, awaited={}, awaited_until=None)
        )


async def tapped(context: BotContext, update: Update, ptb_context: ContextTypes.DEFAULT_TYPE) -> None:
    """Handle a tap in the menu."""
    query = update.callback_query
    match = ptb_context.matches[0] if ptb_context.matches else None
    if query is None or match is None or (message := incoming(update)) is None:
        return
    subscriber = await context.subscriber(message)
    says = templates.words(subscriber.preferences.language)
    if not await context.may_change(message):
        await context.acknowledge(query, str(says.only_admins), alert=True)
    elif match[2] is not None:
        await _choose(context, message, query, match[1], match[2])
    elif match[1] == "open":
        await context.acknowledge(query)
        await context.answer(message, view(context, subscriber))
    elif match[1] in ("menu", *PARTS):
        await context.acknowledge(query)
        await context.show(message, view(context, subscriber, match[1]))
        await _await(context, message, subscriber, match[1], message.message)
    else:
        await context.acknowledge(query, str(says.stale_button), alert=True)


async def _choose(
    context: BotContext, message: IncomingMessage, query: CallbackQuery, name: str, value: str
) -> None:
    """Apply the value of a button and update the menu."""
    subscriber = await context.subscriber(message)
    offer = _offer(context, subscriber)
    try:
        changed = await _change(context, message, subscriber, name, preferences.change(name, value, offer))
    except UnusableValueError:
        says = templates.words(subscriber.preferences.language)
        await context.acknowledge(query, str(says.stale_button), alert=True)
        return
    says = templates.words(changed.preferences.language)
    if name == "without" and value in (changed.preferences.categories or offer.categories):
        await context.acknowledge(query, str(says.last_category), alert=True)
        return
    await context.acknowledge(query, str(says.saved))
    await context.show(
        message, view(context, changed, "categories" if name in ("with", "without") else "menu")
    )


async def _await(
    context: BotContext, message: IncomingMessage, subscriber: Subscriber, name: str, number: int
) -> None:
    """Wait for the value of `name`; the message `number` is the menu that shows it.

    In a group only the reply to the prompt counts.
    """
    if name not in TYPED or subscriber.kind is ChatKind.CHANNEL:
        return
    await _note(context, subscriber, name, number)
    if not message.address.is_private:
        language = subscriber.preferences.language
        await prompts.ask(context, message, language, templates.words(language).reply_with[name])


async def _note(context: BotContext, subscriber: Subscriber, name: str, number: int) -> None:
    until, is_one = context.clock() + _PATIENCE, subscriber.kind is ChatKind.PRIVATE

    def noted(stored: Subscriber) -> Subscriber:
        others = {} if is_one else stored.awaited
        return replace(stored, awaited={**others, name: number}, awaited_until=until)

    await context.subscriptions.change(subscriber, noted)


async def _set(
    context: BotContext,
    message: IncomingMessage,
    subscriber: Subscriber,
    name: str,
    value: str,
    number: int = 0,
) -> None:
    """Apply a typed value and update the menu in the message `number`, or send a new menu if there is none."""
    try:
        edit = preferences.change(name, value, _offer(context, subscriber))
    except UnusableValueError as error:
        await _refuse(context, message, subscriber, error, number)
        return
    subscriber = await _change(context, message, subscriber, name, edit)
    if number:
        await context.show(replace(message, message=number), view(context, subscriber))
        await context.answer(message, saved(context, subscriber, name))
    else:
        await context.answer(message, view(context, subscriber))


async def _change(
    context: BotContext, message: IncomingMessage, subscriber: Subscriber, name: str, edit: Edit
) -> Subscriber:
    """Apply `edit` to the subscriber and stop waiting for the value of `name`."""

    def settled(stored: Subscriber) -> Subscriber:
        others = {each: number for each, number in stored.awaited.items() if each != name}
        return replace(edit(stored), awaited=others)

    changed = await context.subscriptions.change(subscriber, settled)
    if (
        changed.preferences.language != subscriber.preferences.language
        and subscriber.kind is ChatKind.PRIVATE
    ):
        await prompts.show_commands(context, message.person)
    return changed


async def _refuse(
    context: BotContext,
    message: IncomingMessage,
    subscriber: Subscriber,
    error: UnusableValueError,
    number: int,
) -> None:
    """Explain the error and the possible values. If a value can be typed, wait for it."""
    language, name = subscriber.preferences.language, error.name
    says = templates.words(language)
    possible = NAMES if name == "name" else preferences.possible(name, _offer(context, subscriber))
    if name not in TYPED:
        await context.answer(message, says.unusable(name, error.value[:80], possible, ""))
        return
    if message.kind is not ChatKind.CHANNEL:
        await _note(context, subscriber, name, number)
    if message.kind is ChatKind.GROUP:
        said = says.unusable(name, error.value[:80], (), says.reply_with[name])
        await prompts.ask(context, message, language, said)
    else:
        way = how_to_type(says, subscriber.kind, name, also=False)
        await context.answer(message, says.unusable(name, error.value[:80], (), way))


def _offer(context: BotContext, subscriber: Subscriber) -> Offer:
    today = context.clock().astimezone(subscriber.zone).date()
    return Offer(context.plan.categories, templates.languages(), today)
