"""Time that a test moves, so that it need not wait, and fails on no slow machine because something took its time."""

import asyncio


def leap(seconds: float) -> None:
    """The running loop's clock goes forward: what waits for less than that waits no longer, and its limits are over.

    So a test keeps the program's own limits of minutes, and leaps when the far end has fallen silent.
    """
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]
