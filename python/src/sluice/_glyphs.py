"""How wide a text is, without a font to ask: an estimate that errs on the wide side."""

from __future__ import annotations

import unicodedata

MONO_ADVANCE = 0.615
"""Of an em. The widest of the fonts that are asked for has 0.602."""

_NARROW = set("iIjl.,:;'|![]() ")
_SANS_NARROW, _SANS_WIDE, _SANS_OTHER = 0.34, 0.92, 0.6
_WIDE = set("mwMW@%")


def cells(text: str) -> int:
    """How many places of a terminal or of a monospaced line a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def mono_width(text: str, size: float) -> float:
    """Width in a monospaced font."""
    return cells(text) * size * MONO_ADVANCE


def sans_width(text: str, size: float) -> float:
    """Width in a proportional font."""
    return size * sum(
        _SANS_NARROW if char in _NARROW else _SANS_WIDE if char in _WIDE else _SANS_OTHER * max(1, cells(char))
        for char in text
    )


def elide(text: str, limit: int) -> str:
    """At most `limit` places of a text: both ends, which tell names apart, around an ellipsis."""
    if cells(text) <= limit:
        return text
    tail = _take(text[::-1], limit // 2)[::-1]
    return f"{_take(text, limit - 1 - cells(tail))}…{tail}"


def _take(text: str, limit: int) -> str:
    taken = ""
    used = 0
    for char in text:
        used += cells(char)
        if used > limit:
            break
        taken += char
    return taken


def wrap(names: str, limit: int, lines: int) -> list[str]:
    """A list of names, separated by commas, on at most `lines` lines."""
    out: list[str] = []
    rest = names.split(", ")
    while rest:
        if len(out) == lines - 1 and cells(", ".join(rest)) > limit:
            more = len(rest)
            out.append(f"… {more} more" if more > 1 else elide(rest[0], limit))
            break
        line = elide(rest.pop(0), limit - 1 if rest else limit)
        while rest and cells(f"{line}, {rest[0]}") < limit:
            line += f", {rest.pop(0)}"
        out.append(f"{line}," if rest else line)
    return out
