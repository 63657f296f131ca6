"""Verify, then print: a benchmark shows a figure only if the work that it measures was done."""

from collections.abc import Callable, Mapping


class Result:
    """The result of one part of a benchmark; `str()` gives its figures, one or more lines."""

    @property
    def undone(self) -> list[str]:
        """The work that was not done, a sentence each; if there is any, nothing was measured."""
        raise NotImplementedError

    @property
    def broken(self) -> list[str]:
        """The promises that were broken and hold at any size, a sentence each."""
        return []

    @property
    def missed(self) -> list[str]:
        """The limits on time and memory, stated for the full size, that the figures exceed: a sentence each."""
        return []


def unmet(*conditions: tuple[bool, str]) -> list[str]:
    """Return the sentences of the conditions that do not hold."""
    return [sentence for holds, sentence in conditions if not holds]


def run(parts: Mapping[str, Callable[[], Result]], *, limits: bool) -> None:
    """Run each part, print its figures if its work was done, and exit with 1 if any part failed.

    `limits=False` means the small size, at which an exceeded limit fails nothing.
    """
    failed = [name for name, part in parts.items() if not _shown(name, part(), limits=limits)]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _shown(name: str, result: Result, *, limits: bool) -> bool:
    """Print the figures, or why there are none; return whether the part succeeded."""
    if undone := result.undone:
        print(f"{name}: no figures, because the work was not done", *undone, sep="\n        ", flush=True)
        return False
    failures = [*result.broken, *(result.missed if limits else [])]
    print(result, *(f"        FAILED: {sentence}" for sentence in failures), sep="\n", flush=True)
    return not failures
