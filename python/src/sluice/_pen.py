"""Writes SVG that needs nothing else: no styles, no scripts, no ids that could clash on a page."""

from __future__ import annotations

from html import escape

from ._style import HEAD, INK, LINE, MONO_FAMILY, PAPER, SANS_FAMILY, SOFT


class Pen:
    """Writes elements, one over the other."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str,
        stroke: str = "none",
        radius: float = 0,
        dashes: str = "",
    ) -> None:
        """A rectangle with round corners."""
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}" '
            f'fill="{fill}" stroke="{stroke}"{dashed}/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = LINE) -> None:
        """A thin straight line."""
        self._parts.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{stroke}" fill="none"/>')

    def text(
        self,
        x: float,
        baseline: float,
        text: str,
        *,
        size: float,
        fill: str = INK,
        mono: bool = False,
        bold: bool = False,
        italic: bool = False,
        anchor: str = "start",
        before: str = "",
    ) -> None:
        """One line of text; `before` stands in front of it, softer."""
        family = MONO_FAMILY if mono else SANS_FAMILY
        style = (' font-weight="600"' if bold else "") + (' font-style="italic"' if italic else "")
        prefix = f'<tspan font-weight="400" fill="{SOFT}">{xml(before)}</tspan>' if before else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{baseline:.1f}" font-family="{family}" font-size="{size:g}" fill="{fill}"'
            f'{style} text-anchor="{anchor}">{prefix}{xml(text)}</text>'
        )

    def curve(self, d: str, stroke: str, width: float, dashes: str, opacity: float) -> None:
        """A path."""
        dashed = f' stroke-dasharray="{dashes}" stroke-linecap="round"' if dashes else ""
        self._parts.append(
            f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{width:g}" '
            f'stroke-opacity="{opacity:g}"{dashed}/>'
        )

    def card(self, x: float, y: float, width: float, height: float, head: float) -> None:
        """A box with a tinted head."""
        self.rect(x, y, width, height, fill=PAPER, stroke=LINE, radius=7)
        self._parts.append(
            f'<path d="M{x + 0.5:.1f} {y + head:.1f}v{7 - head:.1f}a6.5 6.5 0 0 1 6.5 -6.5h{width - 14:.1f}'
            f'a6.5 6.5 0 0 1 6.5 6.5v{head - 7:.1f}z" fill="{HEAD}"/>'
        )
        self.line(x, y + head, x + width, y + head)

    def sign(self, x: float, y: float, fill: str, d: str) -> None:
        """A disc with a sign in it, so that it does not take colours to tell decisions apart."""
        self._parts.append(
            f'<g transform="translate({x:.1f} {y:.1f})"><circle r="7" fill="{fill}"/><path d="{d}" fill="none" '
            f'stroke="#fff" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></g>'
        )

    def group(self, title: str) -> None:
        """Begin a group with a tooltip."""
        self._parts.append(f"<g><title>{xml(title)}</title>")

    def end(self) -> None:
        """End a group."""
        self._parts.append("</g>")

    def document(self, width: float, height: float, label: str) -> str:
        """All of it; `label` is what is read aloud."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">'
            f"{''.join(self._parts)}</svg>"
        )


def xml(text: str) -> str:
    """Text for XML, in which most control characters have no place."""
    return escape("".join(char if char.isprintable() or char == "\n" else "␣" for char in text), quote=False)
