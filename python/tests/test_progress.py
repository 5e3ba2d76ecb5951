from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from sluice._progress import NotebookProgress, TerminalProgress, quantity, size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Notebook(NotebookProgress):
    def __init__(self, clock: Callable[[], float]) -> None:
        self.shown: list[str] = []
        super().__init__(clock)

    def _update(self, text: str, html: str) -> None:
        self.shown.append(html)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456, "123 kB"), (2_500_000, "2.5 MB"), (10**13, "10000 GB")],
)
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert size(count) == text


def test_numbers_have_units() -> None:
    assert quantity(1, "row") == "1 row"
    assert quantity(1234567, "row") == "1,234,567 rows"


def test_a_terminal_shows_a_bar_and_takes_it_away() -> None:
    stream, clock = Terminal(), Clock()
    progress = TerminalProgress(stream, clock)
    clock.now = 1.0
    progress.arrived(500, 4000, 1000)
    shown = stream.getvalue()
    assert "━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌ 500 of 1,000 rows, 4.0 kB, 1.0 s" in shown
    progress.done()
    assert stream.getvalue().endswith("\r")
    assert stream.getvalue().removeprefix(shown).strip(" \r") == ""


def test_a_terminal_shows_counts_where_the_total_is_unknown() -> None:
    stream, clock = Terminal(), Clock()
    progress = TerminalProgress(stream, clock)
    clock.now = 1.0
    progress.arrived(1, 8, None)
    assert stream.getvalue() == "\r1 row, 8 B, 1.0 s"


def test_a_shorter_line_covers_a_longer_one() -> None:
    stream, clock = Terminal(), Clock()
    progress = TerminalProgress(stream, clock)
    clock.now = 1.0
    progress.arrived(1000, 999_999, None)
    first = len(stream.getvalue())
    clock.now = 2.0
    progress.arrived(1, 8, None)
    assert len(stream.getvalue()) == 2 * first


def test_what_is_quick_shows_nothing() -> None:
    stream, clock = Terminal(), Clock()
    progress = TerminalProgress(stream, clock)
    clock.now = 0.2
    progress.arrived(500, 4000, 1000)
    progress.done()
    assert stream.getvalue() == ""


def test_what_is_no_terminal_shows_nothing() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = TerminalProgress(stream, clock)
    clock.now = 5.0
    progress.arrived(500, 4000, 1000)
    progress.done()
    assert stream.getvalue() == ""


def test_a_notebook_shows_a_bar_and_keeps_the_counts() -> None:
    clock = Clock()
    progress = Notebook(clock)
    clock.now = 1.0
    progress.arrived(250, 4000, 1000)
    assert "width:25%" in progress.shown[-1]
    assert "250 of 1,000 rows" in progress.shown[-1]
    progress.arrived(750, 12000, 1000)
    progress.done("interrupted")
    assert "width:220px" not in progress.shown[-1]
    assert "750 rows, 12.0 kB, 1.0 s, interrupted" in progress.shown[-1]


def test_a_notebook_shows_nothing_of_what_failed_at_once() -> None:
    progress = Notebook(Clock())
    assert "running" in progress.shown[-1]
    progress.done("failed")
    assert progress.shown[-1] == ""


def test_a_result_without_rows_has_a_count_too() -> None:
    progress = Notebook(Clock())
    progress.arrived(0, 0, None)
    progress.done()
    assert "0 rows, 0 B, 0.0 s" in progress.shown[-1]


def test_updates_are_at_most_ten_a_second() -> None:
    clock = Clock()
    progress = Notebook(clock)
    for step in range(1000):
        clock.now = step / 1000
        progress.arrived(step, step, None)
    assert len(progress.shown) <= 12
