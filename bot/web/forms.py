"""Forms of the pages: their fields, bounded and cleaned on input, and the words of each language."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from bot.core.models import Subscriber
from bot.subscriptions import preferences
from bot.subscriptions.preferences import Offer, UnusableValueError
from digest.core.invisible import removed
from digest.languages import load as load_language
from digest.render import i18n

_LANGUAGE_FILE = re.compile(r"web/([a-z]{2,3}(?:-[A-Za-z0-9]+)*)\.j2")
_LONGEST = 500  # characters of Accept-Language that are read


@cache
def languages(own: str) -> tuple[str, ...]:
    """Return the available languages: those with a file of words, and the edition's `own`."""
    found = map(_LANGUAGE_FILE.fullmatch, environment().list_templates())
    known = tuple(match[1] for match in found if match)
    return known if own in known else (*known, own)


def chosen_language(request: Request, own: str, subscriber: str = "") -> str:
    """Choose the language of a request.

    In this order: the one in its URL, the language of its `subscriber` if known, the browser's preferences, `own`.
    """
    asked = request.query_params.get("language", "")
    preferred = _preferred(request.headers.get("accept-language", ""))
    return _nearest([asked, subscriber, *preferred], languages(own)) or own


@cache
def words(language: str) -> Any:
    """Return the words of `language` as attributes, or the English ones."""
    return i18n.words("web", i18n.words_of("web", language))


@cache
def language_name(language: str) -> str:
    """Return the name of a language in that language; the tag of one that has no folder."""
    known = load_language(language)
    return known.own_name if known else language


@cache
def environment() -> Environment:
    """Return the environment of the pages' templates."""
    made = i18n.environment().overlay(autoescape=True)
    made.filters = {**made.filters, "language_name": language_name}
    return made


def _nearest(tags: Iterable[str], known: tuple[str, ...]) -> str | None:
    """Return the first of `tags` (BCP 47) that is in `known`, exactly or by its primary subtag."""
    for tag in tags:
        same = [each for each in known if each.lower() == tag.lower()]
        alike = [each for each in known if each.partition("-")[0] == tag.partition("-")[0].lower()]
        if found := same or alike:
            return found[0]
    return None


def _preferred(header: str) -> list[str]:
    """Return the tags of an Accept-Language header, most preferred first (RFC 9110 §12.5.4)."""
    found = []
    for part in header[:_LONGEST].split(","):
        tag, _, weight = part.strip().partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight)
        quality = float(match[1]) if match else 0.0 if weight else 1.0
        if tag and quality:
            found.append((quality, tag.strip()))
    return [tag for _, tag in sorted(found, key=lambda each: -each[0])]


_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 300  # every category of arXiv and the other fields


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """The fields of a form, in order."""

    fields: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        """Return the value of the last field of that name, or an empty text."""
        return (self.texts(name) or ("",))[-1]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of all fields of that name."""
        return tuple(text for key, text in self.fields if key == name)


async def read_form(request: Request) -> SubmittedForm:
    """Read the form of a request. Raises HTTPException if it is not one of ours."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _TYPE:
        raise HTTPException(415)
    try:
        body = (await request.body()).decode()
        return SubmittedForm(tuple((name, removed(text)) for name, text in _pairs(body)))
    except (ValueError, ClientDisconnect):
        raise HTTPException(400) from None


def _pairs(body: str) -> list[tuple[str, str]]:
    return parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)


PREFERENCES = ("categories", "include", "exclude", "detail", "language", "hour", "zone", "quiet")
"""The fields of the sign-up form."""
ALL = (*PREFERENCES, "pause")


def shown_preferences(subscriber: Subscriber, offer: Offer) -> dict[str, Any]:
    """Return the field values for the preferences of `subscriber`."""
    chosen, paused = subscriber.preferences, subscriber.paused_until
    return {
        "categories": chosen.categories or offer.categories,
        "include": _list(tuple(keyword.text for keyword in chosen.include)),
        "exclude": _list(tuple(keyword.text for keyword in chosen.exclude)),
        "detail": chosen.detail.value,
        "language": chosen.language,
        "hour": subscriber.hour.strftime("%H:%M") if subscriber.hour else "",
        "zone": preferences.zone_name(subscriber.zone),
        "quiet": "on" if subscriber.quiet_line else "",
        "pause": str(paused) if paused and paused > offer.today else "",
    }


def typed_preferences(form: SubmittedForm) -> dict[str, Any]:
    """Return the field values as typed."""
    return {name: form.text(name) for name in ALL} | {"categories": form.texts("categories")}


def fill_preferences(
    form: SubmittedForm, names: tuple[str, ...], offer: Offer, subscriber: Subscriber
) -> tuple[Subscriber, tuple[str, ...]]:
    """Return `subscriber` with the values of a form, and the names of invalid fields."""
    faults = []
    for name in names:
        try:
            subscriber = preferences.change(name, _value(form, name), offer)(subscriber)
        except UnusableValueError as error:
            faults.append(error.name)
    return subscriber, tuple(faults)


def _value(form: SubmittedForm, name: str) -> str:
    if name == "categories":
        return " ".join(form.texts(name))
    if name in ("include", "exclude"):  # one keyword a line is accepted too
        return ",".join(form.text(name).splitlines())
    if name == "quiet":  # an unchecked box sends nothing
        return form.text(name) or "off"
    return form.text(name)


def _list(texts: tuple[str, ...]) -> str:
    return ", ".join(texts)
