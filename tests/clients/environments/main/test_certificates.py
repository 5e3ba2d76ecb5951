"""Mutual TLS: a client's certificate is an identity of its own."""

import adbc_driver_manager
import pytest
from adbc_driver_flightsql import DatabaseOptions

from harness import adbc

COUNT = "SELECT count(*) FROM census.adult"


def identity(chain, key):
    """The driver's options that present a certificate."""
    return {
        DatabaseOptions.MTLS_CERT_CHAIN.value: chain,
        DatabaseOptions.MTLS_PRIVATE_KEY.value: key,
    }


@pytest.fixture(scope="module")
def people(certificates):
    """Certificates: of ana and dora, who are mapped; of carl, whom nothing maps; of a stranger's authority."""
    return {
        "ana": certificates.client("ana"),
        "dora": certificates.client("Dora, DPO"),
        "ghost": certificates.client("ghost"),
        "carl": certificates.client("carl"),
        "stranger": certificates.client_of_a_stranger("ana"),
    }


@pytest.fixture
def mutual_server(certificates, people, start_server):
    mapped = {people["ana"][2]: "ana", people["dora"][2]: "dora", people["ghost"][2]: "no_such_user"}
    lines = [f"'{subject}' = '{principal}'" for subject, principal in mapped.items()]
    settings = "[server.certificates]\n" + "\n".join(lines) + "\n"
    return start_server(settings, certificates, ["--client-ca", str(certificates.client_ca_file)])


@pytest.fixture
def as_person(mutual_server, people):
    def connect(person, **kwargs):
        chain, key, _ = people[person]
        return adbc.connect(mutual_server, options=identity(chain, key), **kwargs)

    return connect


def test_a_certificate_is_the_principal_that_its_subject_is_mapped_to(as_person):
    with as_person("ana") as connection:
        assert adbc.value(connection, COUNT) == 32561
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="`ana` has no READ"):
            adbc.rows(connection, "SELECT race FROM census.adult")


def test_a_subject_with_a_comma_in_it_is_mapped_too(as_person, people):
    assert "\\," in people["dora"][2]
    with as_person("dora") as connection:
        assert adbc.rows(connection, "SELECT race FROM census.adult LIMIT 1")


@pytest.mark.parametrize("person", ["carl", "ghost"])
def test_a_subject_that_stands_for_nobody_is_refused(as_person, person):
    with as_person(person) as connection, pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        adbc.rows(connection, "SELECT 1")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED


def test_the_same_subject_from_another_authority_is_refused(as_person):
    with pytest.raises(adbc_driver_manager.Error) as caught:
        with as_person("stranger") as connection:
            adbc.rows(connection, "SELECT 1")
    assert caught.value.status_code in (
        adbc_driver_manager.AdbcStatusCode.IO,
        adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED,
    )


def test_no_certificate_and_no_other_credential_is_refused(mutual_server):
    with pytest.raises(adbc_driver_manager.Error) as caught:
        with adbc.connect(mutual_server) as connection:
            adbc.rows(connection, "SELECT 1")
    assert caught.value.status_code in (
        adbc_driver_manager.AdbcStatusCode.IO,
        adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED,
    )


def test_a_wrong_token_is_not_saved_by_a_good_certificate(as_person):
    with as_person("ana", token="slc_" + "A" * 43) as connection:
        with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
            adbc.rows(connection, "SELECT 1")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED


def test_a_dropped_user_is_refused_although_its_certificate_is_good(mutual_server, as_person):
    with as_person("ana") as connection:
        assert adbc.value(connection, "SELECT 1") == 1
        mutual_server.home.sql("DROP USER ana")
        with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
            adbc.rows(connection, "SELECT 1")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED
