"""Checks of the language models: real prompts in real formats, about a paper of three sentences."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel

from bot import language_model
from bot.alerts import Alerts
from bot.container import open_database
from bot.doctor.findings import BrokenError, OffError
from bot.settings import Settings
from digest.core.errors import LongPromptError, ModelError, StoreError
from digest.core.models import Call, PaperId, Purpose, VersionId
from digest.core.singleflight import Listeners
from digest.core.verdicts import JudgedPair
from digest.judging.judge import JudgementAnswer
from digest.llm.budget import Budget
from digest.llm.client import Model
from digest.llm.endpoint_profile import NEW, EndpointProfile, capabilities, tokens_at_least
from digest.llm.profiles import Profiles
from digest.llm.prompts import PromptTemplate
from digest.llm.retry import RetryPolicy
from digest.pipeline.reading_checks import ReadingAnswer
from digest.pipeline.translate import TranslationAnswer

Clock = Callable[[], datetime]

_PATIENCE = RetryPolicy(call_seconds=60, attempts=2, throttle_seconds=20)
_LONGEST_TRIAL = 40_000  # tokens of a paid question that tests a context window again
_VERSION = VersionId(PaperId("1706.03762"), 7)
_TITLE = "Rooms that can be heard"
_TEXT = "Rooms have shapes that can be heard. We listen with two microphones. Errors fall by up to 12.5%."
_FORMS: Mapping[Purpose, type[BaseModel]] = {
    Purpose.TRANSLATION: TranslationAnswer,
    Purpose.READING: ReadingAnswer,
    Purpose.JUDGEMENT: JudgementAnswer,
}
_TEMPLATES = {Purpose.JUDGEMENT: "judge-translation"}
_MATERIAL: Mapping[Purpose, Callable[[str], Mapping[str, object]]] = {
    Purpose.TRANSLATION: lambda text: {"abstract": text, "terms": ()},
    Purpose.READING: lambda text: {
        "text": text,
        **dict.fromkeys(("notes", "number", "count", "failing")),
    },
    Purpose.JUDGEMENT: lambda text: {"pairs": [JudgedPair(1, text, text)]},
}


def names(settings: Settings) -> dict[str, list[Purpose]]:
    """Return the names of the models, and the purposes of each."""
    asked: dict[str, list[Purpose]] = {}
    pairs = (
        (settings.translation_model, Purpose.TRANSLATION),
        (settings.repair_model, Purpose.TRANSLATION),
        (settings.reading_model, Purpose.READING),
        (settings.judge, Purpose.JUDGEMENT),
        (settings.audit_model, Purpose.JUDGEMENT),
    )
    for name, purpose in pairs:
        if name and purpose not in asked.setdefault(name, []):
            asked[name].append(purpose)
    return asked


async def model(settings: Settings, name: str, purposes: list[Purpose], clock: Clock) -> str:
    """Check that the model answers its prompts. Its endpoint profile is learned again and stored."""
    client = language_model.client(settings)
    if client is None:
        raise OffError("OPENAI_API_KEY is not set: editions are made with the English abstracts.")
    async with client, _remembered(settings, name, clock) as (known, profiles):
        asked = Model(
            client,
            concurrency=1,
            patience=_PATIENCE,
            budget=Budget(None, settings.timezone),
            clock=clock,
            record=_unrecorded,
            profiles=profiles,
            extra=language_model.own_fields(settings),
        )
        try:
            tokens = [await _tokens(asked, settings, name, purpose, Listeners()) for purpose in purposes]
            tokens.append(await _tokens(asked, settings, name, purposes[-1], _listening()))
            tokens += await _beyond(known.window_tokens, asked, settings, name)
        except ModelError as error:
            raise BrokenError(f"{name}: {error}") from None
        told = capabilities(profiles.of(name))
    return f"{name} answers, {sum(tokens)} tokens for {len(tokens)} questions: {told}"


@asynccontextmanager
async def _remembered(
    settings: Settings, name: str, clock: Clock
) -> AsyncIterator[tuple[EndpointProfile, Profiles]]:
    """Yield the known profile of the model, and new profiles, which are stored if the check passes.

    Without a database nothing is known and nothing is stored.
    """
    async with AsyncExitStack() as stack:
        try:
            engine = await stack.enter_async_context(open_database(settings))
        except StoreError:
            yield NEW, Profiles({}, _unkept)
            return
        alerts = Alerts(engine, clock)
        known = (await language_model.profiles(settings, engine, clock, alerts)).of(name)
        beyond_trial = (known.window_tokens or 0) > _LONGEST_TRIAL
        begun = replace(NEW, window_tokens=known.window_tokens, cuts_prompts=known.cuts_prompts)
        profiles = Profiles({name: begun} if beyond_trial else {}, _unkept)
        yield known, profiles
        learned = profiles.of(name)
        if known.window_tokens and learned.window_tokens:  # a prompt shorter than doctor's did not fit
            learned = replace(learned, window_tokens=min(known.window_tokens, learned.window_tokens))
        await language_model.keeping(settings, engine, clock, alerts)(name, learned)


async def _beyond(window_tokens: int | None, asked: Model, settings: Settings, name: str) -> list[int]:
    """Ask a question as long as one that did not fit before, and return its tokens. Raises ModelError.

    If it does not fit, the profile has the window again.
    """
    if window_tokens is None or window_tokens > _LONGEST_TRIAL:
        return []
    text = " ".join([_TEXT] * (window_tokens // tokens_at_least(_TEXT) + 1))
    try:
        return [await _tokens(asked, settings, name, Purpose.READING, Listeners(), text)]
    except LongPromptError:
        return []


async def _tokens(
    asked: Model,
    settings: Settings,
    name: str,
    purpose: Purpose,
    listeners: Listeners,
    text: str = _TEXT,
) -> int:
    """Return the tokens of one answer about `text`. Raises ModelError."""
    template = PromptTemplate(_TEMPLATES.get(purpose, purpose), _FORMS[purpose], settings.target_language)
    answered = await asked.ask(
        template.render(id=_VERSION, title=_TITLE, **_MATERIAL[purpose](text)),
        _FORMS[purpose],
        purpose=purpose,
        version=_VERSION,
        language=settings.target_language,
        model=name,
        listeners=listeners,
    )
    return answered.call.prompt_tokens + answered.call.completion_tokens


def _listening() -> Listeners:
    """Create listeners that want to see the answer as it is written, so that it is requested as a stream."""
    listeners = Listeners()
    listeners.join(lambda _: None)
    return listeners


async def _unrecorded(_: Call) -> None:
    """Ignore the call: these questions belong to no run report."""


async def _unkept(_: str, __: EndpointProfile) -> None:
    """Discard the profile, because there is no database."""
