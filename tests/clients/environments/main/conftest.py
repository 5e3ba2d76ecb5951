"""Connections by ADBC for the tests of this environment."""

import contextlib

import pytest

from harness import adbc


@pytest.fixture
def connections():
    """Closes what it is given when the test ends."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def ana(server, connections):
    """A connection as ana, who reads `personal` and `public`."""
    return connections.enter_context(adbc.connect(server, "ana"))


@pytest.fixture
def dora(server, connections):
    """A connection as dora, who reads everything that is classified."""
    return connections.enter_context(adbc.connect(server, "dora"))


@pytest.fixture
def wanda(server, connections):
    """A connection as wanda, who writes in `scratch`."""
    return connections.enter_context(adbc.own_session(server, "wanda"))
