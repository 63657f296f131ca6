"""The settings menu of a chat: the current values, and the buttons that change them. Pure."""

from typing import Any

from bot.core.models import Detail, Kind, Standing, Subscriber
from bot.subscriptions import hours, preferences, zones
from bot.telegram import words
from bot.telegram.context import Desk
from bot.telegram.parts import Button, Message, Rows, rows

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


def view(desk: Desk, reader: Subscriber, part: str = "menu") -> Message:
    """Show all settings with a button for each, or the buttons of one `part`."""
    says = words.of(reader.choices.language)
    given = way(says, reader.kind, part, also=part not in ("include", "exclude"))
    return Message(_said(desk, reader, "settings", part=part, way=given), _buttons(desk, reader, part))


def saved(desk: Desk, reader: Subscriber, name: str) -> str:
    """Confirm the new value of the setting `name`."""
    return _said(desk, reader, "saved", name=name)


def _said(desk: Desk, reader: Subscriber, template: str, **material: Any) -> str:
    now = desk.clock()
    shown = {
        "zone": zones.name(reader.zone),
        "pause": preferences.pause(reader, now),
        "usual": hours.usual_time(desk.app.plan.calendar, now, reader.zone),
    }
    return words.render(template, reader.choices.language, reader=reader, **shown, **material)


def way(says: Any, kind: Kind, name: str, *, also: bool) -> str:
    """Explain how to type a value; with `also`, as an alternative to the buttons. Empty in groups, where a prompt asks
    for it.
    """
    if name not in TYPED or kind is Kind.GROUP:
        return ""
    said = says.post if kind is Kind.CHANNEL else says.send
    return str(said(name, also))


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
        case "data":
            return ((Button(str(says.export), EXPORT), Button(str(says.forget), FORGET)), back)
        case "pause":
            options = [Button(str(says.days(each)), f"s:pause={each}") for each in _DAYS]
            return (*rows(options, 3), (Button(str(says.no_pause), "s:pause=0"),), back)
        case _:
            return _menu_buttons(reader, has_mail=desk.links is not None)


def _menu_buttons(reader: Subscriber, *, has_mail: bool) -> Rows:
    says = words.of(reader.choices.language)

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
    says = words.of(reader.choices.language)
    active = reader.standing is Standing.ACTIVE
    return Button(str(says.leave), "sub:off") if active else Button(str(says.join), "sub:on")


def _category(name: str, reader: Subscriber) -> Button:
    wanted = not reader.choices.categories or name in reader.choices.categories
    return Button(f"{'✓ ' if wanted else ''}{name}", f"s:{'without' if wanted else 'with'}={name}")


def _option(name: str, value: str, label: str, now: str) -> Button:
    return Button(f"{'✓ ' if value == now else ''}{label}", f"s:{name}={value}")
