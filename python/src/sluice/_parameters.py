"""Values of placeholders, as the driver takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa


def bindable(parameters: Any) -> Any:
    """The same parameters; a mapping becomes a batch, for the driver binds by name from nothing else."""
    if not isinstance(parameters, Mapping):
        return parameters
    return pa.RecordBatch.from_pydict({name: [value] for name, value in parameters.items()}) if parameters else None
