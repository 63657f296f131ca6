"""Tests of database migrations, on SQLite and PostgreSQL."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    delete,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.db import campaigns, deliveries, subscribers, unknown_messages
from bot.db.tables import metadata
from bot.db.upgrade import _config, _migrations, check, upgrade
from bot.delivery import fanout
from bot.doctor import machine
from bot.doctor.findings import UnsureError
from digest.core.errors import StoreError
from digest.core.models import BY_HAND, Claim, Origin, Reading, Translation
from digest.db import editions, generated_texts, search, search_texts
from digest.db.engine import open_engine, reading, writing
from tests.databases import Cluster
from tests.digest.db import test_searching
from tests.papers import MONDAY_MORNING, paper

EARLIER = MONDAY_MORNING - timedelta(days=1)

Step = Callable[[AsyncEngine], Awaitable[None]]


@pytest.fixture
async def engine(empty_database_url: str) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(empty_database_url)
    yield opened
    await opened.dispose()


def differences(connection: Connection) -> list[Any]:
    options = {"include_object": lambda _object, name, *_: not is_search_index(name)}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def is_search_index(name: str | None) -> bool:
    """Return whether the table or index is of the search, which SQLAlchemy does not know."""
    return str(name).startswith(("search_grams", "search_entries", "ix_search_texts_"))


def schema(connection: Connection) -> list[str]:
    """Return every column, constraint and index with its name, which comparing the metadata misses."""
    inspector = inspect(connection)
    aspects = ("columns", "pk_constraint", "foreign_keys", "unique_constraints", "indexes")
    return [
        f"{table} {aspect} {item}"
        for table in sorted(metadata.tables)
        for aspect in aspects
        for item in _sorted(getattr(inspector, f"get_{aspect}")(table))
        if "ix_search_texts_" not in item
    ]


def _sorted(found: Any) -> list[str]:
    return sorted(map(str, found)) if isinstance(found, list) else [str(found)]


def test_the_migrations_are_numbered_by_the_names_of_their_files() -> None:
    scripts = ScriptDirectory.from_config(_config())
    assert _migrations() == [script.revision for script in scripts.walk_revisions()][::-1]
    assert scripts.get_current_head() == _migrations()[-1]


async def test_the_migrations_make_exactly_the_tables(engine: AsyncEngine) -> None:
    await upgrade(engine)
    async with reading(engine) as connection:
        assert await connection.run_sync(differences) == []
        migrated = await connection.run_sync(schema)
    async with writing(engine) as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
        assert await connection.run_sync(schema) == migrated


async def test_upgrading_twice_changes_nothing(engine: AsyncEngine) -> None:
    await upgrade(engine)
    await upgrade(engine)
    await check(engine)


async def test_an_upgrade_writes_nothing_to_the_terminal(
    engine: AsyncEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    await upgrade(engine)
    assert capfd.readouterr() == ("", "")


async def test_two_programs_that_start_at_once_upgrade_once(empty_database_url: str) -> None:
    engines = [open_engine(empty_database_url) for _ in range(4)]
    await asyncio.gather(*(upgrade(engine) for engine in engines))
    await check(engines[0])
    for engine in engines:
        await engine.dispose()


async def test_an_empty_database_asks_for_an_upgrade(engine: AsyncEngine) -> None:
    with pytest.raises(StoreError, match="run `arxiv-daily db upgrade`"):
        await check(engine)


@pytest.mark.parametrize("step", [upgrade, check])
async def test_a_database_of_a_newer_program_is_left_alone(engine: AsyncEngine, step: Step) -> None:
    await upgrade(engine)
    async with writing(engine) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer arxiv-daily \(its state is 9999\)"):
        await step(engine)


async def test_a_database_of_another_program_is_left_alone(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(text("CREATE TABLE papers (title text)"))
    with pytest.raises(StoreError, match="tables of another program"):
        await upgrade(engine)


async def test_a_migration_that_fails_leaves_nothing_behind(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(text("CREATE TABLE editions (day text)"))
    with pytest.raises(StoreError, match="editions"):
        await upgrade(engine)
    async with reading(engine) as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["editions"]


def _upgrade_to(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def test_what_older_versions_stored_stays(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.run_sync(_upgrade_to, "0001")
        for statement in (
            "INSERT INTO papers VALUES ('2602.00001', '2026-02-10 00:00:00')",
            (
                "INSERT INTO versions (paper_id, version, title, authors, categories) "
                "VALUES ('2602.00001', 1, 'A title', '[]', '[]')"
            ),
            "INSERT INTO listings VALUES ('2602.00001', '2026-02-10 00:00:00'), ('2602.00002', '2026-02-10 00:00:00')",
            (
                "INSERT INTO editions VALUES ('2026-02-10', '2026-02-09 00:50:00', '2026-02-10 00:50:00', "
                "'zh-CN', '[]', 1, "
                "'2026-02-10 01:00:00', '2026-02-10 01:00:00')"
            ),
            "INSERT INTO edition_papers VALUES ('2026-02-10', 1, '2602.00001', 1)",
            (
                "INSERT INTO readings VALUES ('2602.00001', 1, 'zh-CN', 'm', 'p', "
                """'[{"text": "一", "claims": [{"text": "二"}]}]', '[{"text": "三"}]', '[]', """
                "'2026-02-10 01:00:00')"
            ),
        ):
            await connection.execute(text(statement))
    await upgrade(engine)
    async with reading(engine) as connection:
        listed = await connection.execute(text("SELECT paper_id, left_out FROM listings ORDER BY paper_id"))
        assert [tuple(row) for row in listed] == [("2602.00001", None), ("2602.00002", "earlier")]
        edition = (
            await connection.execute(text("SELECT late, completed_at, archived_at FROM editions"))
        ).one()
        made = await editions.languages(connection, [date(2026, 2, 10)])
        assert made == {date(2026, 2, 10): {"zh-CN", editions.ALL}}  # if nobody has received it, it is sent
        assert edition.late == 0
        assert edition.completed_at == edition.archived_at
        assert await connection.scalar(text("SELECT count(*) FROM edition_papers")) == 1
        read = await generated_texts.find_reading(
            connection, paper(1).version, "zh-CN", Origin("newer", "prompt")
        )
        assert read is not None
        assert (read.background, read.method) == ((Claim("一", (Claim("二"),)),), (Claim("三"),))


async def test_what_was_given_out_before_stays_given_and_what_was_unknown_can_be_sent_again(
    engine: AsyncEngine,
) -> None:
    async with writing(engine) as connection:
        await connection.run_sync(_upgrade_to, "0010")
        subscriber = (
            "INSERT INTO subscribers (id, channel, address, kind, standing, language, detail, categories, include, "
            "exclude, rich, zone, silent, quiet_line, made_at, changed_at) VALUES ({0}, 'mail', '{0}', 'mailbox', "
            "'active', 'zh-CN', 'abstracts', '[]', '[]', '[]', false, 'Asia/Shanghai', false, false, "
            "'2026-02-10 01:00:00', '2026-02-10 01:00:00')"
        )
        delivery = (
            "INSERT INTO deliveries (id, dispatch_id, subscriber_id, state, due_at, next_at, part, tries, reason, "
            "changed_at) VALUES ({0}, 1, {0}, '{1}', '2026-02-10 01:00:00', '2026-02-10 01:00:00', {2}, 0, {3}, "
            "'2026-02-10 01:00:00')"
        )
        for statement in (
            (
                "INSERT INTO dispatches (id, subject, edition_date, due_at, made_at) VALUES "
                "(1, 'edition', '2026-02-10', '2026-02-10 01:00:00', '2026-02-10 01:00:00'), "
                "(2, 'draft', NULL, '2026-02-10 01:00:00', '2026-02-10 01:00:00')"
            ),
            *(subscriber.format(number) for number in (1, 2, 3, 4)),
            delivery.format(1, "unknown", 1, "'interrupted'"),
            delivery.format(2, "unknown", 0, "'left-alone'"),
            delivery.format(3, "sending", 2, "NULL"),
            delivery.format(4, "sent", 3, "NULL"),
        ):
            await connection.execute(text(statement))
    await upgrade(engine)
    day = date(2026, 2, 10)
    now = datetime(2026, 2, 10, 2, 0, tzinfo=UTC)
    assert await fanout.open_edition(engine, day, now, now, ["zh-CN"]) is None
    async with writing(engine) as connection:
        assert await campaigns.unfinished(connection) == []
        assert await unknown_messages.counts(connection) == {1: 1}
        assert await deliveries.abandon(connection, "mail", now, repeats=False) == 1
        assert await unknown_messages.counts(connection) == {1: 2}
        assert await deliveries.send_again(connection, 1, now) == 2
        assert {each.id: each.again for each in await deliveries.due(connection, "mail", now, 9)} == {
            1: (1,),
            3: (2,),
        }


async def test_the_topics_of_a_private_chat_become_one_subscription(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.run_sync(_upgrade_to, "0012")
        common = "'zh-CN', 'titles', '[]', '[]', '[]', false, 'Asia/Shanghai', false, false"
        for number, address, standing, day in (
            (1, "1001", "left", 9),
            (2, "1001:5", "active", 1),
            (3, "1001:77", "active", 3),
            (4, "-1001:5", "active", 1),
            (5, "-1001:77", "active", 1),
            (6, "1002", "active", 1),
        ):
            moment = f"'2026-02-{day:02} 00:00:00'"
            await connection.execute(
                text(
                    "INSERT INTO subscribers (id, channel, address, kind, standing, language, detail, categories, "
                    "include, exclude, rich, zone, silent, quiet_line, made_at, changed_at) VALUES "
                    f"({number}, 'telegram', '{address}', 'private', '{standing}', {common}, {moment}, {moment})"
                )
            )
        moment = "'2026-02-10 00:00:00'"
        for number in (1, 2):
            await connection.execute(
                text(
                    "INSERT INTO dispatches (id, subject, text, due_at, made_at) "
                    f"VALUES ({number}, 'broadcast', 'x', {moment}, {moment})"
                )
            )
        for number, (campaign, subscriber, state) in enumerate(
            ((1, 1, "unknown"), (1, 2, "sent"), (1, 3, "sent"), (2, 2, "due")), start=1
        ):
            await connection.execute(
                text(
                    "INSERT INTO deliveries (id, dispatch_id, subscriber_id, channel, state, due_at, next_at, part, "
                    f"tries, changed_at) VALUES ({number}, {campaign}, {subscriber}, 'telegram', '{state}', "
                    f"{moment}, {moment}, 0, 0, {moment})"
                )
            )
    await upgrade(engine)
    async with reading(engine) as connection:
        left = await connection.execute(text("SELECT id, address FROM subscribers ORDER BY id"))
        assert [tuple(row) for row in left] == [(3, "1001"), (4, "-1001:5"), (5, "-1001:77"), (6, "1002")]
        kept = await connection.execute(text("SELECT id, subscriber_id, state FROM deliveries ORDER BY id"))
        assert [tuple(row) for row in kept] == [(3, 3, "sent"), (4, 3, "due")]


async def test_the_settings_that_were_asked_for_are_asked_for_still(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.run_sync(_upgrade_to, "0023")
        common = "'zh-CN', 'titles', '[]', '[]', '[]', false, 'Asia/Shanghai', false, false"
        for number, awaiting in ((1, "'include:77 hour:80'"), (2, "'zone:?'"), (3, "NULL")):
            await connection.execute(
                text(
                    "INSERT INTO subscribers (id, channel, address, kind, standing, language, detail, categories, "
                    "include, exclude, rich, zone, silent, quiet_line, made_at, changed_at, awaiting) VALUES "
                    f"({number}, 'telegram', '{number}', 'group', 'active', {common}, '2026-02-10 00:00:00', "
                    f"'2026-02-10 00:00:00', {awaiting})"
                )
            )
    await upgrade(engine)
    async with reading(engine) as connection:
        found = [await subscribers.get(connection, number) for number in (1, 2, 3)]
    assert [each.awaited for each in found if each] == [{"include": 77, "hour": 80}, {"zone": 0}, {}]


async def test_editions_of_an_older_program_can_be_searched(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration writes the same texts as the store."""
    claims = (Claim("铃声", (Claim("在水下"),), ("a quote",)),)
    async with writing(engine) as connection:
        await connection.run_sync(_upgrade_to, "0027")
        with monkeypatch.context() as older:
            older.setattr(search_texts, "update", AsyncMock())
            await test_searching.fill(connection)
            made = Reading(paper(3).version, "zh", claims, (), claims, Origin("model", "prompt"))
            await generated_texts.save_reading(connection, made, MONDAY_MORNING)
            await generated_texts.save_reading(connection, replace(made, origin=BY_HAND), EARLIER)
            translation = Translation(paper(3).version, "zh", "ＷＩＤＥ", "摘要", None, BY_HAND)
            await generated_texts.save_translation(connection, translation, EARLIER)
    await upgrade(engine)
    written = metadata.tables["search_texts"]
    query = select(written.c.paper_id, written.c.text).order_by(written.c.paper_id)
    async with writing(engine) as connection:
        assert [hit.version for hit in await search.search(connection, "水下 wide 铃", "zh", 9)] == [
            paper(3).version
        ]
        migrated = (await connection.execute(query)).all()
        await connection.execute(delete(written))
        await search_texts.update(connection, [each.id for each in test_searching.PAPERS])
        assert (await connection.execute(query)).all() == migrated
    assert len(migrated) == len(test_searching.PAPERS)


