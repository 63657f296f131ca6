"""Telegram's updates before python-telegram-bot reads them.

It fails on an object that lacks what the newest Bot API requires, as an older server's may, and one such update would
keep all later ones from being fetched.
"""

from typing import Any

import structlog
from telegram import Update

from digest import json_input

_log = structlog.get_logger()


def readable(update: dict[str, Any]) -> dict[str, Any]:
    """`update`, or its number alone where the rest cannot be read: so it still counts as taken."""
    try:
        Update.de_json(json_input.bounded(update), None)
    except Exception as error:  # noqa: BLE001 - whatever the library stumbles over
        number = update.get("update_id")
        _log.warning("update_unreadable", update=number, error=type(error).__name__)
        return {"update_id": number}
    return json_input.bounded(update)  # type: ignore[no-any-return]  # an object stays one
