"""Proxies from the environment, which every HTTP library and Git use; `.env` may contain them too."""

import os
from collections.abc import Iterator, Mapping

from bot import setting_values

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_ADDRESSES = NAMES[:3]


def use(written: Mapping[str, str | None]) -> None:
    """Put the proxies of `.env` into the environment, which takes precedence, in a form that every library knows."""
    for name, value in written.items():
        known = name.lower() in NAMES and not {name.lower(), name.upper()} & os.environ.keys()
        if known and value:
            os.environ[name.upper()] = value
    for name in (*_ADDRESSES, *map(str.upper, _ADDRESSES)):
        if (
            (address := os.environ.get(name, "")).lower().startswith("socks://")
        ):  # desktops write version 5 so
            os.environ[name] = f"socks5{address[5:]}"


def faults() -> Iterator[str]:
    """Return a sentence for each proxy that is not a URL: libraries would fail on it at first use."""
    for name in (*_ADDRESSES, *map(str.upper, _ADDRESSES)):
        if address := os.environ.get(name):
            try:
                setting_values.proxy(address if "://" in address else f"http://{address}")
            except ValueError as error:
                yield f"{name}: {error}."
