"""Validation of Telegram's updates before python-telegram-bot reads them.

The library fails on an object without the fields that the newest Bot API requires, which an older server may omit. One
such update would keep all later ones from being fetched.
"""

from typing import Any

import structlog
from telegram import Update

from digest.core import json_input

_log = structlog.get_logger()


def readable(update: dict[str, Any]) -> dict[str, Any]:
    """Return `update`, or only its id if the rest cannot be read, so that it still counts as received."""
    try:
        Update.de_json(json_input.bounded(update), None)
    except Exception as error:  # noqa: BLE001 - the library may raise anything
        number = update.get("update_id")
        _log.warning("update_unreadable", update=number, error=type(error).__name__)
        return {"update_id": number}
    return json_input.bounded(update)  # type: ignore[no-any-return]  # an object stays one
