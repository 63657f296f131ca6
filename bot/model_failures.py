"""Editions that the language model left untranslated: the failures, their number, and the remedy."""

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date

from bot.accounts import Account, Made
from bot.container import App
from digest.core.errors import ModelError
from digest.core.findings import Flaw
from digest.core.models import Call, Edition, Gap, Purpose, VersionId
from digest.db import engine as database
from digest.db import model_calls
from digest.llm.errors import CallError, Outcome

_FAILED = frozenset({Gap.MODEL, Gap.UNFAITHFUL})
_KNOWN = {outcome.value: outcome for outcome in Outcome}  # the log may contain names of earlier versions
_UNFAITHFUL = "The translations did not pass the checks"
_SETTINGS = "correct OPENAI_API_KEY, OPENAI_BASE_URL or TRANSLATION_MODEL"
_LATER = "run it again later"
_ANOTHER_MODEL = "another TRANSLATION_MODEL may do better"
_WRONG_LANGUAGE = "The translations are not in the language that was asked for"
_ENDPOINT = f"check OPENAI_BASE_URL, or {_LATER}"
_NAMED = ""  # the sentence of the failure names the remedy
_REMEDIES = {
    Outcome.UNAUTHORISED: _SETTINGS,
    Outcome.REDIRECTED: _NAMED,
    Outcome.NO_MODEL: _NAMED,
    Outcome.CERTIFICATE: _NAMED,
    Outcome.PROXY: _NAMED,
    Outcome.ONLY_THOUGHT: _NAMED,
    Outcome.UNSUPPORTED_FIELD: "correct it",
    Outcome.REFUSED: "correct OPENAI_EXTRA_BODY or TRANSLATION_MODEL",
    Outcome.QUOTA: "top up the account, or name another endpoint in OPENAI_BASE_URL",
    Outcome.THROTTLED: f"lower LLM_CONCURRENCY, or {_LATER}",
    Outcome.UNREACHABLE: _ENDPOINT,
    Outcome.TIMEOUT: f"raise it, or {_LATER}",
    Outcome.SERVER_ERROR: _ENDPOINT,
    Outcome.NO_COMPLETION: _ENDPOINT,
    Outcome.ERROR_BODY: _ENDPOINT,
    Outcome.NO_CHOICE: _ENDPOINT,
    Outcome.MANY_CHOICES: _ENDPOINT,
    Outcome.UNFINISHED: _ENDPOINT,
}
_OF_THE_LANGUAGE = frozenset({Flaw.SCRIPT, Flaw.UNTRANSLATED})


async def of(app: App, accounts: Iterable[Account]) -> ModelError | None:
    """Return the error of the first edition in `accounts`, in any language, with less than half of its papers
    translated.

    Only papers that were tried count, not those without a key, without budget, or given up.
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
        asked = await model_calls.of_versions(connection, failed, edition.language)
        tried = await model_calls.load_attempts(connection, failed, edition.language)
    found = [{each.flaw for each in attempt.findings} for made in tried.values() for attempt in made]
    return ModelError(sentence(edition.date, edition.translated, len(failed), asked, found))


def failures(edition: Edition) -> list[VersionId]:
    """Return the papers of `edition` whose translation was tried and failed. Pure."""
    return [entry.paper.version for entry in edition.entries if entry.translation in _FAILED]


def sentence(
    day: date, translated: int, failed: int, asked: Iterable[Call], found: Sequence[AbstractSet[Flaw]] = ()
) -> str:
    """Describe the most frequent failure of the calls `asked`, and its remedy, in one sentence. Pure.

    `found` are the flaws of each translation that a model returned.
    """
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
    said = _unfaithful(found) if outcome is Outcome.OK else str(CallError(outcome)).rstrip(".")
    times = "once" if count == 1 else f"{count} times"
    helps = "; ".join(filter(None, (_REMEDIES.get(outcome, _ANOTHER_MODEL), tested)))
    return f"{begun}: {said[0].lower()}{said[1:]} ({times}); {helps}."


def _unfaithful(found: Sequence[AbstractSet[Flaw]]) -> str:
    """Name the fault of the translations that failed the checks: the language, if that of at least half of them."""
    foreign = sum(bool(_OF_THE_LANGUAGE & flaws) for flaws in found)
    return _WRONG_LANGUAGE if foreign and 2 * foreign >= len(found) else _UNFAITHFUL
