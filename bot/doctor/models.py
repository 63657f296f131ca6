"""The language models: asked for what real calls ask for, in the same form, about a paper of three sentences."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel

from bot import language_model
from bot.app import open_database
from bot.doctor.findings import BrokenError, OffError
from bot.settings import Settings
from digest.errors import ModelError, StoreError
from digest.flights import Audience
from digest.llm.budget import Budget
from digest.llm.client import Model
from digest.llm.patience import Patience
from digest.llm.profile import NEW, EndpointProfile, capabilities
from digest.llm.profiles import Profiles
from digest.llm.prompts import PromptTemplate
from digest.models import Call, PaperId, Purpose, VersionId
from digest.reading.form import ReadingAnswer
from digest.translation import TranslationAnswer

Clock = Callable[[], datetime]

_PATIENCE = Patience(call_seconds=60, attempts=2, throttle_seconds=20)
_VERSION = VersionId(PaperId("1706.03762"), 7)
_TITLE = "Rooms that can be heard"
_TEXT = "Rooms have shapes that can be heard. We listen with two microphones. Errors fall by up to 12.5%."
_FORMS: Mapping[Purpose, type[BaseModel]] = {
    Purpose.TRANSLATION: TranslationAnswer,
    Purpose.READING: ReadingAnswer,
}
_MATERIAL: Mapping[Purpose, Mapping[str, object]] = {
    Purpose.TRANSLATION: {"abstract": _TEXT, "terms": ()},
    Purpose.READING: {"text": _TEXT, **dict.fromkeys(("notes", "number", "count", "failing"))},
}


def names(settings: Settings) -> dict[str, list[Purpose]]:
    """The names of the models, and what each is asked for."""
    asked: dict[str, list[Purpose]] = {}
    pairs = (
        (settings.translation_model, Purpose.TRANSLATION),
        (settings.repair_model, Purpose.TRANSLATION),
        (settings.reading_model, Purpose.READING),
    )
    for name, purpose in pairs:
        if name and purpose not in asked.setdefault(name, []):
            asked[name].append(purpose)
    return asked


async def model(settings: Settings, name: str, purposes: list[Purpose], clock: Clock) -> str:
    """The model answers what it is asked for; what its endpoint takes is learned anew, and kept."""
    client = language_model.client(settings)
    if client is None:
        raise OffError("OPENAI_API_KEY is not set: editions are made with the English abstracts.")
    async with client, _remembered(settings, name, clock) as profiles:
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
            tokens = [await _tokens(asked, settings, name, purpose, Audience()) for purpose in purposes]
            tokens.append(await _tokens(asked, settings, name, purposes[-1], _listening()))
        except ModelError as error:
            raise BrokenError(f"{name}: {error}") from None
        told = capabilities(profiles.of(name))
    return f"{name} answers, {sum(tokens)} tokens for {len(tokens)} questions: {told}"


@asynccontextmanager
async def _remembered(settings: Settings, name: str, clock: Clock) -> AsyncIterator[Profiles]:
    """Profiles that begin anew but for the window, which no short question finds; kept at the end.

    Without a database nothing is known and nothing is kept.
    """
    async with AsyncExitStack() as stack:
        try:
            engine = await stack.enter_async_context(open_database(settings))
        except StoreError:
            yield Profiles({}, _unkept)
            return
        known = (await language_model.profiles(settings, engine, clock)).of(name)
        begun = replace(NEW, window_tokens=known.window_tokens)
        profiles = Profiles({name: begun}, language_model.keeping(settings, engine, clock))
        yield profiles
        await profiles.keep(name, profiles.of(name))


async def _tokens(asked: Model, settings: Settings, name: str, purpose: Purpose, audience: Audience) -> int:
    """The tokens that one answer cost. Raises ModelError."""
    template = PromptTemplate(purpose, _FORMS[purpose], settings.target_language)
    answered = await asked.ask(
        template.render(id=_VERSION, title=_TITLE, **_MATERIAL[purpose]),
        _FORMS[purpose],
        purpose=purpose,
        version=_VERSION,
        language=settings.target_language,
        model=name,
        audience=audience,
    )
    return answered.call.prompt_tokens + answered.call.completion_tokens


def _listening() -> Audience:
    """Somebody who wants to see the answer while it is written, so that it is asked for as a stream."""
    audience = Audience()
    audience.join(lambda _: None)
    return audience


async def _unrecorded(_: Call) -> None:
    """These questions are outside of every account."""


async def _unkept(_: str, __: EndpointProfile) -> None:
    """There is nowhere to keep it."""
