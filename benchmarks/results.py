"""Verify, then print: a benchmark shows a figure only where the work that it measures was done."""

from collections.abc import Callable, Mapping


class Result:
    """What one part of a benchmark did; `str()` gives its figures, one or more lines."""

    @property
    def undone(self) -> list[str]:
        """What was to be done and was not, a sentence each: with any, there is nothing to measure."""
        raise NotImplementedError

    @property
    def broken(self) -> list[str]:
        """Promises that were not kept and hold at any size, a sentence each."""
        return []

    @property
    def missed(self) -> list[str]:
        """Limits on time and memory, stated for the full size, that the figures exceed: a sentence each."""
        return []


def unmet(*conditions: tuple[bool, str]) -> list[str]:
    """The sentences of the conditions that do not hold."""
    return [sentence for holds, sentence in conditions if not holds]


def run(parts: Mapping[str, Callable[[], Result]], *, limits: bool) -> None:
    """Runs each part, prints its figures if its work was done, and ends the program with 1 if any part failed.

    With `limits` False the size is small, and an exceeded limit fails nothing.
    """
    failed = [name for name, part in parts.items() if not _shown(name, part(), limits=limits)]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _shown(name: str, result: Result, *, limits: bool) -> bool:
    """Prints the figures, or why there are none; returns whether the part succeeded."""
    if undone := result.undone:
        print(f"{name}: no figures, because the work was not done", *undone, sep="\n        ", flush=True)
        return False
    failures = [*result.broken, *(result.missed if limits else [])]
    print(result, *(f"        FAILED: {sentence}" for sentence in failures), sep="\n", flush=True)
    return not failures
