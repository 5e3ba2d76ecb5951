"""Sluice from Python: connect, read why something was refused, and see what a query depends on.

`connect` gives an ordinary ADBC connection, so everything that works on one works here. A refused
statement raises ADBC's `ProgrammingError`; `denials` reads the reasons out of it. `explain_governance`
draws where a query's columns come from and what was decided about each way. `%load_ext sluice` adds the
magics `%sluice` and `%%sluice` to IPython and Jupyter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._connect import connect
from ._denials import Denial, Denied, denials
from ._explain import Decision, Explanation, explain_governance

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "Decision",
    "Denial",
    "Denied",
    "Explanation",
    "connect",
    "denials",
    "explain_governance",
]

__version__ = "0.1.0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics; IPython calls this for `%load_ext sluice`."""
    from ._magics import SluiceMagics

    shell.register_magics(SluiceMagics(shell))


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Close the connection of the magics; IPython calls this for `%unload_ext sluice`."""
    from ._magics import SluiceMagics

    magics = shell.magics_manager.registry.get("SluiceMagics")
    if isinstance(magics, SluiceMagics):
        magics.close()
