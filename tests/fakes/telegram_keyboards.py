"""The keyboards under messages: the `reply_markup` that Telegram accepts."""

import re
from typing import Any

from tests.fakes.telegram_errors import bad_request
from tests.fakes.telegram_limits import BUTTONS, BUTTONS_IN_A_ROW, CALLBACK_BYTES

_URL = re.compile(r"(?:https?://[^\s/]+|tg://)\S*", re.IGNORECASE)
_INLINE_ACTIONS = frozenset(
    {
        "callback_data",
        "url",
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
    }
    | {"switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay"}
)

Button = tuple[str, str]
"""Text, and callback data or else URL ("" for neither)."""


def checked(markup: dict[str, Any] | None, *, inline_only: bool = False) -> dict[str, Any] | None:
    """Return `markup`, or None if it is empty. Raises BotApiError if Telegram rejects it."""
    if not markup:
        return None
    if "inline_keyboard" in markup:
        rows = _rows(markup["inline_keyboard"])
        for row in rows:
            for button in row:
                _check_inline(button)
        return {"inline_keyboard": rows} if rows else None
    if inline_only:
        raise bad_request("inline keyboard expected")
    if "keyboard" in markup:
        _check_reply_keyboard(markup)
    elif markup.get("force_reply") is not True and markup.get("remove_keyboard") is not True:
        raise bad_request("can't parse reply keyboard markup JSON object")
    return markup


def buttons(markup: dict[str, Any] | None) -> list[list[Button]]:
    """Return the rows of buttons in `markup`."""
    rows = (markup or {}).get("inline_keyboard") or (markup or {}).get("keyboard") or []
    return [[_shown(button) for button in row] for row in rows]


def _shown(button: Any) -> Button:
    if isinstance(button, str):
        return button, ""
    return button["text"], button.get("callback_data") or button.get("url") or ""


def _rows(rows: Any) -> list[list[Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request("can't parse keyboard: it must be an array of arrays")
    if sum(map(len, rows)) > BUTTONS or any(len(row) > BUTTONS_IN_A_ROW for row in rows):
        raise bad_request("REPLY_MARKUP_TOO_LONG")
    return [row for row in rows if row]


def _check_reply_keyboard(markup: dict[str, Any]) -> None:
    for row in _rows(markup["keyboard"]):
        for button in row:
            text = button.get("text") if isinstance(button, dict) else button
            if not isinstance(text, str) or not text.strip():
                raise bad_request("keyboard button text must be non-empty")


def _check_inline(button: Any) -> None:
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise bad_request("can't parse inline keyboard button: Can't find field \"text\"")
    if not button["text"].strip():
        raise bad_request("inline keyboard button text must be non-empty")
    actions = _INLINE_ACTIONS & {*button}
    if len(actions) != 1:
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if "callback_data" in actions and not 1 <= len(str(button["callback_data"]).encode()) <= CALLBACK_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in actions and not _URL.fullmatch(str(button["url"])):
        raise bad_request(
            f"inline keyboard button URL '{button['url']}' is invalid: Unsupported URL protocol"
        )
