"""HTTP requests to the Bot API: their errors, what these mean for a delivery, and the validation of updates.

python-telegram-bot raises the same error for a message that was never sent and for one that was sent but not answered.
Here each has its own error within its exception tree, because it decides whether to send again.
"""

import json
import re
import warnings
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import structlog
from telegram import Update
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import BaseRequest, HTTPXRequest, RequestData

from bot.delivery.channel import (
    DeferredError,
    DeliveryError,
    DeliveryRefusedError,
    EndedError,
    HaltedError,
    MovedError,
    UnansweredError,
)
from digest.core import body_limit, json_input
from digest.core.body_limit import BodyLimit

_log = structlog.get_logger()


def readable_updates(update: dict[str, Any]) -> dict[str, Any]:
    """Return `update`, or only its id if the rest cannot be read, so that it still counts as received.

    python-telegram-bot fails on an object without the fields that the newest Bot API requires, which an older server
    may omit. One such update would keep all later ones from being fetched.
    """
    try:
        Update.de_json(json_input.bounded(update), None)
    except Exception as error:  # noqa: BLE001 - the library may raise anything
        number = update.get("update_id")
        _log.warning("update_unreadable", update=number, error=type(error).__name__)
        return {"update_id": number}
    return json_input.bounded(update)  # type: ignore[no-any-return]  # an object stays one


_NEVER_BEGAN = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_KNOWN_STATUS = frozenset({400, 401, 403, 404, 409})
"""Statuses for which python-telegram-bot has errors of its own, except 429."""
_LONGEST_PAUSE_SECONDS = 10 * 86_400.0  # ten days; a request that waits so long has been given up
_LARGEST_BYTES = 32_000_000  # bytes of an answer; a hundred updates take a few megabytes at most


class NotSentError(NetworkError):
    """The request was certainly not taken: there was no connection, or no free one in the pool."""


class UnansweredRequestError(TimedOut):
    """The request began, but no readable answer came. It is unknown whether it was taken."""


class ServerFaultError(NetworkError):
    """The Bot API, or a proxy before it, could not serve the request (5xx, or a refusal in another form)."""


class TelegramThrottledError(NetworkError):
    """Too many requests (429), without a pause."""


class FloodError(RetryAfter):
    """Too many requests (429), with the requested pause."""

    @property
    def retry_after(self) -> timedelta:
        """The pause, always as a timedelta, so that reading it raises no deprecation warning of python-telegram-bot."""
        return self._retry_after


def pause_of(error: RetryAfter) -> timedelta:
    """Return the pause that `error` asks for, whatever PTB_TIMEDELTA says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pause = error.retry_after
    return pause if isinstance(pause, timedelta) else timedelta(seconds=pause)


class Request(HTTPXRequest):
    """Requests over at most `pool_size` connections; timeouts in seconds.

    `read_timeout` is the longest silence within an answer. A long poll adds its own time.
    """

    def __init__(
        self,
        pool_size: int = 64,
        *,
        connect_timeout: float = 5,
        read_timeout: float = 20,
        write_timeout: float = 20,
        pool_timeout: float = 60,
    ) -> None:
        super().__init__(
            connection_pool_size=pool_size,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            write_timeout=write_timeout,
            media_write_timeout=write_timeout,
            pool_timeout=pool_timeout,
            http_version="1.1",
            httpx_kwargs={
                "headers": {"Accept-Encoding": body_limit.ACCEPTED},
                "event_hooks": {"response": [BodyLimit(_LARGEST_BYTES, _too_large)]},
            },
        )

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Send a request and return the answer's status and body in a form that python-telegram-bot reads correctly.

        Raises NotSentError, UnansweredRequestError, ServerFaultError, TelegramThrottledError or FloodError. None
        of them contains the URL, which contains the token.
        """
        try:
            status, body = await super().do_request(
                url, method, request_data, read_timeout, write_timeout, connect_timeout, pool_timeout
            )
        except NetworkError as error:
            fault = error.__cause__
        except (
            OSError,
            httpx.InvalidURL,
        ) as error:  # OSError: from the TLS layer, in the middle of an answer
            fault = error
        else:
            return _answer(url, method, status, body)
        # Raised outside the handlers, so that it does not refer to `fault`, which holds the request and its token.
        raise _meaning(url, fault)


