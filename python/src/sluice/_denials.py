"""What was refused and why, read out of the error that a driver raised."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from itertools import takewhile
from typing import Any

from . import _protobuf
from ._style import CODE, DECISION_COLOURS, FONT, MONO

_STATUS_DETAILS = "grpc-status-details-bin"
_ARROW = " → "
_COLOUR = DECISION_COLOURS["deny"]


@dataclass(frozen=True)
class Denial:
    """One reason for which a statement was refused.

    A field is empty where it does not apply: a missing `SELECT` on a table has no tag. Where many things are refused,
    the server sends the fields of the first few; the others have a `message` alone.
    """

    column: str = ""
    """The column, table or schema that is read or written."""
    tag: str = ""
    """The tag that it carries."""
    action: str = ""
    """What is missing: `READ`, `USE`, `PROCESS`, `SELECT`, …"""
    path: str = ""
    """From the source through the operators to where it would arrive: `a → b → c`."""
    hint: str = ""
    """What would help."""
    message: str = field(default="", compare=False)
    """The server's own sentence."""
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Everything that the server said for programs, the first five included."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of `path`."""
        return tuple(self.path.split(_ARROW)) if self.path else ()

    def __str__(self) -> str:
        lines = [self._sentence()]
        if self.path:
            lines.append(f"  path: {self.path}")
        if self.hint:
            lines.append(f"  help: {self.hint}")
        return "\n".join(lines)

    def _sentence(self) -> str:
        if self.message:
            return self.message
        if self.column and self.tag and self.action:
            return f"column `{self.column}` carries `{self.tag}`, and there is no {self.action} on it"
        if self.column and self.tag:
            return f"`{self.tag}` flows into column `{self.column}`, which does not carry it"
        if self.action and (self.column or self.tag):
            return f"there is no {self.action} on `{self.column or self.tag}`"
        return f"there is no {self.action}" if self.action else "refused"

    def _repr_html_(self) -> str:
        parts = [f'<div style="margin:.6em 0 .1em">{_backticks(self._sentence())}</div>']
        if self.steps:
            arrow = '<span style="opacity:.55"> → </span>'
            steps = arrow.join(_chip(step) for step in self.steps)
            parts.append(f'<div style="margin:.2em 0">{steps}</div>')
        if self.hint:
            parts.append(f'<div style="margin:.2em 0;opacity:.8">{_backticks(self.hint)}</div>')
        return f'<div style="{FONT}">{"".join(parts)}</div>'


class Denied(Exception):
    """A statement was refused. IPython shows it as a report instead of a traceback.

    The magics raise it; other code sees the driver's own exception, and can make one of these with
    `Denied.of`.
    """

    def __init__(self, message: str, denials: tuple[Denial, ...]) -> None:
        super().__init__(message)
        self.message = message
        """The server's text."""
        self.denials = denials
        """The reasons, in the order of the server."""
        self.shown = False
        """Whether a report of it has been displayed; then no second one stands where the traceback would."""

    @classmethod
    def of(cls, error: BaseException) -> Denied | None:
        """The refusal that `error` is about; `None` if it is about something else."""
        if isinstance(error, cls):
            return error
        found = tuple(denials(error))
        if not found:
            return None
        return cls(server_text(error), found)

    def __str__(self) -> str:
        return "\n".join(str(denial) for denial in self.denials) or self.message

    def _repr_html_(self) -> str:
        count = len(self.denials)
        title = "Refused" if count == 1 else f"Refused, for {count} reasons"
        rows = "".join(denial._repr_html_() for denial in self.denials)
        if not self.denials:
            rows = f'<div style="{FONT};white-space:pre-wrap">{escape(self.message)}</div>'
        return (
            f'<div style="{FONT};border-left:4px solid {_COLOUR};'
            f'background:rgba(214,40,57,.06);padding:.6em .9em;border-radius:3px">'
            f'<div style="font-weight:600;color:{_COLOUR}">{title}</div>{rows}</div>'
        )

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _render_traceback_(self) -> list[str]:
        return ["\x1b[31mdenied\x1b[0m" if self.shown else f"\x1b[31mdenied:\x1b[0m {self}"]


def denials(error: BaseException) -> list[Denial]:
    """Why a statement was refused; empty if `error` is about something else.

    Reads ADBC's exceptions and pyarrow's, also where another library has wrapped them: pandas, polars and
    SQLAlchemy keep the driver's exception as the cause of their own.
    """
    for each in _chain(error):
        if isinstance(each, Denied):
            return list(each.denials)
        found = [denial for detail in _details(each) if (denial := _read(detail)) is not None]
        if found:
            sentences = _sentences(server_text(each))
            if len(sentences) >= len(found):
                told = [replace(denial, message=said) for denial, said in zip(found, sentences, strict=False)]
                # Of many denials the server sends details of the first few, and names all in its text.
                found = told + [Denial(message=said) for said in sentences[len(found) :]]
            return found
    return []


def server_text(error: BaseException) -> str:
    """What the server said, without what the driver puts around it."""
    extra = getattr(error, "extra_info", None)
    if isinstance(extra, bytes) and extra:
        try:
            return _protobuf.last(extra, 2).decode(errors="replace") or str(error)
        except ValueError:
            return str(error)
    text = str(error)
    match = re.fullmatch(
        r"[A-Z_]+: (?:\[FlightSQL\] )?(.*?)(?: \(\w+; [^)]*\))?(?:\. Vendor code: \d+)?(?:\. SQLSTATE: \w+)?",
        text,
        re.DOTALL,
    )
    return match[1] if match else text


def _sentences(text: str) -> list[str]:
    """The lines of a refusal that say what is refused, one for each denial; the way and what helps come after."""
    return list(takewhile(lambda line: not line.startswith(("path: ", "help: ")), text.splitlines()))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        each = queue.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        original = getattr(each, "orig", None)
        queue.append(original if isinstance(original, BaseException) else None)
        queue += [each.__cause__, each.__context__]


def _details(error: BaseException) -> Iterator[bytes]:
    """Each `google.protobuf.Any` that came with an error."""
    details = getattr(error, "details", None)
    if isinstance(details, (list, tuple)):
        for key, value in details:
            name = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
            if name == _STATUS_DETAILS and isinstance(value, bytes):
                yield value
    extra = getattr(error, "extra_info", None)
    if isinstance(extra, bytes) and extra:
        # pyarrow hands over the whole google.rpc.Status.
        try:
            yield from [value for number, value in _protobuf.fields(extra) if number == 3]
        except ValueError:
            return


def _read(detail: bytes) -> Denial | None:
    try:
        info = _protobuf.unwrap(detail, "google.rpc.ErrorInfo")
        if info is None or _protobuf.last(info, 1) != b"DENIED" or _protobuf.last(info, 2) != b"sluice":
            return None
        said = _protobuf.string_map(info, 3)
    except ValueError:
        return None
    return Denial(
        column=said.get("column") or said.get("object", ""),
        tag=said.get("tag", ""),
        action=said.get("action", ""),
        path=said.get("path", ""),
        hint=said.get("hint", ""),
        metadata=said,
    )


def _chip(step: str) -> str:
    return (
        f'<span style="{MONO};font-size:.92em;display:inline-block;padding:0 .4em;margin:.1em 0;border-radius:3px;'
        f'background:rgba(128,128,128,.15)">{escape(step)}</span>'
    )


def _backticks(text: str) -> str:
    """Text with names in backticks, as HTML."""
    return re.sub(r"`([^`]*)`", lambda match: f'<code style="{CODE}">{match[1]}</code>', escape(text))
