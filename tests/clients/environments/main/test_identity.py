"""Who one is: tokens and passwords over ADBC, and how TLS is trusted."""

import datetime

import adbc_driver_manager
import pytest
from adbc_driver_flightsql import DatabaseOptions

from harness import adbc
from harness.deadline import wait_until
from harness.home import CommandFailed, password_of

COUNT = "SELECT count(*) FROM census.adult"
UNAUTHENTICATED = adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED
SKIP_VERIFY = DatabaseOptions.TLS_SKIP_VERIFY.value
ROOT_CERTS = DatabaseOptions.TLS_ROOT_CERTS.value
OVERRIDE_HOSTNAME = DatabaseOptions.TLS_OVERRIDE_HOSTNAME.value


def status_of(connect):
    """The status that connecting and asking fails with; None where it works."""
    try:
        with connect() as connection:
            adbc.rows(connection, "SELECT 1")
    except adbc_driver_manager.Error as error:
        return error.status_code
    return None


def test_a_token_is_its_principal(server):
    with adbc.connect(server, "ana") as connection:
        assert adbc.value(connection, COUNT) == 32561
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="`ana` has no READ"):
            adbc.rows(connection, "SELECT race FROM census.adult")


def test_a_token_starts_with_slc_and_is_shown_once(server):
    name, token = server.home.new_user()
    assert token.startswith("slc_")
    shown = server.home.rows(f"SHOW TOKENS FOR {name}")
    assert [(row["principal"], row["created_by"]) for row in shown] == [(name, "admin")]
    assert list(shown[0]) == ["token_id", "principal", "created_by", "created_at", "expires_at"]
    assert token not in str(shown)


def test_a_principal_makes_and_drops_tokens_of_its_own_only(server):
    name, token = server.home.new_user()
    with adbc.connect(server, token=token) as connection:
        second = adbc.value(connection, f"CREATE TOKEN FOR {name}")
        for forbidden in ("CREATE TOKEN FOR dora", "CREATE TOKEN FOR admin"):
            with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
                adbc.rows(connection, forbidden)
            assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED
        assert {row[1] for row in adbc.rows(connection, "SHOW TOKENS")} == {name}
    assert status_of(lambda: adbc.connect(server, token=second)) is None


def test_a_dropped_token_is_refused_at_the_next_call(own_server):
    name, token = own_server.home.new_user()
    with adbc.connect(own_server, token=token) as connection:
        assert adbc.value(connection, "SELECT 1") == 1
        (row,) = own_server.home.rows(f"SHOW TOKENS FOR {name}")
        own_server.home.sql(f"DROP TOKEN '{row['token_id']}'")
        with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
            adbc.rows(connection, "SELECT 1")
    assert caught.value.status_code == UNAUTHENTICATED


def test_a_token_expires(own_server):
    name, _ = own_server.home.new_user()
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    token = own_server.home.create_token(name, soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert status_of(lambda: adbc.connect(own_server, token=token)) is None
    wait_until(
        lambda: status_of(lambda: adbc.connect(own_server, token=token)) == UNAUTHENTICATED, "the token to expire"
    )


def test_a_dropped_principal_is_refused_at_the_next_call(own_server):
    name, token = own_server.home.new_user()
    with adbc.connect(own_server, token=token) as connection:
        assert adbc.value(connection, "SELECT 1") == 1
        own_server.home.sql(f"DROP USER {name}")
        with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
            adbc.rows(connection, "SELECT 1")
    assert caught.value.status_code == UNAUTHENTICATED


def test_a_password_is_its_principal(server):
    with adbc.connect(server, password=("ana", password_of("ana"))) as connection:
        assert adbc.value(connection, COUNT) == 32561
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="`ana` has no READ"):
            adbc.rows(connection, "SELECT race FROM census.adult")


