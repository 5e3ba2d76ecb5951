"""Homes and servers for every environment's tests; this file and what it imports need pytest and trustme alone."""

import os
import pathlib

import pytest

from harness.certificates import Certificates
from harness.home import Home
from harness.server import Server

HERE = str(pathlib.Path(__file__).parent)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(call):
    """Begins a failure's traceback at the tests' own code."""
    if call.excinfo:
        own = [str(entry.path).startswith(HERE) for entry in call.excinfo.traceback]
        if any(own):
            call.excinfo.traceback = call.excinfo.traceback[own.index(True) :]


@pytest.fixture(scope="session")
def prototype(tmp_path_factory):
    """A home that nobody serves from; `copy` it."""
    return Home.make(tmp_path_factory.mktemp("prototype") / "home")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """The tests' certificate authorities."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def plaintext_server(prototype, tmp_path_factory):
    """A server without TLS, shared by the tests of one run."""
    with Server(prototype.copy(tmp_path_factory.mktemp("plaintext") / "home")) as server:
        yield server


@pytest.fixture(scope="session")
def tls_server(prototype, certificates, tmp_path_factory):
    """A server with TLS, shared by the tests of one run."""
    with Server(prototype.copy(tmp_path_factory.mktemp("tls") / "home"), certificates) as server:
        yield server


@pytest.fixture(scope="session", params=["plaintext", "tls"])
def server(request):
    """Each kind of shared server in turn."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def start_server(prototype, tmp_path):
    """Starts servers for one test alone, each on a copy of the home, with settings and arguments of its own."""
    started = []

    def start(settings="", certificates=None, arguments=()):
        home = prototype.copy(tmp_path / f"home{len(started)}")
        home.write_settings(settings)
        server = Server(home, certificates, arguments).__enter__()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(params=["plaintext", "tls"])
def own_server(request, start_server):
    """A server for one test alone, of each kind in turn: for credentials that are refused, because a server answers
    whoever has been refused more slowly each time."""
    return start_server(certificates=request.getfixturevalue("certificates") if request.param == "tls" else None)


@pytest.fixture
def table_name(request):
    """A name for a table that no other test uses."""
    name = "".join(c if c.isalnum() else "_" for c in request.node.name.lower())
    return f"{name[:40]}_{abs(hash(request.node.nodeid)) % 10**8}_{os.getpid()}"
