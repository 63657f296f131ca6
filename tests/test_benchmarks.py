"""The benchmarks in small: what has to hold on any machine, however fast."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.sending.kill import kill
from benchmarks.sending.mail_kill import mail_kill
from benchmarks.sending.mail_speed import speed
from benchmarks.sending.pace import pace
from benchmarks.simulated.trial import planted, posts
from tests.components import program


def test_a_digest_at_the_permitted_pace_reaches_everyone_once_and_is_never_refused() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as own:  # it has an event loop and a clock of its own
        came = own.submit(pace, 300).result()
    assert came.refused == 0
    assert came.states == {"sent": 300}
    assert len(came.received) == 300
    assert set(came.received.values()) == {1}
    assert came.rate >= 0.97 * 30


def test_a_kill_on_the_way_costs_nobody_a_second_message() -> None:
    came = kill(200)
    assert sum(came.after.values()) == 200
    assert came.after.keys() <= {"sent", "failed", "unknown"}
    assert came.twice == 0
    assert came.unknown <= came.in_flight
    assert came.after["sent"] <= len(came.received) <= came.after["sent"] + came.unknown


def test_a_kill_on_the_way_leaves_no_mailbox_without_the_edition() -> None:
    came = mail_kill(300)
    assert came.after == {"sent": 300}
    assert came.lacking == 0
    assert came.strange == 0
    assert came.twice <= came.in_flight


def test_the_newsletter_is_compared_with_what_others_send_in_the_same_run() -> None:
    program("smtp-sink")
    came = speed(200, rounds=1)
    assert 21_000 < came.size < 24_000
    assert min(came.ratio, came.ours[0].rate, *came.bare, *came.postfix) > 0
    assert came.ours[0].peak_megabytes < 250


def test_planted_faults_are_found_and_sound_translations_pass() -> None:
    tallies = planted(120)
    for held_back in (False, True):
        clean, faulty = tallies[held_back, "clean"], tallies[held_back, "all"]
        assert faulty.texts > 200
        assert faulty.hard >= 0.96 * faulty.texts
        assert clean.hard <= 0.05 * clean.texts


def test_published_translations_show_the_faults_that_are_known_of_them() -> None:
    found = posts()
    assert "2510.13281: acronym (soft) “GER”, hedge (soft) “up to”" in found
    assert "acronym (soft) “FOA”" in found
    assert "2512.20948: acronym (soft) “AD”" in found
