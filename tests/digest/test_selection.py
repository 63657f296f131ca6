from datetime import UTC, datetime, timedelta

from digest import selection
from digest.models import Window
from tests.papers import paper

# Tuesday's edition in Shanghai; Monday's batch was announced at 01:00 UTC on Tuesday.
WINDOW = Window(datetime(2026, 2, 9, 0, 50, tzinfo=UTC), datetime(2026, 2, 10, 0, 50, tzinfo=UTC))
AT = datetime(2026, 2, 10, 4, 0, tzinfo=UTC)
WATCHED = ("cs.SD", "eess.AS")

fresh = paper(1)
held = paper(2, submitted=datetime(2026, 1, 20, 9, 0, tzinfo=UTC))


def test_a_paper_that_moderation_held_for_weeks_is_new_when_it_turns_up() -> None:
    selected = selection.select([fresh, held], set(), WATCHED, WINDOW)
    assert selected.new == (fresh, held)
    assert held.published
    assert held.published > selection.look_back(WINDOW)


def test_a_paper_is_new_only_once() -> None:
    assert selection.select([fresh, held], {fresh.id}, WATCHED, WINDOW).new == (held,)


def test_the_first_edition_does_not_bring_the_month_before_it() -> None:
    selected = selection.select([fresh, held], set(), (), WINDOW)
    assert (selected.new, selected.earlier) == ((fresh,), (held,))


def test_a_first_edition_shows_the_newest_batch_when_the_window_holds_none() -> None:
    friday = paper(3, submitted=datetime(2026, 2, 6, 15, 0, tzinfo=UTC))
    selected = selection.select([held, friday], set(), (), WINDOW)
    assert (selected.new, selected.earlier) == ((friday,), (held,))


def test_a_category_that_is_watched_anew_does_not_bring_its_past() -> None:
    old_neighbour = paper(3, categories=("cs.CL",), submitted=datetime(2026, 1, 20, 9, 0, tzinfo=UTC))
    new_neighbour = paper(4, categories=("cs.CL",))
    selected = selection.select([old_neighbour, new_neighbour, held], set(), WATCHED, WINDOW)
    assert (selected.new, selected.earlier) == ((new_neighbour, held), (old_neighbour,))


def test_what_was_not_announced_at_that_time_is_left_for_its_own_edition() -> None:
    tomorrow = paper(5, submitted=AT - timedelta(hours=1))
    other = paper(6, categories=("cs.CV",))
    crossed = paper(7, categories=("cs.CV", "eess.AS"))
    assert selection.announced([fresh, tomorrow, other, crossed], WATCHED, AT) == [fresh, crossed]
