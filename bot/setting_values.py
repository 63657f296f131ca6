"""Parsers of setting values, and what is read before the settings: the home folder and the proxies.

Each parser raises ValueError with a sentence about the problem. Values that are not text are returned unchanged.
Relative paths in settings start at the home folder, which contains the `.env`. Proxies are those variables that every
HTTP library and Git use; `.env` may contain them too.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from bot.core import mailboxes
from bot.core.mailboxes import InvalidMailboxError
from digest import languages
from digest.core import json_input
from digest.core.json_input import InvalidJsonError
from digest.core.keywords import InvalidKeywordError
from digest.core.keywords import keywords as read_keywords
from digest.core.models import Price

ANNOUNCED = "announced"
"""Instead of a time of day: as soon as the announced batch is complete."""
# https://arxiv.org/category_taxonomy: an archive, or an archive and a subject class.
_CATEGORY = re.compile(
    r"(?:[a-z]{2,8}(?:-[a-z]{2,4})?|q-[a-z]{3})(?:\.[A-Z]{2}|\.[a-z]{2,8}(?:-[a-z]{2,5})?)?"
)
_LABEL = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def _words(value: object) -> object:
    return re.split(r"[\s,+]+", value.strip()) if isinstance(value, str) and value.strip() else value


def categories(value: object) -> object:
    """Parse the names of arXiv categories."""
    names = _words(value)
    if isinstance(names, list):
        for name in names:
            if not _CATEGORY.fullmatch(str(name)):
                raise ValueError(f"“{name}” is not an arXiv category; give names such as cs.SD, eess.AS")
    return names


def keywords(value: object) -> object:
    """Parse keywords separated by commas."""
    if isinstance(value, str):
        try:
            return read_keywords(value)
        except InvalidKeywordError as error:
            raise ValueError(str(error).removesuffix(".")) from None
    return value


def dates(value: object) -> object:
    """Parse dates."""
    dates = []
    names = _words(value)
    for name in names if isinstance(names, list) else []:
        try:
            dates.append(date.fromisoformat(name))
        except ValueError:
            raise ValueError(f"“{name}” is not a date; give dates such as 2026-12-24") from None
    return tuple(dates) if isinstance(value, str) else value


def numbers(value: object) -> object:
    """Parse the ids of Telegram users."""
    names = _words(value)
    for name in names if isinstance(names, list) else []:
        if not re.fullmatch(r"-?\d{1,18}", name, re.ASCII):
            raise ValueError(f"“{name}” is not a user id; give numbers such as 123456789")
    return tuple(map(int, names)) if isinstance(names, list) else () if value == "" else value


def chats(value: object) -> object:
    """Parse Telegram channels, by name or id."""
    names = _words(value)
    for name in names if isinstance(names, list) else []:
        if not re.fullmatch(r"-\d{1,18}|@[A-Za-z][A-Za-z0-9_]{3,31}", name, re.ASCII):
            raise ValueError(
                f"“{name}” is not a channel; give names or ids such as @my_channel, -1001234567890"
            )
    return tuple(names) if isinstance(names, list) else () if value == "" else value


def token(value: object) -> object:
    """Check a bot token."""
    if not re.fullmatch(r"\d{1,20}:[A-Za-z0-9_-]{10,100}", str(value), re.ASCII):
        raise ValueError("this is not a bot token; get one from @BotFather, such as 123456789:AbCd…")
    return value


def language(value: object) -> object:
    """Check a BCP 47 tag. Languages without a folder are allowed: `doctor` says what is then not checked."""
    if not _LANGUAGE.fullmatch(str(value)):
        raise ValueError(f"“{value}” is not a language tag; give one of {languages.names()}")
    return value


def prices(value: object) -> object:
    """Parse prices MODEL=PROMPT/CACHED/ANSWER separated by spaces or commas; a model's name may contain other
    characters.
    """
    if not isinstance(value, str):
        return value
    prices = {}
    for each in value.replace(",", " ").split():
        found = re.fullmatch(r"(.+)=(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)", each, re.ASCII)
        if found is None:
            raise ValueError(f"“{each}” is not a price; give some such as gpt-4.1-mini=0.40/0.10/1.60")
        prices[found[1]] = Price(*map(float, found.groups()[1:]))
    return prices


def zone(value: object) -> object:
    """Parse a time zone of the tz database."""
    if isinstance(value, str):
        if value not in available_timezones():
            raise ValueError(f"“{value}” is not a time zone; give one such as Asia/Shanghai")
        return ZoneInfo(value)
    return value


def digest_time(value: object) -> object:
    """Parse hours and minutes; None stands for the announcement itself."""
    if value == ANNOUNCED:
        return None
    if isinstance(value, str) and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError(
            f"“{value}” is not a time of day; give hours and minutes such as 08:50, or {ANNOUNCED}"
        )
    return value


def database(value: object) -> object:
    """Check the URL of a supported database."""
    if not re.match(r"(sqlite|postgresql)(\+\w+)?://", str(value)):
        raise ValueError("give an address that begins with sqlite:/// or postgresql://")
    return value


def host(value: object) -> object:
    """Check the name or address of a server."""
    if not _HOST.fullmatch(str(value)):
        try:
            ip_address(str(value))
        except ValueError:
            raise ValueError(f"“{value}” is not a server; give a name such as mail.example.org") from None
    return value


def sender(value: object) -> object:
    """Parse a mail address with an optional name before it."""
    return _parsed(mailboxes.sender, value)


def mailbox(value: object) -> object:
    """Parse a mail address."""
    return _parsed(mailboxes.parse, value)


def web_address(value: object) -> object:
    """Check a web URL, which may contain a secret and is never repeated."""
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s]{0,1900}", str(value)):
        raise ValueError("give an address that begins with https:// or http://")
    return value


def json_object(value: object) -> object:
    """Parse the body of a webhook: a JSON object that contains `$text`."""
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or "$text" not in value:
        raise ValueError('give a JSON object with $text in it, such as {"text": "$text"}')
    return found


_OWN_FIELDS = ("model", "messages", "stream", "stream_options", "response_format", "n", "tools", "functions")
_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")


def extra_body(value: object) -> object:
    """Parse extra fields of model requests: a JSON object."""
    if not isinstance(value, str):
        return value
    try:
        found = json_input.parse(value)
    except InvalidJsonError:
        found = None
    if not isinstance(found, dict):
        raise ValueError('give a JSON object such as {"enable_thinking": false}')  # noqa: TRY004
    for name in _OWN_FIELDS:
        if name in found:
            raise ValueError(f"leave out {name}: the program sets it itself")
    if "extra_body" in found:  # an argument of OpenAI's client that providers show in examples
        raise ValueError("write the fields of extra_body without extra_body around them")
    for name in _TOKEN_LIMITS:
        if name in found and not (type(found[name]) is int and found[name] > 0):
            raise ValueError(f"{name} is a number of tokens, such as 8192")
    return found


def proxy(value: object) -> object:
    """Check the URL of a proxy, which may contain a login and is never repeated."""
    if isinstance(value, str) and not _is_proxy(value):
        raise ValueError("give an address such as http://127.0.0.1:7890 or socks5://127.0.0.1:1080")
    return value


def _is_proxy(address: str) -> bool:
    if not re.fullmatch(r"(?:https?|socks5h?)://[!-~]+", address, re.IGNORECASE):
        return False
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0 and parts.path in {"", "/"}
    except ValueError:  # an invalid port makes the URL invalid
        return False


def _parsed(parse: Callable[[str], object], value: object) -> object:
    try:
        return parse(value) if isinstance(value, str) else value
    except InvalidMailboxError as error:
        raise ValueError(str(error).removesuffix(".")) from None


ENV_FILE = ".env"
INSTALLED_IN = Path(sys.prefix).parent if sys.prefix != sys.base_prefix else None
"""The folder that contains the `.venv` of this program; None without one."""


def home_folder() -> Path:
    """Return the current folder, or, if it has no `.env`, the folder in which this program is installed, if that has
    one.

    So cron and systemd, which start it in another folder, find its settings and database.
    """
    if INSTALLED_IN is None or _has_settings(Path()) or not _has_settings(INSTALLED_IN):
        return Path()
    return INSTALLED_IN


def _has_settings(folder: Path) -> bool:
    return os.path.exists(folder / ENV_FILE)  # noqa: PTH110 - False also for a folder that may not be read


PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_ADDRESSES = PROXY_VARIABLES[:3]


def use_proxies(written: Mapping[str, str | None]) -> None:
    """Put the proxies of `.env` into the environment, which takes precedence, in a form that every library knows."""
    for name, value in written.items():
        known = name.lower() in PROXY_VARIABLES and not {name.lower(), name.upper()} & os.environ.keys()
        if known and value:
            os.environ[name.upper()] = value
    for name in (*_ADDRESSES, *map(str.upper, _ADDRESSES)):
        if (
            (address := os.environ.get(name, "")).lower().startswith("socks://")
        ):  # desktops write version 5 so
            os.environ[name] = f"socks5{address[5:]}"


def proxy_faults() -> Iterator[str]:
    """Return a sentence for each proxy that is not a URL: libraries would fail on it at first use."""
    for name in (*_ADDRESSES, *map(str.upper, _ADDRESSES)):
        if address := os.environ.get(name):
            try:
                proxy(address if "://" in address else f"http://{address}")
            except ValueError as error:
                yield f"{name}: {error}."
