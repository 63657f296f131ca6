"""The fields of the preferences form, converted from and to a subscriber. Pure."""

from typing import Any

from bot.core.models import Subscriber
from bot.subscriptions import preferences, zones
from bot.subscriptions.preferences import Offer, UnusableValueError
from bot.web.forms import Form

WISHES = ("categories", "include", "exclude", "detail", "language", "hour", "zone", "quiet")
"""The fields of the sign-up form."""
ALL = (*WISHES, "pause")


def shown(reader: Subscriber, offer: Offer) -> dict[str, Any]:
    """Return the field values for the preferences of `reader`."""
    chosen, paused = reader.choices, reader.paused_until
    return {
        "categories": chosen.categories or offer.categories,
        "include": _list(tuple(keyword.text for keyword in chosen.include)),
        "exclude": _list(tuple(keyword.text for keyword in chosen.exclude)),
        "detail": chosen.detail.value,
        "language": chosen.language,
        "hour": reader.hour.strftime("%H:%M") if reader.hour else "",
        "zone": zones.name(reader.zone),
        "quiet": "on" if reader.quiet_line else "",
        "pause": str(paused) if paused and paused > offer.today else "",
    }


def typed(form: Form) -> dict[str, Any]:
    """Return the field values as typed."""
    return {name: form.text(name) for name in ALL} | {"categories": form.texts("categories")}


def fill(
    form: Form, names: tuple[str, ...], offer: Offer, reader: Subscriber
) -> tuple[Subscriber, tuple[str, ...]]:
    """Return `reader` with the values of a form, and the names of invalid fields."""
    faults = []
    for name in names:
        try:
            reader = preferences.change(name, _value(form, name), offer)(reader)
        except UnusableValueError as error:
            faults.append(error.name)
    return reader, tuple(faults)


def _value(form: Form, name: str) -> str:
    if name == "categories":
        return " ".join(form.texts(name))
    if name in ("include", "exclude"):  # one keyword a line is accepted too
        return ",".join(form.text(name).splitlines())
    if name == "quiet":  # an unchecked box sends nothing
        return form.text(name) or "off"
    return form.text(name)


def _list(texts: tuple[str, ...]) -> str:
    return ", ".join(texts)
