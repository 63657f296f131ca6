import warnings
from datetime import timedelta

import pytest
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

from bot.delivery.channel import (
    DeferredError,
    DeliveryError,
    DeliveryRefusedError,
    EndedError,
    HaltedError,
    MovedError,
    UnansweredError,
)
from bot.telegram import http
from bot.telegram.http import (
    FloodError,
    NotSentError,
    ServerFaultError,
    TelegramThrottledError,
    UnansweredRequestError,
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Forbidden("Forbidden: bot was blocked by the user"), "blocked"),
        (Forbidden("Forbidden: user is deactivated"), "deactivated"),
        (Forbidden("Forbidden: bot was kicked from the supergroup chat"), "kicked"),
        (Forbidden("Forbidden: bot is not a member of the channel chat"), "not-a-member"),
        (Forbidden("Forbidden: the group chat was deleted"), "deleted"),
        (Forbidden("Forbidden: bot can't initiate conversation with a user"), "forbidden"),
        (Forbidden("Forbidden: not enough rights to send text messages to the chat"), "no-rights"),
        (BadRequest("Bad Request: chat not found"), "not-found"),
        (BadRequest("Bad Request: PEER_ID_INVALID"), "not-found"),
        (BadRequest("Bad Request: group chat was deactivated"), "deleted"),
        (BadRequest("Bad Request: CHAT_WRITE_FORBIDDEN"), "no-rights"),
        (BadRequest("Bad Request: CHAT_RESTRICTED"), "no-rights"),
        (BadRequest("Bad Request: have no rights to send a message"), "no-rights"),
        (BadRequest("Bad Request: need administrator rights in the channel chat"), "no-rights"),
        (BadRequest("Bad Request: TOPIC_CLOSED"), "topic-closed"),
        (BadRequest("Bad Request: TOPIC_DELETED"), "topic-deleted"),
        (BadRequest("Bad Request: message thread not found"), "topic-deleted"),
    ],
)
def test_a_chat_that_cannot_be_reached_ends_with_a_reason(error: TelegramError, reason: str) -> None:
    ended = http.delivery_error(error)
    assert type(ended) is EndedError
    assert str(ended) == reason


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotSentError("no"), DeferredError),
        (ServerFaultError("no"), DeferredError),
        (TelegramThrottledError("no"), DeferredError),
        (UnansweredRequestError("no"), UnansweredError),
        (TimedOut(), UnansweredError),
        (NetworkError("Unknown error in HTTP implementation"), UnansweredError),
        (TelegramError("Invalid server response"), UnansweredError),
        (InvalidToken(), HaltedError),
        (Conflict("Conflict: terminated by other getUpdates request"), HaltedError),
        (BadRequest("Bad Request: message text is empty"), DeliveryRefusedError),
        (BadRequest("Bad Request: VOICE_MESSAGES_FORBIDDEN"), DeliveryRefusedError),
        (EndPointNotFound("Endpoint 'sendRichMessage' not found in Bot API"), DeliveryRefusedError),
    ],
)
def test_every_error_says_what_becomes_of_the_delivery(
    error: TelegramError, kind: type[DeliveryError]
) -> None:
    assert type(http.delivery_error(error)) is kind


def test_a_refusal_keeps_its_description_and_no_more_of_it_than_a_line() -> None:
    assert str(http.delivery_error(BadRequest("Bad Request: wrong file"))) == "Wrong file"
    assert len(str(http.delivery_error(BadRequest("x" * 5000)))) == 200


def test_a_group_that_moved_names_its_new_address() -> None:
    moved = http.delivery_error(ChatMigrated(-1001234))
    assert isinstance(moved, MovedError)
    assert moved.address == "-1001234"


def test_a_flood_is_deferred_by_its_pause() -> None:
    deferred = http.delivery_error(FloodError(timedelta(seconds=3600)))
    assert isinstance(deferred, DeferredError)
    assert deferred.pause == timedelta(hours=1)


@pytest.mark.parametrize("setting", ["0", "1"])
def test_the_pause_is_read_without_a_warning_of_the_library(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", setting)
    with warnings.catch_warnings():  # the library warns when its own error is made
        warnings.simplefilter("ignore")
        error = RetryAfter(7)
    deferred = http.delivery_error(error)
    assert isinstance(deferred, DeferredError)
    assert deferred.pause == timedelta(seconds=7)


def test_the_token_that_the_library_puts_into_its_error_is_not_repeated() -> None:
    error = InvalidToken("The token `123:secret` was rejected by the server.")
    assert "secret" not in str(http.delivery_error(error))


def test_a_token_refused_in_the_meantime_is_not_taken_for_a_missing_method() -> None:
    missing, refused = EndPointNotFound("not found"), EndPointNotFound("not found")
    missing.__cause__, refused.__cause__ = InvalidToken("Not Found"), InvalidToken("Unauthorized")
    assert http.is_missing_method(missing)
    assert not http.is_missing_method(refused)
    assert isinstance(http.delivery_error(refused), HaltedError)


@pytest.mark.parametrize(
    "description",
    [
        'can\'t parse entities: Unsupported start tag "p" at byte offset 3',
        "message is too long",
        "MESSAGE_TOO_LONG",
        "ENTITY_BOUNDS_INVALID",
        "BUTTON_DATA_INVALID",
        "inline keyboard button URL 'x' is invalid: Wrong HTTP URL",
        "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
    ],
)
def test_a_message_refused_for_its_form_may_pass_plain(description: str) -> None:
    assert http.is_unparsable(BadRequest(f"Bad Request: {description}"))
    assert not http.is_unparsable(Forbidden(f"Forbidden: {description}"))


def test_a_message_refused_for_its_chat_does_not_pass_plain() -> None:
    assert not http.is_unparsable(BadRequest("Bad Request: chat not found"))


def test_an_edit_that_changes_nothing_is_told_from_one_whose_message_is_gone() -> None:
    same = BadRequest(
        "Bad Request: message is not modified: specified new message content and reply markup are exactly "
        "the same as a current content and reply markup of the message"
    )
    assert http.is_not_modified(same)
    assert not http.is_gone(same)
    for description in (
        "message to edit not found",
        "message can't be edited",
        "message to be replied not found",
        "MESSAGE_ID_INVALID",
    ):
        gone = BadRequest(f"Bad Request: {description}")
        assert http.is_gone(gone)
        assert not http.is_not_modified(gone)
