"""What a subscriber wants, as a form shows it and gives it back. Pure."""

from typing import Any

from bot import choices, zones
from bot.choices import Offer, UnusableValueError
from bot.models import Subscriber
from bot.web.forms import Form

WISHES = ("categories", "include", "exclude", "detail", "language", "hour", "zone", "quiet")
"""What is asked of somebody new."""
ALL = (*WISHES, "pause")


def shown(reader: Subscriber, offer: Offer) -> dict[str, Any]:
    """The fields' values for what `reader` has chosen."""
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
    """The fields' values as somebody left them."""
    return {name: form.text(name) for name in ALL} | {"categories": form.texts("categories")}


def fill(
    form: Form, names: tuple[str, ...], offer: Offer, reader: Subscriber
) -> tuple[Subscriber, tuple[str, ...]]:
    """`reader` as a form wants it, and the names of the fields that hold nothing usable."""
    faults = []
    for name in names:
        try:
            reader = choices.change(name, _value(form, name), offer)(reader)
        except UnusableValueError as error:
            faults.append(error.name)
    return reader, tuple(faults)


def _value(form: Form, name: str) -> str:
    if name == "categories":
        return " ".join(form.texts(name))
    if name in ("include", "exclude"):  # one a line will do too
        return ",".join(form.text(name).splitlines())
    if name == "quiet":  # of a box that is not ticked, nothing is sent
        return form.text(name) or "off"
    return form.text(name)


def _list(texts: tuple[str, ...]) -> str:
    return ", ".join(texts)
