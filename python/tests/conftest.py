from __future__ import annotations

from collections.abc import Iterator

import pytest
from adbc_driver_manager.dbapi import Connection
from answers import answer
from flight_fake import FakeServer

import sluice


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLUICE_URI", "SLUICE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(answer) as running:
        yield running


@pytest.fixture
def connection(server: FakeServer) -> Iterator[Connection]:
    with sluice.connect(server.uri, token="slc_test") as opened:
        yield opened
