"""Time that a test moves, so that it need not wait, and does not fail on a slow machine."""

import asyncio


def leap(seconds: float) -> None:
    """Advance the running loop's clock: shorter waits end at once, and their timeouts expire.

    A test can thus keep the program's own timeouts of minutes, and leap when the fake has stopped responding.
    """
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]
