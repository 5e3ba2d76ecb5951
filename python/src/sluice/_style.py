"""Colours and fonts, in one place: reports and pictures look alike."""

from __future__ import annotations

DECISION_COLOURS = {"allow": "#0f8f83", "deny": "#d62839", "audit": "#c77700", "ignore": "#94a0b3"}
"""Of edges and signs."""

DECISION_TINTS = {"deny": "#fdecee", "audit": "#fdf1de", "allow": "#eef2f6", "ignore": "#f3f5f7"}
"""Of what stands behind a text."""

DECISION_INKS = {"deny": "#a61b2b", "audit": "#8a5200", "allow": "#46535f", "ignore": "#76828f"}
"""Of text, dark enough to be read on white."""

INK, SOFT = "#1c2733", "#5b6877"
LINE, HEAD, PAPER, PAGE = "#d5dbe3", "#f1f4f8", "#ffffff", "#fbfcfd"

SANS_FAMILY = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
MONO_FAMILY = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"

# Notebooks have themes of their own: no colour of text or page is set in HTML, so reports fit dark ones too.
FONT = f"font-family:{SANS_FAMILY};font-size:13px;line-height:1.5"
MONO = f"font-family:{MONO_FAMILY}"
CODE = f"{MONO};font-size:.95em;background:rgba(128,128,128,.15);padding:0 .25em;border-radius:3px"