def test_a_principal_changes_its_own_password_and_no_other(own_server):
    name, token = own_server.home.new_user()
    with adbc.connect(own_server, token=token) as connection:
        adbc.rows(connection, f"ALTER USER {name} SET PASSWORD 'first pass phrase'")
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            adbc.rows(connection, "ALTER USER dora SET PASSWORD 'first pass phrase'")
    with adbc.connect(own_server, token=token) as connection:
        adbc.rows(connection, f"ALTER USER {name} SET PASSWORD 'second pass phrase'")
    assert status_of(lambda: adbc.connect(own_server, password=(name, "first pass phrase"))) == UNAUTHENTICATED
    assert status_of(lambda: adbc.connect(own_server, password=(name, "second pass phrase"))) is None


def test_a_changed_password_ends_what_was_logged_in_by_the_old_one(own_server):
    name, token = own_server.home.new_user()
    own_server.home.sql(f"ALTER USER {name} SET PASSWORD 'first pass phrase'")
    with adbc.connect(own_server, password=(name, "first pass phrase")) as connection:
        assert adbc.value(connection, "SELECT 1") == 1
        own_server.home.sql(f"ALTER USER {name} SET PASSWORD 'second pass phrase'")
        with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
            adbc.rows(connection, "SELECT 1")
    assert caught.value.status_code == UNAUTHENTICATED
    assert status_of(lambda: adbc.connect(own_server, token=token)) is None


def test_a_dropped_password_logs_nobody_in(own_server):
    name, _ = own_server.home.new_user()
    own_server.home.sql(f"ALTER USER {name} SET PASSWORD 'a pass phrase'")
    assert status_of(lambda: adbc.connect(own_server, password=(name, "a pass phrase"))) is None
    own_server.home.sql(f"ALTER USER {name} DROP PASSWORD")
    assert status_of(lambda: adbc.connect(own_server, password=(name, "a pass phrase"))) == UNAUTHENTICATED


def test_a_password_is_shown_nowhere(server):
    name, _ = server.home.new_user()
    server.home.sql(f"ALTER USER {name} SET PASSWORD 'xyzzy plugh xyzzy'")
    with adbc.connect(server, password=(name, "xyzzy plugh xyzzy")) as connection:
        adbc.rows(connection, "SELECT 1")
    assert "plugh" not in str(server.home.rows("SHOW AUDIT"))
    assert "plugh" not in "\n".join(server.log)


def test_nobody_gets_in_without_a_credential(own_server):
    assert status_of(lambda: adbc.connect(own_server)) == UNAUTHENTICATED


def test_a_group_logs_in_by_nothing(server):
    for statement in ("CREATE TOKEN FOR analysts", "ALTER USER analysts SET PASSWORD 'a pass phrase'"):
        with pytest.raises(CommandFailed):
            server.home.sql(statement)


def test_a_certificate_that_nobody_vouches_for_is_refused_by_the_client(tls_server):
    options = {ROOT_CERTS: tls_server.certificates.client_ca_file.read_text()}
    with pytest.raises(adbc_driver_manager.Error, match="certificate"):
        with adbc.connect(tls_server, "ana", options=options) as connection:
            adbc.rows(connection, "SELECT 1")


def test_skipping_verification_connects_all_the_same(tls_server):
    with adbc.connect(tls_server, "ana", options={SKIP_VERIFY: "true"}) as connection:
        assert adbc.value(connection, COUNT) == 32561


def test_the_certificates_host_name_counts(tls_server):
    trusted = {ROOT_CERTS: tls_server.certificates.ca_pem}
    named = {**trusted, OVERRIDE_HOSTNAME: "localhost"}
    assert status_of(lambda: adbc.connect(tls_server, "ana", options=named)) is None
    misnamed = {**trusted, OVERRIDE_HOSTNAME: "elsewhere.example"}
    with pytest.raises(adbc_driver_manager.Error, match="certificate"):
        with adbc.connect(tls_server, "ana", options=misnamed) as connection:
            adbc.rows(connection, "SELECT 1")


def test_a_plaintext_client_does_not_get_through_to_tls(tls_server):
    uri = tls_server.uri.replace("grpc+tls", "grpc")
    credential = {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {tls_server.token('ana')}"}
    with adbc.dbapi.connect(uri, credential, autocommit=True) as connection:
        with pytest.raises(adbc_driver_manager.Error):
            adbc.rows(connection, "SELECT 1")
