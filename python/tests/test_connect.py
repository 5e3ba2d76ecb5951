from __future__ import annotations

from pathlib import Path
from typing import Any

import adbc_driver_manager
import pytest
from adbc_driver_flightsql import ConnectionOptions, DatabaseOptions
from flight_fake import FakeServer

import sluice
from sluice._connect import options
from sluice._parameters import bindable

TLS = "grpc+tls://sluice.example:31337"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
HEADER = DatabaseOptions.RPC_CALL_HEADER_PREFIX.value
SESSION = ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value


def database(uri: str | None = TLS, environment: dict[str, str] | None = None, **given: Any) -> dict[str, str]:
    return options(uri, environment=environment or {}, **given)[0]


def test_a_token_is_sent_as_a_bearer() -> None:
    assert database(token="slc_a")[DatabaseOptions.AUTHORIZATION_HEADER.value] == "Bearer slc_a"


def test_user_and_password_are_the_drivers_own_options() -> None:
    found = database(username="ana", password="p")
    assert (found["username"], found["password"]) == ("ana", "p")
    assert DatabaseOptions.AUTHORIZATION_HEADER.value not in found


def test_the_environment_has_the_server_and_the_token() -> None:
    found = database(None, {"SLUICE_URI": TLS, "SLUICE_TOKEN": "slc_env"})
    assert found["uri"] == TLS
    assert found[DatabaseOptions.AUTHORIZATION_HEADER.value] == "Bearer slc_env"


@pytest.mark.parametrize(
    "given",
    [
        {"token": "slc_given"},
        {"username": "ana", "password": "p"},
        {"client_cert": PEM, "client_key": PEM},
        {"db_kwargs": {"adbc.flight.sql.oauth.flow": "client_credentials"}},
    ],
)
def test_a_credential_that_is_given_wins_over_the_environment(given: dict[str, Any]) -> None:
    assert "slc_env" not in "".join(database(environment={"SLUICE_TOKEN": "slc_env"}, **given).values())


def test_domain_and_purpose_are_headers() -> None:
    found = database(token="t", domain="production", purpose="churn model")
    assert found[f"{HEADER}x-sluice-domain"] == "production"
    assert found[f"{HEADER}x-sluice-purpose"] == "churn model"


def test_a_purpose_that_no_header_can_hold_is_an_option_of_the_session() -> None:
    found, connection = options(TLS, token="t", purpose="Kündigungsmodell", environment={})
    assert f"{HEADER}x-sluice-purpose" not in found
    assert connection == {f"{SESSION}purpose": "Kündigungsmodell"}


def test_schema_and_time_zone_are_options_of_the_session() -> None:
    _, connection = options(TLS, token="t", schema="census", time_zone="Europe/Berlin", environment={})
    assert connection == {f"{SESSION}schema": "census", f"{SESSION}time_zone": "Europe/Berlin"}


def test_each_connection_has_a_session_of_its_own() -> None:
    sessions = {database(token="t")[f"{HEADER}x-sluice-session"] for _ in range(10)}
    assert len(sessions) == 10


def test_certificates_are_read_from_files_or_taken_as_text(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(PEM)
    for given in (file, str(file), PEM, PEM.encode()):
        assert database(token="t", tls_root_certs=given)[DatabaseOptions.TLS_ROOT_CERTS.value] == PEM


def test_a_client_certificate_needs_no_other_credential() -> None:
    found = database(client_cert=PEM, client_key=PEM)
    assert found[DatabaseOptions.MTLS_CERT_CHAIN.value] == PEM
    assert found[DatabaseOptions.MTLS_PRIVATE_KEY.value] == PEM


def test_given_options_of_the_driver_win() -> None:
    assert database(token="t", db_kwargs={f"{HEADER}x-sluice-session": "mine"})[f"{HEADER}x-sluice-session"] == "mine"


@pytest.mark.parametrize(
    ("uri", "given", "message"),
    [
        (None, {"token": "t"}, "no server"),
        ("sluice.example:31337", {"token": "t"}, "no address"),
        ("https://sluice.example", {"token": "t"}, "no address"),
        (TLS, {}, "no credential"),
        (TLS, {"token": "t", "username": "ana", "password": "p"}, "not both"),
        (TLS, {"token": "t", "password": "p"}, "not both"),
        (TLS, {"username": "ana"}, "`username` and `password` go together"),
        (TLS, {"password": "p"}, "`username` and `password` go together"),
        (TLS, {"token": "slc a"}, "blanks"),
        (TLS, {"token": ""}, "blanks"),
        (TLS, {"token": "t\n"}, "blanks"),
        (TLS, {"token": "t", "domain": "test"}, "`domain` is one of"),
        (TLS, {"client_cert": PEM}, "`client_cert` and `client_key` go together"),
        (TLS, {"token": "t", "client_key": PEM}, "`client_cert` and `client_key` go together"),
        (TLS, {"token": "t", "tls_root_certs": "/nowhere/ca.pem"}, "`tls_root_certs` cannot be read"),
        (TLS, {"token": "t", "tls_root_certs": __file__}, "`tls_root_certs` is not PEM"),
        (TLS, {"token": "t", "tls_skip_verify": True, "tls_root_certs": PEM}, "accepts any certificate"),
        ("grpc://localhost:1", {"token": "t", "tls_root_certs": PEM}, "`tls_root_certs` needs TLS"),
        ("grpc://localhost:1", {"token": "t", "tls_skip_verify": True}, "`tls_skip_verify` needs TLS"),
        ("grpc://localhost:1", {"client_cert": PEM, "client_key": PEM}, "`client_cert` needs TLS"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(uri: str | None, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        database(uri, **given)


def test_no_message_holds_a_credential() -> None:
    both: dict[str, Any] = {"token": "secret", "username": "ana", "password": "secret"}
    for given in ({"token": "slc secret"}, both):
        with pytest.raises(ValueError, match="`token`") as caught:
            database(**given)
        assert "secret" not in str(caught.value)


def test_a_connection_sends_what_it_was_given(server: FakeServer) -> None:
    with (
        sluice.connect(server.uri, token="slc_a", domain="production", purpose="churn", schema="census") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT education FROM adult")
        assert cursor.fetchall() == [("Masters", 1723), ("Doctorate", 413)]
    assert server.session_options == {"schema": b"census"}
    for call in server.calls:
        assert call["authorization"] == ["Bearer slc_a"]
        assert call["x-sluice-domain"] == ["production"]
        assert call["x-sluice-purpose"] == ["churn"]
    assert len({call["x-sluice-session"][0] for call in server.calls}) == 1


def test_two_connections_have_two_sessions(server: FakeServer) -> None:
    for _ in range(2):
        with sluice.connect(server.uri, token="slc_a") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT education FROM adult")
    assert len({call["x-sluice-session"][0] for call in server.calls}) == 2


def test_a_mapping_of_parameters_becomes_a_batch() -> None:
    batch = bindable({"age": 30, "school": None})
    assert batch.to_pylist() == [{"age": 30, "school": None}]
    assert bindable([30, "x"]) == [30, "x"]
    assert bindable(None) is None
    assert bindable({}) is None


def test_a_server_that_is_not_there_is_the_drivers_error() -> None:
    with pytest.raises(adbc_driver_manager.OperationalError):
        sluice.connect("grpc://127.0.0.1:1", token="t")


def test_a_wrong_credential_shows_when_connecting(server: FakeServer) -> None:
    server.refuses = True
    with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        sluice.connect(server.uri, token="t")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED
