from hypothesis import given
from hypothesis import strategies as st

from bot.mail.shortening import ShownLength, lessened, longest

AMOUNTS = st.lists(st.sampled_from(ShownLength), max_size=12)


def test_the_last_papers_give_way_first_and_each_by_one_step() -> None:
    wanted = [ShownLength.READING, ShownLength.READING, ShownLength.TITLE]
    assert [lessened(wanted, steps) for steps in range(10)] == [
        (4, 4, 1), (4, 3, 1), (3, 3, 1), (3, 2, 1), (2, 2, 1), (2, 1, 1), (1, 1, 1), (1, 1, 0), (1, 0, 0), (0, 0, 0),
    ]  # fmt: skip


@given(AMOUNTS, st.integers(0, 40))
def test_as_much_is_shown_as_fits(wanted: list[ShownLength], room: int) -> None:
    shown = longest(wanted, lambda amounts: sum(amounts) <= room)
    assert sum(shown) == min(sum(wanted), room)
    assert all(a <= b for a, b in zip(shown, wanted, strict=True))


def test_where_nothing_fits_nothing_is_shown() -> None:
    assert longest([ShownLength.READING, ShownLength.TITLE], lambda _: False) == (0, 0)
