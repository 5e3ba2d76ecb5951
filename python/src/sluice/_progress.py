"""Rows and bytes as they arrive: a line in a terminal, a bar in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from ._glyphs import cells
from ._style import DECISION_COLOURS, FONT

_EVERY_S = 0.1
_QUIET_S = 0.4
"""What is over sooner than this shows no line in a terminal."""
_BAR_CELLS = 24
_COLOUR = DECISION_COLOURS["allow"]


def quantity(count: int, unit: str) -> str:
    """A number with thousands apart, and its unit."""
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """Bytes, for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


class Progress(Protocol):
    """Something that shows how far a statement is."""

    def arrived(self, rows: int, byte_count: int, total: int | None) -> None:
        """So many rows and bytes have arrived, of `total` rows if that is known."""

    def done(self, note: str | None = None) -> None:
        """Nothing more comes; `note` says why if it did not end well."""


class _Throttled:
    """Counts, and shows at most ten times a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.started = clock()
        self._shown = float("-inf")
        self.rows = 0
        self.byte_count = 0
        self.total: int | None = None

    @property
    def elapsed(self) -> float:
        return self._clock() - self.started

    def arrived(self, rows: int, byte_count: int, total: int | None) -> None:
        self.rows, self.byte_count, self.total = rows, byte_count, total
        if self._clock() - self._shown >= _EVERY_S:
            self._shown = self._clock()
            self.show()

    def show(self) -> None:
        raise NotImplementedError

    def text(self) -> str:
        """What has arrived so far."""
        if not self.rows:
            return "running"
        if self.total:
            return f"{self.rows:,} of {quantity(self.total, 'row')}, {self._rest()}"
        return self.summary()

    def summary(self) -> str:
        """What has arrived in the end."""
        return f"{quantity(self.rows, 'row')}, {self._rest()}"

    def _rest(self) -> str:
        return f"{size(self.byte_count)}, {self.elapsed:.1f} s"

    @property
    def share(self) -> float | None:
        return min(1.0, self.rows / self.total) if self.total else None


class TerminalProgress(_Throttled):
    """One line, rewritten, and taken away at the end."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._stream = stream or sys.stderr
        self._width = 0

    def show(self) -> None:
        """Rewrite the line."""
        if self.elapsed < _QUIET_S or not self._stream.isatty():
            return
        bar = ""
        if self.share is not None:
            full = round(self.share * _BAR_CELLS)
            bar = f"{'━' * full}{'╌' * (_BAR_CELLS - full)} "
        line = bar + self.text()
        self._stream.write(f"\r{line}{' ' * (self._width - cells(line))}")
        self._stream.flush()
        self._width = cells(line)

    def done(self, note: str | None = None) -> None:
        """Take the line away."""
        if self._width:
            self._stream.write(f"\r{' ' * self._width}\r")
            self._stream.flush()
            self._width = 0


class NotebookProgress(_Throttled):
    """A bar of HTML, updated in place; a small line with the counts remains."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._handle: Any = None
        self.show()

    def html(self) -> str:
        """The bar, with what has arrived."""
        # Where the end is not known, a stripe in the middle says that something is going on.
        left, width = (0.0, self.share * 100) if self.share is not None else (35.0, 30.0)
        bar = (
            '<span style="display:inline-block;vertical-align:middle;width:220px;height:6px;margin-right:.7em;'
            'border-radius:3px;background:rgba(128,128,128,.25)">'
            f'<span style="display:block;height:6px;border-radius:3px;margin-left:{left:.0f}%;width:{width:.0f}%;'
            f'background:{_COLOUR}"></span></span>'
        )
        return f'{bar}<span style="opacity:.75">{self.text()}</span>'

    def show(self) -> None:
        """Update the bar."""
        self._update(self.text(), self.html())

    def done(self, note: str | None = None) -> None:
        """Replace the bar by the counts; by nothing where nothing came, for then an error says more."""
        text = ", ".join([self.summary(), *([note] if note else [])]) if self.rows or note is None else ""
        self._update(text, f'<span style="opacity:.75">{text}</span>' if text else "")

    def _update(self, text: str, html: str) -> None:
        from IPython.display import display

        shown = _Shown(text, f'<div style="{FONT};font-size:12px">{html}</div>' if html else "")
        if self._handle is None:
            self._handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown)


class _Shown:
    """Something to display, as text and as HTML."""

    def __init__(self, text: str, html: str) -> None:
        self._text, self._html = text, html

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html
