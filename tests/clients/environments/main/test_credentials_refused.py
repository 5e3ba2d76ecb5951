"""Every credential that does not count is refused in the same words, so that the words tell a stranger nothing."""

import base64
import time

import adbc_driver_manager
import pyarrow.flight as flight
import pytest

from harness import adbc, errors, flight_sql
from harness.home import password_of

UNKNOWN = "slc_" + "A" * 43


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def strict_server(start_server):
    """A server that nobody else has knocked at, because it answers more slowly each time."""
    return start_server()


def refusal(server, authorization):
    """The text with which a call under this header is refused."""
    options = flight_sql.headers(*[("authorization", authorization)] if authorization is not None else [])
    with flight_sql.connect(server) as client, pytest.raises(flight.FlightUnauthenticatedError) as caught:
        client.get_flight_info(flight_sql.statement("SELECT 1"), options)
    return errors.text(caught.value)


@pytest.fixture
def the_words(strict_server):
    """The words of every refusal: those for a token that never was."""
    return refusal(strict_server, f"Bearer {UNKNOWN}")


def test_the_words_name_nothing(the_words):
    assert the_words
    assert UNKNOWN not in the_words


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer slc_",
        "Bearer not.a.jwt",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEifQ.",
        "Basic",
        "Basic !!!!",
        "Basic YW5h",
        "Digest username=ana",
        "slc_without_a_scheme",
    ],
)
def test_malformed_credentials_are_refused_in_the_same_words(strict_server, the_words, authorization):
    assert refusal(strict_server, authorization) == the_words


@pytest.mark.parametrize(
    ("user", "password"),
    [("ana", "wrong"), ("ana", ""), ("nobody", "wrong"), ("analysts", "wrong"), ("admin", "wrong"), ("", "")],
)
def test_wrong_passwords_are_refused_in_the_same_words(strict_server, the_words, user, password):
    assert refusal(strict_server, basic(user, password)) == the_words


def test_a_token_with_one_letter_changed_is_refused_in_the_same_words(strict_server, the_words):
    token = strict_server.token("ana")
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert refusal(strict_server, f"Bearer {changed}") == the_words


def test_a_handshake_with_a_wrong_password_is_refused_in_the_same_words(strict_server, the_words):
    with flight_sql.connect(strict_server) as client, pytest.raises(flight.FlightUnauthenticatedError) as caught:
        client.authenticate_basic_token("ana", "wrong")
    assert errors.text(caught.value) == the_words


def test_adbc_brings_the_same_words(strict_server, the_words):
    with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        adbc.connect(strict_server, password=("ana", "wrong"))
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED
    assert errors.text(caught.value) == the_words


def test_refusals_come_more_slowly_and_lock_nobody_out(strict_server):
    def seconds():
        start = time.monotonic()
        refusal(strict_server, basic("rolf", "a guess"))
        return time.monotonic() - start

    first, *_, last = [seconds() for _ in range(5)]
    assert last > first + 0.1
    with adbc.connect(strict_server, "rolf") as connection:
        assert adbc.value(connection, "SELECT 1") == 1
    with adbc.connect(strict_server, password=("rolf", password_of("rolf"))) as connection:
        assert adbc.value(connection, "SELECT 1") == 1
