"""The role of each name in a passage: others are compared with it, something is tried on it, or neither. Pure.

“A outperforms B on C” and “在C上，与B相比，A更优” have their names in different orders and mean the same; “A优于B” and
“B优于A” do not. The words that tell the roles are in the lexicons.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from digest.checks.wording_index import Cover
from digest.languages import Role, RoleWords

_NAME = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]*[A-Z][A-Za-z0-9]*(?:-(?=[A-Za-z0-9]*[A-Z0-9])[A-Za-z0-9]+)*(?![A-Za-z0-9])"
)
_STOP = re.compile(r"[.:;!?](?=\s|\Z)|[，。：；！？\n]|,(?!\s?(?:and |or )?[A-Za-z]*[A-Z])")
_FIRST = re.compile(r"(?:\A|[.:;,，。：；\n])\s*\Z")
_FARTHEST = 80  # characters between a word and the names whose role it tells


Roles = Mapping[Role, RoleWords]
"""The words of a language that tell the roles; empty if it has none."""


class Mention(NamedTuple):
    """A name in a passage, and its role there; None if it has none."""

    name: str
    role: Role | None


def mentions(text: str, roles: Roles) -> list[Mention]:
    """Return the names in `text` in their order, with those `roles` that the words of its language tell."""
    covers = {role: Cover(sorted(_places(text, words), key=_start)) for role, words in roles.items()}
    return [
        Mention(name[0], next((role for role, cover in covers.items() if cover.has(*name.span())), None))
        for name in _NAME.finditer(text)
    ]


def names(text: str) -> set[str]:
    """Return the names in `text`."""
    return {*_NAME.findall(text)}


def are_exchanged(some: Sequence[Mention], others: Sequence[Mention]) -> bool:
    """Return True if each side has a name in a role in which the other side has another one."""
    return any(mine - theirs and theirs - mine for mine, theirs in _in_roles(some, others).values())


def by_role(some: Sequence[Mention], others: Sequence[Mention]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the names of both sides in each role that they agree on, in their order, and last all other names."""
    agreed = {
        Mention(name, role)
        for role, (mine, theirs) in _in_roles(some, others).items()
        for name in mine & theirs
    }
    for role in (*Role, None):
        yield _names(some, role, agreed), _names(others, role, agreed)


def _in_roles(some: Sequence[Mention], others: Sequence[Mention]) -> dict[Role, tuple[set[str], set[str]]]:
    """Return for each role the names in it on either side, of those that both sides have."""
    common = {each.name for each in some} & {each.name for each in others}
    return {role: (_with(role, some) & common, _with(role, others) & common) for role in Role}


def _with(role: Role, side: Sequence[Mention]) -> set[str]:
    return {each.name for each in side if each.role is role}


def _names(side: Sequence[Mention], role: Role | None, agreed: set[Mention]) -> list[str]:
    return [each.name for each in side if (each.role if each in agreed else None) is role]


def _places(text: str, words: RoleWords) -> Iterator[tuple[int, int]]:
    """Yield the places whose names have the role that `words` tell."""
    openers = [found.end() for found in words.openers.find(text)]
    ends = [found.start() for found in words.ends.find(text)]
    closed = set[int]()
    for start in (found.start() for found in words.before.find(text)):
        opener = openers[bisect_right(openers, start) - 1] if openers else start
        if start - _FARTHEST <= opener < start and not _STOP.search(text, opener, start):
            closed.add(start)
            yield opener, start
    for found in words.behind.find(text):
        if found.start() not in closed:
            yield found.end(), _end(found, ends)


def _end(found: re.Match[str], ends: Sequence[int]) -> int:
    """Return where the names behind a word end; a comma ends them only if the word is the first of its clause."""
    text, start = found.string, found.end()
    end = min(start + _FARTHEST, len(text))
    at = bisect_left(ends, start)
    if at < len(ends):
        end = min(end, ends[at])
    if _FIRST.search(text, max(0, found.start() - 3), found.start()):
        comma = text.find(",", start, end)
        end = comma if comma >= 0 else end
    stop = _STOP.search(text, start, end)
    return stop.start() if stop else end


def _start(place: tuple[int, int]) -> int:
    return place[0]
