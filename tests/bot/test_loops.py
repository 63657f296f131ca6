"""Tests of the event loop that does not wait for name servers at its end."""

import asyncio
import socket
from threading import Event
from threading import enumerate as threads
from typing import Any

import pytest

from bot.process import Loop


def test_names_are_looked_up_as_ever() -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        found = runner.run(runner.get_loop().getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))
        assert [each[4] for each in found] == [("127.0.0.1", 80)]
        with pytest.raises(socket.gaierror):
            runner.run(runner.get_loop().getaddrinfo("127.0.0.1", "no-such-service"))


def test_a_name_server_that_does_not_answer_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Event()

    def silent(*_: object, **__: object) -> list[Any]:
        answers.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with asyncio.Runner(loop_factory=Loop) as runner, pytest.raises(TimeoutError):
        runner.run(asyncio.wait_for(runner.get_loop().getaddrinfo("example.org", 25), 0.05))
    [asking] = [thread for thread in threads() if thread.name == "getaddrinfo"]
    answers.set()
    asking.join()
