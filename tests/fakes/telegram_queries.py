"""Callback queries and inline queries, and the bot's answers to them."""

import asyncio
from typing import Any

from tests.fakes.telegram_chats import Chat, Message, Person, message_json
from tests.fakes.telegram_errors import bad_request
from tests.fakes.telegram_forms import Parameters
from tests.fakes.telegram_html import parsed
from tests.fakes.telegram_keyboards import checked
from tests.fakes.telegram_limits import MESSAGE_UNITS, utf16_units
from tests.fakes.telegram_world import Answer, World

_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


class Queries:
    """The open queries of both kinds; each can be answered once, until it is answered or expires."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._taps: set[str] = set()
        self._inline: dict[str, asyncio.Future[list[dict[str, Any]]]] = {}

    def tap(self, person: Person, chat: Chat, message: Message, data: str) -> str:
        """Return the id of a new callback query."""
        query_id = f"tap-{self._world.serial()}"
        self._taps.add(query_id)
        query = {"id": query_id, "from": person, "chat_instance": str(chat.id), "data": data}
        self._world.updates.push("callback_query", {**query, "message": message_json(message, chat)})
        return query_id

    def expire(self, query_id: str) -> None:
        self._taps.discard(query_id)
        self._inline.pop(query_id, None)

    async def ask(self, person: Person, query: str, offset: str) -> list[dict[str, Any]]:
        """Return the results of the bot's answer, as soon as it comes."""
        query_id = f"inline-{self._world.serial()}"
        answer: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()
        self._inline[query_id] = answer
        asked = {"id": query_id, "from": person, "query": query, "offset": offset, "chat_type": "sender"}
        self._world.updates.push("inline_query", asked)
        try:
            return await answer
        finally:
            self.expire(query_id)

    def answer_callback_query(self, parameters: Parameters) -> bool:
        query_id, text = parameters.text("callback_query_id"), parameters.text("text")
        if len(text) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        if query_id not in self._taps:
            raise bad_request(_TOO_OLD)
        self._taps.remove(query_id)
        alert, seconds = parameters.flag("show_alert"), parameters.number("cache_time") or 0
        answer = Answer(query_id, text, alert, parameters.text("url"), seconds)
        if self._world.keep:
            self._world.answers.append(answer)
        return True

    def answer_inline_query(self, parameters: Parameters) -> bool:
        results = parameters.items("results")
        _check_results(results)
        _check_button(parameters.get("button"))
        if len(parameters.text("next_offset").encode()) > 64:
            raise bad_request("NEXT_OFFSET_INVALID")
        parameters.number("cache_time")
        parameters.flag("is_personal")
        waiting = self._inline.pop(parameters.text("inline_query_id"), None)
        if waiting is None or waiting.done():
            raise bad_request(_TOO_OLD)
        waiting.set_result(results)
        return True


def _check_results(results: list[Any]) -> None:
    if len(results) > 50:
        raise bad_request("RESULTS_TOO_MUCH")
    ids = [str(result.get("id", "")) for result in results]
    if not all(1 <= len(number.encode()) <= 64 for number in ids):
        raise bad_request("RESULT_ID_INVALID")
    if len({*ids}) != len(ids):
        raise bad_request("RESULT_ID_DUPLICATE")
    for result in results:
        _check_result(result)


def _check_result(result: dict[str, Any]) -> None:
    if not result.get("type"):
        raise bad_request("can't parse inline query result: Can't find field \"type\"")
    if result["type"] == "article" and not (result.get("title") and result.get("input_message_content")):
        raise bad_request("can't parse inline query result: Can't find field \"title\"")
    checked(result.get("reply_markup"), inline_only=True)
    content = result.get("input_message_content") or {}
    if "message_text" in content:
        _check_text(content)


def _check_text(content: dict[str, Any]) -> None:
    text = str(content["message_text"])
    if str(content.get("parse_mode", "")).lower() == "html":
        text, _ = parsed(text)
    if not text.strip():
        raise bad_request("message text is empty")
    if utf16_units(text) > MESSAGE_UNITS:
        raise bad_request("message is too long")


def _check_button(button: Any) -> None:
    if button is None:
        return
    if not isinstance(button, dict) or not button.get("text"):
        raise bad_request("can't parse inline query results button: Can't find field \"text\"")
    start = button.get("start_parameter")
    if (start is None) == (button.get("web_app") is None):
        raise bad_request("can't parse inline query results button: exactly one action is expected")
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    if start is not None and not (1 <= len(start) <= 64 and {*start} <= {*allowed}):
        raise bad_request("START_PARAM_INVALID")
