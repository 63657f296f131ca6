"""An edition as a Jekyll post: Markdown for kramdown, behind front matter."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from digest.models import Edition, Gap
from digest.render import kramdown, words

FOLDER = "post"


@dataclass(frozen=True, slots=True)
class _Zone:
    """A zone as the post names it: by its abbreviation at the time."""

    key: str
    abbreviation: str

    def __str__(self) -> str:
        return self.abbreviation


def post_name(day: date) -> str:
    """The file name of the post of `day`."""
    return f"{day}-arxiv.md"


def render(edition: Edition, zone: ZoneInfo) -> str:
    """The post of `edition`, its times in `zone`."""
    environment = words.environment().overlay()
    environment.filters = {**environment.filters, "markdown": kramdown.markdown, "paragraphs": _paragraphs}
    environment.tests = {**environment.tests, "gap": lambda made: isinstance(made, Gap)}
    start, end = (moment.astimezone(zone) for moment in (edition.window.start, edition.window.end))
    return environment.get_template(f"{FOLDER}/edition.md.j2").render(
        edition=edition,
        language=words.words_of(FOLDER, edition.language),
        zone=_Zone(zone.key, _abbreviation(end)),
        start=start,
        end=end,
    )


def _abbreviation(moment: datetime) -> str:
    return moment.tzname() or ""


def _paragraphs(text: str) -> str:
    return "\n\n".join(kramdown.markdown(paragraph) for paragraph in text.split("\n\n") if paragraph.strip())
