"""Tests of papers by each of their names, of editions, of readings in pages, and of questions."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.telegram.handlers.papers import payload
from digest.core.models import PaperId, VersionId
from tests.bot.telegram.talks import made, old_paper, talking, told
from tests.bot.world import WEDNESDAY_NOON
from tests.fakes.documents import html_page
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked, says
from tests.fakes.telegram_chats import Message
from tests.fakes.telegram_people import User
from tests.papers import paper

NAMES = (
    "2602.00002",
    "2602.00002v1",
    "arXiv:2602.00002",
    "arxiv: 2602.00002v1 [cs.SD]",
    "https://arxiv.org/abs/2602.00002",
    "http://www.arxiv.org/abs/2602.00002v1",
    "arxiv.org/abs/2602.00002?context=eess",
    "看看 https://arxiv.org/pdf/2602.00002v1.pdf，很好",
    "https://arxiv.org/pdf/2602.00002#page=3",
    "https://arxiv.org/html/2602.00002v1#S3",
    "https://export.arxiv.org/abs/2602.00002",
    "https://www.alphaxiv.org/abs/2602.00002",
    "https://alphaxiv.org/overview/2602.00002v1",
    "https://huggingface.co/papers/2602.00002",
    "https://hf.co/papers/2602.00002",
    "https://doi.org/10.48550/arXiv.2602.00002",
    "10.48550/arxiv.2602.00002",
    "这篇2602.00002怎么样",
    "（2602.00002）",
    "/paper 2602.00002",
    "/paper https://arxiv.org/abs/2602.00002",
    "/paper@daily_bot 2602.00002",
    "/start paper_2602-00002",
    "/start paper_2602-00002v1",
    "2602.00002 https://arxiv.org/abs/2602.00002v1 (arXiv:2602.00002)",
)
OLD = (
    "hep-ex/0406020",
    "arXiv:hep-ex/0406020v1",
    "https://arxiv.org/abs/hep-ex/0406020",
    "/start paper_hep-ex_0406020",
    "https://doi.org/10.48550/arXiv.hep-ex/0406020",
)


async def test_a_paper_is_known_by_each_of_its_names_and_answered_without_the_model(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=2) as here:
        asked = len(here.machine.model.requests)
        users = [here.telegram.user(3000 + number) for number, _ in enumerate(NAMES)]
        for user, name in zip(users, NAMES, strict=True):
            await user.says(name)
        for user, name in zip(users, NAMES, strict=True):
            card, reading = await user.chat.waits_for(2)
            assert "EchoNet-2" in card.text, name
            assert "核心方法如何解决这些问题" in reading.text
            assert card.edits == 0
        assert len(here.machine.model.requests) == asked
        assert here.rows("SELECT count(*) FROM asks WHERE made") == [(0,)]


async def test_an_old_paper_is_known_by_its_old_name(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old = VersionId(PaperId("hep-ex/0406020"), 1)
        here.machine.arxiv.papers.append(
            replace(paper(6, submitted=WEDNESDAY_NOON - timedelta(days=8000)), version=old)
        )
        here.machine.arxiv.html[str(old)] = html_page("EchoNet-6", 6)
        for number, name in enumerate(OLD):
            user = here.telegram.user(3000 + number)
            await user.says(name)
            await user.chat.waits_for(lambda message: "EchoNet-6" in message.text and bool(message.buttons))
        assert sum(here.machine.model.asked_for.values()) == 2


async def test_links_behind_words_captions_and_forwarded_messages_name_papers_too(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=3) as here:
        one, two, three = (here.telegram.user(3000 + number, started=True) for number in range(3))
        link = {"type": "text_link", "offset": 0, "length": 2, "url": "https://arxiv.org/abs/2602.00003"}
        await here.telegram.send_update({"message": _message(one, text="这篇", entities=[link])})
        assert "EchoNet-3" in (await one.chat.waits_for(2))[0].text
        await here.telegram.send_update(
            {"message": {**_message(two), "caption": "这篇", "caption_entities": [link], "photo": []}}
        )
        assert "EchoNet-3" in (await two.chat.waits_for(2))[0].text
        await three.says("p.jpg", caption="2602.00001 arxiv.org/abs/2602.00003", forwarded=True)
        shown = await three.chat.waits_for(4)
        assert ["EchoNet-1" in shown[0].text, "EchoNet-3" in shown[2].text] == [True, True]


async def test_of_many_papers_in_one_message_five_are_read_and_the_rest_is_told(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=6) as here:
        user = here.telegram.user(1001)
        await user.says(" ".join(f"2602.{number:05d}" for number in range(1, 7)))
        rest, *shown = await user.chat.waits_for(11)
        assert "一次最多处理 5 篇，您发送了 6 篇" in rest.text
        assert "EchoNet-6:" not in "".join(message.text for message in shown)


async def test_a_long_reading_is_opened_once_and_turns_its_pages_in_place(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1, model=FakeModel(always=_at_length)) as here:
        user = here.telegram.user(1001)
        digest = await told(user, "/today")
        await user.taps(digest, "1 · 详细解读")
        (page,) = await user.chat.waits_for(1)
        assert page.reply_to == digest.id
        assert [text for text, _ in page.buttons[0]] == ["1/3", "下一页 ›"]
        await user.taps(page, "下一页 ›")
        page = await user.chat.waits_for(lambda message: message.edits == 1)
        assert [text for text, _ in page.buttons[0]] == ["‹ 上一页", "2/3", "下一页 ›"]
        await user.taps(page, "2/3")  # shows what is shown
        await user.taps(page, "下一页 ›")
        page = await user.chat.waits_for(lambda message: message.edits == 2)
        assert [text for text, _ in page.buttons[0]] == ["‹ 上一页", "3/3"]
        assert "在哪些任务上取得了怎样的效果" in page.text


async def test_titles_open_papers_and_search_results_do(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=3) as here:
        user = here.telegram.user(1001)
        await told(user, "/settings detail titles")
        digest = await told(user, "/digest 2026-02-11")
        assert "mended" not in digest.text
        await user.taps(digest, "3")
        assert "EchoNet-1" in (await user.chat.waits_for(1))[0].text
        found = await told(user, "/search echonet-2 lovelace")
        assert [text for row in found.buttons for text, _ in row] == ["1"]
        await user.taps(found, "1")
        assert "EchoNet-2" in (await user.chat.waits_for(1))[0].text


async def test_a_reading_opens_in_place_of_its_card_and_gives_it_back(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1, model=FakeModel(always=_at_length)) as here:
        user = here.telegram.user(1001)
        await told(user, "/settings detail titles")
        await user.taps(await told(user, "/today"), "1")
        (card,) = await user.chat.waits_for(1)
        assert labels(card) == [["详细解读", "提问"], ["arXiv", "PDF"]]
        await user.taps(card, "详细解读")
        page = await user.chat.waits_for(lambda message: message.edits == 1)
        assert page.id == card.id
        assert labels(page) == [["1/3", "下一页 ›"], ["‹ 摘要", "提问"]]
        await user.taps(page, "下一页 ›")
        page = await user.chat.waits_for(lambda message: message.edits == 2)
        assert labels(page) == [["‹ 上一页", "2/3", "下一页 ›"], ["‹ 摘要", "提问"]]
        await user.taps(page, "提问")
        (prompt,) = await user.chat.waits_for(1)
        assert prompt.markup == {"force_reply": True, "selective": True}
        await user.taps(page, "‹ 摘要")
        back = await user.chat.waits_for(lambda message: message.edits == 3)
        assert (back.id, back.html, back.buttons) == (card.id, card.html, card.buttons)


async def test_buttons_of_readings_that_were_sent_before_they_said_where_they_open_still_work(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path, papers=1, model=FakeModel(always=_at_length)) as here:
        user = here.telegram.user(1001)
        await user.taps(await told(user, "/today"), "1 · 详细解读")
        (page,) = await user.chat.waits_for(1)
        old = (
            {"text": "1/3", "callback_data": "r:2602.00001v1:1"},
            {
                "text": "下一页 ›",
                "callback_data": "r:2602.00001v1:2",
            },
        )
        page = replace(page, markup={"inline_keyboard": [list(old)]})
        user.chat.messages[page.id] = page
        await user.taps(page, "下一页 ›")
        turned = await user.chat.waits_for(lambda message: message.edits == 1)
        assert turned.id == page.id
        assert labels(turned) == [["‹ 上一页", "2/3", "下一页 ›"], ["提问"]]


async def test_a_digest_shows_what_the_settings_want_of_it(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=3) as here:
        user = here.telegram.user(1001)
        await told(user, "/settings include EchoNet-2")
        digest = await told(user, "/today")
        assert [f"EchoNet-{number}:" in digest.text for number in (1, 2, 3)] == [False, True, False]
        await told(user, "/settings include 没有的词")
        assert "没有符合您设置的论文" in (await told(user, "/today")).text


async def test_an_answer_quotes_what_the_paper_says_and_only_that(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=3) as here:
        user = here.telegram.user(1001)
        await user.says("/ask 2602.00001 误差下降了吗？")
        answer = await user.chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)
        assert _quotes(answer)
        assert "stands nowhere in the paper" not in answer.text
        await user.says("How is the weather?", reply_to=answer)
        other = await user.chat.waits_for(lambda message: "论文未说明" in message.text)
        assert "How is the weather?" in other.text
        assert _quotes(other) == []


async def test_a_question_in_reply_to_a_paper_or_its_reading_is_about_that_paper(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=3) as here:
        user = here.telegram.user(1001)
        await user.says("2602.00002")
        for shown in await user.chat.waits_for(2):
            await user.says("误差下降了吗？", reply_to=shown)
            answer = await user.chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)
            assert "Room 2" in answer.text
            await here.until(
                "SELECT count(*) FROM asks WHERE answered_at IS NULL", [(0,)]
            )  # then it is no repetition
        await user.says("字" * 501, reply_to=shown)
        assert "请控制在 500 字以内" in (await user.chat.waits_for(lambda m: "字" in m.text)).text


async def test_a_reply_to_a_whole_digest_is_no_question_about_its_first_paper(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=3) as here:
        user = here.telegram.user(1001)
        digest = await told(user, "/today")
        await user.says("误差下降了吗？", reply_to=digest)
        assert "用法：/ask" in (await user.chat.waits_for(1))[0].text
        assert "用法：/ask" in (await told(user, "/ask 2602.00001 \u200b\u200b")).text
        assert here.rows("SELECT count(*) FROM asks WHERE question = ?", "\u200b\u200b") == [(0,)]
        assert here.rows("SELECT count(*) FROM asks WHERE made") == [(0,)]


async def test_an_ask_button_asks_for_the_question(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        user = here.telegram.user(1001)
        await user.taps(await told(user, "/today"), "1 · 详细解读")
        (reading,) = await user.chat.waits_for(1)
        assert labels(reading) == [["提问"]]
        await user.taps(reading, "提问")
        (prompt,) = await user.chat.waits_for(1)
        assert prompt.markup == {"force_reply": True, "selective": True}
        await user.says("误差下降了吗？", reply_to=prompt)
        await user.chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)


async def test_inline_mode_offers_papers_of_past_editions_page_by_page(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=22) as here:
        user = here.telegram.user(1001)
        assert [each["id"] for each in await user.asks_inline("echonet-2: room")] == ["2602.00002v1"]
        assert await user.asks_inline("%_'\"; DROP TABLE papers") == []
        assert len(await user.asks_inline("")) == 20
        assert len(await user.asks_inline("", offset="20")) == 2
        assert len(await user.asks_inline("", offset="-1 OR 1=1")) == 20
        assert await user.asks_inline("", offset="99999") == []
        (result,) = await user.asks_inline("echonet-7: room")
        assert "EchoNet-7" in result["input_message_content"]["message_text"]


async def test_a_deep_link_that_names_no_paper_is_a_greeting(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        for number, name in enumerate(("paper_2699-00001", "paper_x", "paper_../../etc", "inline", "<b>")):
            user = here.telegram.user(3000 + number)
            assert "您已订阅" in (await told(user, f"/start {name}")).text


async def test_before_the_first_edition_there_is_a_word_for_that(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        assert "暂无日报" in (await told(user, "/today")).text
        assert await user.asks_inline("echonet") == []


async def test_a_withdrawn_paper_in_the_digest_says_so(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        withdrawn = paper(1, abstract="This paper has been withdrawn by the authors.")
        here.machine.arxiv.papers.append(withdrawn)
        here.clock.forward(hours=2)
        await made(here)
        user = here.telegram.user(1001)
        assert "本文已撤稿" in (await told(user, "/today")).text
        assert "本文已撤稿" in (await told(user, "2602.00001")).text


def test_a_payload_names_papers_old_and_new() -> None:
    assert payload("2602.11145v2") == "paper_2602-11145v2"
    assert payload("hep-ex/0406020v1") == "paper_hep-ex_0406020v1"


def labels(message: Message) -> list[list[str]]:
    return [[text for text, _ in row] for row in message.buttons]


def _message(user: User, **content: Any) -> dict[str, Any]:
    message = {"message_id": user.chat.next_id(), "date": 1, "chat": user.chat.json, "from": user.json}
    return {**message, **content}


def _quotes(message: Message) -> list[dict[str, Any]]:
    return [entity for entity in message.entities if entity["type"] == "blockquote"]


def _at_length(asked: Asked) -> Any:
    """Return the valid answer, with a reading that is longer than one message."""
    answer = asked.answer
    if "background" in answer:
        quotes = answer["background"][0]["quotes"]
        long = [{"text": "这是很长的一句话。" * 300, "quotes": quotes, "claims": []}]
        answer = {name: long + part for name, part in answer.items()}
    return says(json.dumps(answer, ensure_ascii=False))(asked)
