"""The columns of a table's cells, where some cells reach over several rows or columns."""

from lxml import etree

_WIDEST = 30  # rows or columns of one cell; pages that claim more are not believed
_COLUMNS = 500  # of a table; beyond them nothing is aligned


class Grid:
    """One table, filled cell by cell in reading order."""

    def __init__(self) -> None:
        self._column = 0
        self._covered: dict[int, int] = {}  # by column: the rows to come that a cell above reaches into

    def next_row(self) -> None:
        """Begins a row; what reached into the rest of the last one reaches no further there."""
        for column, rows in self._covered.items():
            if column >= self._column and rows:
                self._covered[column] = rows - 1
        self._column = 0

    def place(self, cell: etree._Element) -> int:
        """The columns, from the end of the last cell, that `cell` stands to the right: 0 where it adjoins."""
        skipped = 0
        if self._column > _COLUMNS:
            return skipped
        while self._covered.get(self._column, 0):
            self._covered[self._column] -= 1
            self._column += 1
            skipped += 1
        end = self._column + width(cell)
        self._covered.update(dict.fromkeys(range(self._column, end), _span(cell, "rowspan") - 1))
        self._column = end
        return skipped


def width(cell: etree._Element) -> int:
    """The columns that `cell` takes."""
    return _span(cell, "colspan")


def _span(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "1")
    return (
        min(int(value), _WIDEST)
        if value.isascii() and value.isdigit() and len(value) < 4 and int(value)
        else 1
    )
