"""Cache keys for large values that are loaded once and shared."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Identity(Generic[T]):
    """`value` as a cache key that equals only the same object, because hashing all the text of a paper is slow.

    The key holds the value, so no other object can take its place in memory.
    """

    value: T

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)