def _too_large() -> httpx.ReadError:
    return httpx.ReadError(f"over {_LARGEST_BYTES:,} bytes")


def _meaning(url: str, fault: BaseException | None) -> NetworkError:
    name = type(fault).__name__
    if isinstance(fault, _NEVER_BEGAN):
        return NotSentError(f"Telegram cannot be reached ({name}).")
    if isinstance(fault, httpx.TimeoutException):
        return UnansweredRequestError("Telegram did not answer in time.")
    return _unanswered(url, f"The connection to Telegram broke ({name}).")


def _answer(url: str, method: str, status: int, body: bytes) -> tuple[int, bytes]:
    if status >= 500:
        raise ServerFaultError(f"Telegram reports an internal error (HTTP {status}).")
    if 200 <= status < 300:
        if method == "POST" and not _is_result(body):
            raise _unanswered(url, f"Telegram's answer cannot be read (HTTP {status}).")
        return status, _readable(body) if url.endswith("/getUpdates") else body
    refusal = _object(body)
    if status == 429:
        raise _throttled(refusal)
    if refusal is None or refusal.get("ok") is not False:
        # A proxy's 403 must not end a subscription: only the Bot API's own form speaks for a chat.
        raise ServerFaultError(f"A proxy between us and Telegram refused the request (HTTP {status}).")
    return status if status in _KNOWN_STATUS else 400, _without_token(url, body)


def _readable(body: bytes) -> bytes:
    answer = _object(body) or {}
    found = answer.get("result")
    if not isinstance(found, list):
        return body
    read = [readable_updates(each) for each in found if isinstance(each, dict)]
    return body if read == found else json.dumps({**answer, "result": read}).encode()


def _is_result(body: bytes) -> bool:
    answer = _object(body)
    return answer is not None and answer.get("ok") is True and "result" in answer


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _throttled(refusal: Mapping[str, Any] | None) -> NetworkError | RetryAfter:
    parameters = (refusal or {}).get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if isinstance(seconds, int | float) and seconds > 0:
        return FloodError(timedelta(seconds=min(seconds, _LONGEST_PAUSE_SECONDS)))
    return TelegramThrottledError("Telegram asks for fewer requests (HTTP 429).")


def _unanswered(url: str, reason: str) -> NetworkError:
    # Repeating a poll loses nothing, but python-telegram-bot repeats one that timed out without a pause.
    return ServerFaultError(reason) if url.endswith("/getUpdates") else UnansweredRequestError(reason)


def _without_token(url: str, body: bytes) -> bytes:
    """Return `body` without the token, in case a server repeated the URL."""
    found = re.search(r"/bot([^/]+)/", url)
    return body.replace(found[1].encode(), b"...") if found else body


_REASON_CHARACTERS = 200  # characters of a description, which may quote from the message
# The Bot API gives reasons only as English descriptions (https://core.telegram.org/bots/api#making-requests: "its
# contents are subject to change"). So an unknown description ends no subscription, unless the status is 403.
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
        case NotSentError() | ServerFaultError() | TelegramThrottledError():
            return DeferredError(_reason(error))
        case Forbidden():
            return EndedError(_ended(error) or "forbidden")
        case BadRequest() | EndPointNotFound():
            reason = _ended(error)
            return EndedError(reason) if reason else DeliveryRefusedError(_reason(error))
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
    return isinstance(error, BadRequest) and is_of_topic(_ended(error) or "")


def is_of_topic(reason: str) -> bool:
    """Return whether a subscription that ended for this `reason` was in a topic that is closed or deleted."""
    return reason.startswith("topic-")


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
