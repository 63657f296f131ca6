"""Offers of a newer version of a paper that was shown from the database."""

from datetime import timedelta

from telegram.error import TelegramError

from bot.telegram import cards, refusals
from bot.telegram.address import Address
from bot.telegram.cards import Form
from bot.telegram.context import Desk
from digest.core.errors import SourceError
from digest.core.ids import PaperRef
from digest.core.models import Paper, PaperId, Translation, VersionId
from digest.db import engine as database
from digest.db import papers

_LOOK = timedelta(days=1)
"""The time for which arXiv's answer about a paper's versions is reused."""


async def offer(
    desk: Desk, to: Address, number: int, paper: Paper, translation: Translation, form: Form
) -> None:
    """Add a button for a newer version, if there is one, to the card of `paper` in the message `number`."""
    newest = await _newest(desk, paper.id, form.language)
    if newest is None or newest <= paper.version:
        return
    card = cards.card(paper, translation, form, newer=newest)
    try:
        await desk.outgoing.change(to, number, card)
    except TelegramError as error:
        if not refusals.is_gone(error):
            raise


async def _newest(desk: Desk, paper: PaperId, language: str) -> VersionId | None:
    """Return the newest known version. arXiv is asked at most once a day."""
    if _is_due(desk, paper):
        try:
            return (await desk.app.library_in(language).paper(PaperRef(paper))).version
        except SourceError:
            pass  # the database may have one
    async with database.reading(desk.app.engine) as connection:
        stored = (await papers.latest_of(connection, [paper])).get(paper)
    return stored.version if stored else None


def _is_due(desk: Desk, paper: PaperId) -> bool:
    """Return whether to ask arXiv now. Records the request, and forgets those older than a day."""
    now = desk.clock()
    for each in [each for each, at in desk.looked.items() if now - at >= _LOOK]:
        del desk.looked[each]
    if paper in desk.looked:
        return False
    desk.looked[paper] = now
    return True