async def test_a_server_without_pg_trgm_is_upgraded_and_searched(cluster: Cluster) -> None:
    """Only the owner of a database may add an extension to it."""
    for url in cluster.database("template0"):
        owner = open_engine(url)
        async with writing(owner) as connection:
            await connection.execute(text("CREATE ROLE guest LOGIN"))
            await connection.execute(text("GRANT ALL ON SCHEMA public TO guest"))
        guest = open_engine(url.replace("postgres@", "guest@"))
        await upgrade(guest)
        async with writing(guest) as connection:
            await test_searching.fill(connection)
        for words in ("echonet-3", "摘要 echonet-3"):
            assert await test_searching.found(guest, words) == [paper(3).version]
        with pytest.raises(UnsureError, match="CREATE EXTENSION pg_trgm") as told:
            await machine.tables(guest)
        async with writing(owner) as connection:
            for statement in re.findall("(CREATE [^;]*);", str(told.value)):
                await connection.execute(text(statement))
        assert await machine.tables(guest) == await machine.tables(owner)
        await guest.dispose()
        await owner.dispose()


_WORDS = {  # values that a column of text must have, by the name of the column
    "awaiting": "hour:80",
    "zone": "Asia/Shanghai",
    "channel": "telegram",
    "language": "zh-CN",
}


