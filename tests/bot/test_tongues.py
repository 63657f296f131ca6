"""Tests of editions in the subscribers' languages, beside TARGET_LANGUAGE."""

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.responses import Response

from bot import daily_run
from bot.core.models import ChatKind, Detail, Preferences, Subscriber, SubscriberStatus
from bot.db import subscribers
from bot.telegram import messages
from digest.core import ids
from digest.core.models import Edition, Extent, Gap, NoText, NoTextReason, Purpose
from digest.db import editions as closed_editions
from digest.db import engine as database
from digest.db import fulltexts
from digest.render import page, terminal
from tests.bot.world import WEDNESDAY_NOON, World, publish, world
from tests.editions import edition, entry
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked, says
from tests.fakes.model_stream import told
from tests.papers import paper

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEDNESDAY = date(2026, 2, 11)
SUMMER = datetime.fromisoformat("2026-07-14T00:50:00+00:00")
"""The anchor of a Tuesday in July, 50 minutes after arXiv announced Monday's batch."""
SHANGHAI = ZoneInfo("Asia/Shanghai")


async def subscribe(
    here: World, *wanted: tuple[str, Detail], status: SubscriberStatus = SubscriberStatus.ACTIVE
) -> dict[str, Extent]:
    """Subscribe one mailbox for each language and detail; return the languages that are needed then."""
    async with here.app(WEDNESDAY_NOON) as app, database.writing(app.engine) as connection:
        for language, detail in wanted:
            address = f"{language}.{detail}.{status}@example.org"
            choices = Preferences(language, detail)
            new = Subscriber(0, "mail", address, ChatKind.MAILBOX, choices, SHANGHAI, status)
            await subscribers.add(connection, new, WEDNESDAY_NOON)
        return await subscribers.languages(connection)


async def stored(here: World, language: str) -> Edition:
    """Return the edition of Wednesday as it can be shown in a language."""
    async with here.app(WEDNESDAY_NOON) as app:
        found = await daily_run.stored(app, WEDNESDAY, language)
    assert found is not None
    return found


async def is_complete(here: World) -> bool:
    async with here.app(WEDNESDAY_NOON) as app, database.reading(app.engine) as connection:
        return await closed_editions.incomplete(connection) == []


def gaps(shown: Edition) -> tuple[set[object], set[object]]:
    """Return the gaps in the translations and the readings of the entries."""
    pairs = [(each.translation, each.reading) for each in shown.entries]
    translations, readings = zip(*pairs, strict=True)
    return {each for each in translations if isinstance(each, Gap)}, {
        each for each in readings if isinstance(each, Gap)
    }


def asked(here: World, purpose: Purpose) -> int:
    return sum(count for (each, _), count in here.model.asked_for.items() if each is purpose)


class Learner:
    """A model that cannot answer in French until it has learned it; `asked` counts the calls for French."""

    def __init__(self) -> None:
        self.has_learned = False
        self.asked = 0

    def __call__(self, asked: Asked) -> Response:
        is_french = '"fr"' in asked.body["messages"][0]["content"]
        self.asked += is_french
        return says("Non.")(asked) if is_french and not self.has_learned else told(asked, asked.completion)


