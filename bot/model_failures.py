"""Editions that the language model left untranslated: what failed, how often, and what helps."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from bot.accounts import Account, Made
from bot.app import App
from digest.errors import ModelError
from digest.llm.faults import CallError, Outcome
from digest.models import Call, Edition, Gap, Purpose, VersionId
from digest.store import calls
from digest.store import engine as database

_FAILED = frozenset({Gap.MODEL, Gap.UNFAITHFUL})
_KNOWN = {outcome.value: outcome for outcome in Outcome}  # the log may hold names of earlier versions
_UNFAITHFUL = "The translations did not pass the checks"
_SETTINGS = "correct OPENAI_API_KEY, OPENAI_BASE_URL or TRANSLATION_MODEL"
_LATER = "run it again later"
_ANOTHER_MODEL = "another TRANSLATION_MODEL may do better"
_REMEDIES = {
    Outcome.UNAUTHORISED: _SETTINGS,
    Outcome.REDIRECTED: _SETTINGS,
    Outcome.NO_MODEL: _SETTINGS,
    Outcome.QUOTA: "top up the account, or name another endpoint in OPENAI_BASE_URL",
    Outcome.THROTTLED: f"lower LLM_CONCURRENCY, or {_LATER}",
    Outcome.UNREACHABLE: f"check OPENAI_BASE_URL, or {_LATER}",
    Outcome.PROXY: f"correct it, or {_LATER}",
    Outcome.TIMEOUT: f"check OPENAI_BASE_URL, or {_LATER}",
    Outcome.SERVER_ERROR: f"check OPENAI_BASE_URL, or {_LATER}",
}


async def of(app: App, accounts: Iterable[Account]) -> ModelError | None:
    """The fault of the first edition in `accounts`, in any of its languages, of which less than half came through.

    Counted are the papers that were tried. A paper without a key, without budget or given up was not.
    """
    for account in accounts:
        for made in (account, *account.others):
            if (fault := await _fault(app, made)) is not None:
                return fault
    return None


async def _fault(app: App, made: Made) -> ModelError | None:
    edition = made.edition
    failed = failures(edition)
    if edition.translated >= len(failed) or not failed:
        return None
    async with database.reading(app.engine) as connection:
        asked = await calls.of_versions(connection, failed, edition.language)
    return ModelError(sentence(edition.date, edition.translated, len(failed), asked))


def failures(edition: Edition) -> list[VersionId]:
    """The papers of `edition` that a model was asked to translate, in vain. Pure."""
    return [entry.paper.version for entry in edition.entries if entry.translation in _FAILED]


def sentence(day: date, translated: int, failed: int, asked: Iterable[Call]) -> str:
    """What went wrong most often in the calls `asked`, and what helps, in one sentence. Pure."""
    outcomes = Counter(
        outcome
        for call in asked
        if call.purpose is Purpose.TRANSLATION and (outcome := _KNOWN.get(call.outcome))
    )
    papers = f"{f'only {translated}' if translated else 'none'} of the {translated + failed} papers of {day}"
    begun = f"The language model translated {papers}"
    tested = "`arxiv-daily doctor` tries the endpoint, and the next run tries what is missing again"
    if not outcomes:
        return f"{begun}: the log says why; {tested}."
    [(outcome, count)] = outcomes.most_common(1)
    said = _UNFAITHFUL if outcome is Outcome.OK else str(CallError(outcome)).rstrip(".")
    times = "once" if count == 1 else f"{count} times"
    remedy = _REMEDIES.get(outcome, _ANOTHER_MODEL)
    return f"{begun}: {said[0].lower()}{said[1:]} ({times}); {remedy}; {tested}."