@pytest.mark.play
@pytest.mark.parametrize("landed", _migrations()[:-1])
async def test_every_schema_that_landed_comes_up_with_a_row_in_each_table(
    engine: AsyncEngine, landed: str
) -> None:
    async with writing(engine) as connection:
        await connection.run_sync(_upgrade_to, landed)
        filled = await connection.run_sync(_fill)
    await upgrade(engine)
    async with reading(engine) as connection:
        assert await connection.run_sync(differences) == []
        kept = await connection.run_sync(_tables_with_rows)
    assert len(filled) >= 10
    assert filled & {*metadata.tables} <= kept


def _fill(connection: Connection) -> set[str]:
    """Insert a row with a value in every column into each table of the schema; return the names of the tables."""
    landed = MetaData()
    landed.reflect(connection, only=lambda name, _: not is_search_index(name))
    landed.remove(landed.tables["alembic_version"])
    for table in landed.sorted_tables:
        connection.execute(table.insert().values({column.name: _value(column) for column in table.columns}))
    return {*landed.tables}


def _value(column: Column[Any]) -> Any:
    match column.type:
        case Boolean():
            return True
        case Integer():
            return 1
        case Float() | Numeric():
            return 1.0
        case DateTime():
            return datetime(2026, 2, 10, tzinfo=UTC if getattr(column.type, "timezone", False) else None)
        case Date():
            return date(2026, 2, 10)
        case JSON():
            return []
        case LargeBinary():
            return b"1"
    return _WORDS.get(column.name, "1")


def _tables_with_rows(connection: Connection) -> set[str]:
    return {
        name
        for name, table in metadata.tables.items()
        if connection.scalar(select(func.count()).select_from(table))
    }