async def test_an_edition_is_translated_for_whoever_reads_and_read_only_for_who_asked(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await subscribe(here, ("de", Detail.READINGS), status=SubscriberStatus.LEFT)
        wanted = await subscribe(
            here,
            ("zh-CN", Detail.TITLES),
            ("en", Detail.ABSTRACTS),
            ("fr", Detail.TITLES),
            ("it", Detail.READINGS),
        )
        assert wanted == {
            "en": Extent.TRANSLATIONS,
            "fr": Extent.TRANSLATIONS,
            "it": Extent.READINGS,
            "zh-CN": Extent.TRANSLATIONS,
        }
        account = await here.run()
        assert account
        assert (account.translated, account.read, account.waiting, account.failed) == (3, 3, 0, 0)
        assert [(each.edition.language, each.translated, each.read) for each in account.others] == [
            ("en", 3, 0),
            ("fr", 3, 0),
            ("it", 3, 3),
        ]
        assert not any(each.waiting or each.failed for each in account.others)
        assert asked(here, Purpose.TRANSLATION) == 3 * len(("zh-CN", "fr", "it"))
        assert asked(here, Purpose.READING) == 3 * len(("zh-CN", "it"))
        assert "Traduit" not in here.post("2026-02-11")
        assert await is_complete(here)
        assert gaps(await stored(here, "it")) == (set(), set())
        assert gaps(await stored(here, "en")) == (set(), {Gap.ON_DEMAND})
        assert gaps(await stored(here, "de")) == ({Gap.ON_DEMAND}, {Gap.ON_DEMAND})
        shown = page.render(await stored(here, "en"), SHANGHAI)
    assert "No reading in this language so far" in shown
    assert "follow" not in shown
    assert "in it: translated 3 · read 3 · waiting 0 · failed 0" in terminal.render(
        "accounts", accounts=[account]
    )


async def test_what_a_language_lacks_keeps_the_edition_open_and_a_later_run_makes_it(tmp_path: Path) -> None:
    model = Learner()
    async with world(tmp_path, FakeModel(always=model)) as here:
        await subscribe(here, ("fr", Detail.ABSTRACTS))
        account = await here.run()
        assert account
        assert (account.translated, account.failed, account.others[0].failed) == (3, 0, 3)
        assert not await is_complete(here)
        assert gaps(await stored(here, "fr")) == ({Gap.DUE}, {Gap.ON_DEMAND})
        model.has_learned = True
        account = await here.run(WEDNESDAY_NOON + HOUR)
        assert account
        assert (account.changed, account.others[0].translated) == (False, 3)
        assert await is_complete(here)


async def test_after_a_week_no_language_is_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path, FakeModel(always=Learner())) as here:
        await subscribe(here, ("fr", Detail.READINGS))
        await here.run()
        await here.work(WEDNESDAY_NOON + 7 * DAY)
        assert await is_complete(here)
        assert gaps(await stored(here, "fr")) == ({Gap.ON_DEMAND}, {Gap.ON_DEMAND})


async def test_the_budget_goes_to_the_language_of_the_post_first(tmp_path: Path) -> None:
    async with world(tmp_path, llm_daily_tokens=12_000) as here:
        await subscribe(here, ("fr", Detail.READINGS))
        account = await here.run()
        assert account
        assert account.translated == 3
        assert 0 < account.waiting <= account.others[0].waiting == 3
        assert account.tokens <= 12_000
        assert not await is_complete(here)


async def test_other_languages_are_made_up_for_only_after_the_newest_edition(tmp_path: Path) -> None:
    model, now = Learner(), SUMMER
    async with world(tmp_path, FakeModel(always=model), papers=0) as here:
        await subscribe(here, ("fr", Detail.ABSTRACTS))
        publish(here.arxiv, 10, submitted=SUMMER - 4 * DAY)
        await here.work(SUMMER - DAY + 8 * HOUR)
        model.has_learned, before, asked_meanwhile = True, model.asked, set()

        async def pause(time: timedelta) -> datetime:
            nonlocal now
            asked_meanwhile.add(model.asked)
            now += time
            return now

        await here.work(SUMMER, pause)
    assert asked_meanwhile == {before}
    assert model.asked == before + 1


async def test_a_withdrawn_paper_and_one_without_a_readable_text_promise_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.arxiv.papers[0] = paper(1, version=2, abstract="This paper has been withdrawn.")
        del here.arxiv.html["2602.00002v1"]
        await here.run()
        scan = NoText(ids.version("2602.00002v1"), NoTextReason.SCAN)
        async with here.app(WEDNESDAY_NOON) as app, database.writing(app.engine) as connection:
            await fulltexts.save(connection, scan, WEDNESDAY_NOON)
        assert gaps(await stored(here, "zh-CN")) == (set(), {Gap.WITHDRAWN, Gap.NO_TEXT})


@pytest.mark.parametrize("gap", [Gap.DUE, Gap.ON_DEMAND])
@pytest.mark.parametrize(
    ("language", "tap"), [("zh-CN", "点击下方的“详细解读”"), ("en", "Tap “Reading” below")]
)
@pytest.mark.parametrize("rich", [False, True])
def test_telegram_tells_how_a_reading_is_had(gap: Gap, language: str, tap: str, rich: bool) -> None:
    choices = Preferences(language, Detail.READINGS, rich=rich)
    [message] = messages.digest(edition(entry(translation=gap, reading=gap), language=language), choices)
    assert message.buttons
    for shown in filter(None, (message.html, message.rich)):
        assert tap in shown
        assert "follow" not in shown
        assert "随后" not in shown
