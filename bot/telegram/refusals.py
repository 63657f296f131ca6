"""The meaning of Telegram's errors for a delivery and for the refused message.

The Bot API gives reasons only as English descriptions (https://core.telegram.org/bots/api#making-requests: "its
contents are subject to change"). So an unknown description ends no subscription, unless the status is 403.
"""

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)

from bot.delivery.channel import (
    DeferredError,
    DeliveryError,
    EndedError,
    HaltedError,
    MovedError,
    RefusedError,
    UnansweredError,
)
from bot.telegram.http import NotSentError, ServerFaultError, ThrottledError, pause_of

_REASON_CHARACTERS = 200  # characters of a description, which may quote from the message
_ENDED = (
    ("blocked by the user", "blocked"),
    ("user_is_blocked", "blocked"),
    ("user is deactivated", "deactivated"),
    ("user_deactivated", "deactivated"),
    ("bot was kicked", "kicked"),
    ("not a member", "not-a-member"),
    ("chat was deleted", "deleted"),
    ("chat was deactivated", "deleted"),
    ("chat was upgraded", "deleted"),
    ("chat not found", "not-found"),
    ("chat_not_found", "not-found"),
    ("user not found", "not-found"),
    ("peer_id_invalid", "not-found"),
    ("chat_write_forbidden", "no-rights"),
    ("chat_restricted", "no-rights"),
    ("chat_admin_required", "no-rights"),
    ("chat_send_plain_forbidden", "no-rights"),
    ("not enough rights to send", "no-rights"),
    ("no rights to send", "no-rights"),
    ("no write access", "no-rights"),
    ("need administrator rights", "no-rights"),
    ("topic_closed", "topic-closed"),
    ("topic_deleted", "topic-deleted"),
    ("topic_id_invalid", "topic-deleted"),
    ("message thread not found", "topic-deleted"),
)
"""Parts of descriptions, in lower case, and the reason stored for each."""
_UNPARSABLE = (
    "can't parse",
    "entity_",
    "entities_",
    "message is too long",
    "message_too_long",
    "caption is too long",
    "caption_too_long",
    "button_",
    "keyboard button",
    "reply_markup_",
)
_NOT_MODIFIED = ("message is not modified", "message_not_modified")
_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message to be replied not found",
    "message to reply not found",
    "replied message not found",
    "message_id_invalid",
)


def delivery_error(error: TelegramError) -> DeliveryError:
    """Convert `error` to the error of the delivery.

    The delivery is unanswered unless the error shows that it was refused or not sent.
    """
    match error:
        case InvalidToken() | EndPointNotFound() if not is_missing_method(error):
            # Its text may contain the token: python-telegram-bot writes it there at start-up.
            return HaltedError("Telegram does not accept the bot's token.")
        case Conflict():
            return HaltedError("Another process uses the bot's token.")
        case ChatMigrated():
            return MovedError("moved", str(error.new_chat_id))
        case RetryAfter():
            return DeferredError("flood", pause_of(error))
        case NotSentError() | ServerFaultError() | ThrottledError():
            return DeferredError(_reason(error))
        case Forbidden():
            return EndedError(_ended(error) or "forbidden")
        case BadRequest() | EndPointNotFound():
            reason = _ended(error)
            return EndedError(reason) if reason else RefusedError(_reason(error))
        case _:
            return UnansweredError(_reason(error))


def is_unparsable(error: TelegramError) -> bool:
    """Return whether the message's form was refused. The same text may pass as plain text without buttons."""
    return isinstance(error, BadRequest) and _says(error, _UNPARSABLE)


def may_be_form(error: TelegramError) -> bool:
    """Return whether the message's form may have been refused: the error names no problem with the address."""
    return isinstance(error, BadRequest) and _ended(error) is None


def is_not_modified(error: TelegramError) -> bool:
    """Return whether an edit was refused because the message already has this content."""
    return isinstance(error, BadRequest) and _says(error, _NOT_MODIFIED)


def is_gone(error: TelegramError) -> bool:
    """Return whether the message to edit or reply to no longer exists."""
    if isinstance(error, ChatMigrated):
        return True
    return isinstance(error, BadRequest) and _says(error, _GONE)


def is_topic_gone(error: TelegramError) -> bool:
    """Return whether the topic is unavailable: closed, deleted, or not found by the server.

    After the update of May 2026, Bot API servers did not find topics of private chats that they had named themselves
    (https://github.com/tdlib/telegram-bot-api/issues/847).
    """
    return isinstance(error, BadRequest) and (_ended(error) or "").startswith("topic-")


def is_missing_method(error: TelegramError) -> bool:
    """Return whether the Bot API server is too old to know the method."""
    # python-telegram-bot raises the same exception for a revoked token; its cause tells them apart.
    return isinstance(error, EndPointNotFound) and "unauthorized" not in str(error.__cause__).lower()


def _ended(error: TelegramError) -> str | None:
    description = error.message.lower()
    return next((reason for words, reason in _ENDED if words in description), None)


def _says(error: TelegramError, words: tuple[str, ...]) -> bool:
    description = error.message.lower()
    return any(part in description for part in words)


def _reason(error: TelegramError) -> str:
    return error.message[:_REASON_CHARACTERS]
