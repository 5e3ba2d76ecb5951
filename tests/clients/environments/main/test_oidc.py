"""Tokens of an OpenID Connect issuer, presented by hand and fetched by the driver's OAuth flows."""

import datetime

import adbc_driver_manager
import pyarrow.flight as flight
import pytest
from adbc_driver_flightsql import DatabaseOptions, OAuthFlowType, OAuthTokenType

from harness import adbc, errors, flight_sql
from harness.issuer import Issuer
from harness.server import Server

COUNT = "SELECT count(*) FROM census.adult"
GROUPS = '[server.oidc.groups]\n"idp-analysts" = "analysts"\n"idp-ghosts" = "no_such_group"\n'
HOUR = datetime.timedelta(hours=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture(scope="module")
def issuer():
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module", params=["file", "url"])
def oidc_server(request, prototype, certificates, issuer, tmp_path_factory):
    """A TLS server that trusts the issuer, with its keys from a file or from a URL."""
    folder = tmp_path_factory.mktemp("oidc")
    keys = folder / "jwks.json"
    keys.write_text(issuer.jwks())
    home = prototype.copy(folder / "home")
    home.sql("CREATE USER gina")
    home.write_settings(GROUPS)
    jwks = str(keys) if request.param == "file" else issuer.jwks_url
    with Server(home, certificates, ["--oidc-issuer", issuer.url, "--jwks", jwks]) as server:
        yield server


@pytest.mark.parametrize("kid", ["rsa", "ec"])
def test_a_signed_token_is_the_principal_of_its_subject(oidc_server, issuer, kid):
    with adbc.connect(oidc_server, token=issuer.token("ana", kid)) as connection:
        assert adbc.value(connection, COUNT) == 32561
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="`ana` has no READ"):
            adbc.rows(connection, "SELECT race FROM census.adult")


def test_an_audience_may_be_one_of_several(oidc_server, issuer):
    with adbc.connect(oidc_server, token=issuer.token("ana", aud=["other", "sluice"])) as connection:
        assert adbc.value(connection, "SELECT 1") == 1


def test_a_mapped_group_claim_makes_a_member_for_the_call(oidc_server, issuer):
    member = issuer.token("gina", groups=["idp-analysts", "idp-ghosts", "admins", "researchers"])
    with adbc.connect(oidc_server, token=member) as connection:
        assert adbc.value(connection, "SELECT max(age) FROM census.adult") == 90
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            adbc.rows(connection, f"{COUNT} WHERE race = 'White'")
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            adbc.rows(connection, "SHOW PRINCIPALS")
    with adbc.connect(oidc_server, token=issuer.token("gina")) as connection:
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="does not exist or is not visible"):
            adbc.rows(connection, COUNT)


def test_a_group_claim_that_names_admins_makes_no_admin(oidc_server, issuer):
    with adbc.connect(oidc_server, token=issuer.token("gina", groups=["admins"])) as connection:
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="not in the group `admins`"):
            adbc.rows(connection, "CREATE SCHEMA mine")


def test_sluices_own_tokens_still_count(oidc_server):
    with adbc.connect(oidc_server, "dora") as connection:
        assert adbc.rows(connection, "SELECT race FROM census.adult LIMIT 1")


BAD_TOKENS = {
    "expired": lambda i: i.token("ana", iat=now() - 2 * HOUR, nbf=now() - 2 * HOUR, exp=now() - HOUR),
    "never_expires": lambda i: i.token("ana", exp=None),
    "not_yet_valid": lambda i: i.token("ana", nbf=now() + HOUR, exp=now() + 2 * HOUR),
    "other_audience": lambda i: i.token("ana", aud="elsewhere"),
    "no_audience": lambda i: i.token("ana", aud=None),
    "other_issuer": lambda i: i.token("ana", iss="http://127.0.0.1:9/other"),
    "no_issuer": lambda i: i.token("ana", iss=None),
    "unknown_user": lambda i: i.token("nobody"),
    "a_group": lambda i: i.token("analysts"),
    "no_subject": lambda i: i.token("", sub=None),
    "forged": lambda i: i.forged("ana"),
    "unsigned": lambda i: i.unsigned("ana"),
    "hmac_with_the_public_key": lambda i: i.signed_with_the_public_key("ana"),
    "cut_short": lambda i: i.token("ana")[:-10],
}


@pytest.mark.parametrize("bad", BAD_TOKENS)
def test_tokens_that_do_not_count_are_refused_in_the_same_words(start_server, certificates, issuer, tmp_path, bad):
    (tmp_path / "jwks.json").write_text(issuer.jwks())
    arguments = ["--oidc-issuer", issuer.url, "--jwks", str(tmp_path / "jwks.json")]
    texts = set()
    with flight_sql.connect(start_server(certificates=certificates, arguments=arguments)) as client:
        for token in ("slc_" + "A" * 43, BAD_TOKENS[bad](issuer)):
            with pytest.raises(flight.FlightUnauthenticatedError) as caught:
                client.get_flight_info(flight_sql.statement("SELECT 1"), flight_sql.bearer(token))
            texts.add(errors.text(caught.value))
    assert len(texts) == 1


def test_the_driver_fetches_a_token_by_client_credentials(oidc_server, issuer):
    options = {
        DatabaseOptions.OAUTH_FLOW.value: OAuthFlowType.CLIENT_CREDENTIALS.value,
        DatabaseOptions.OAUTH_CLIENT_ID.value: "ana",
        DatabaseOptions.OAUTH_CLIENT_SECRET.value: "secret of ana",
        DatabaseOptions.OAUTH_TOKEN_URI.value: issuer.token_url,
        DatabaseOptions.OAUTH_SCOPE.value: "sql",
    }
    issuer.requests.clear()
    with adbc.connect(oidc_server, options=options) as connection:
        assert adbc.value(connection, COUNT) == 32561
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="`ana` has no READ"):
            adbc.rows(connection, "SELECT race FROM census.adult")
    assert {request["grant_type"] for request in issuer.requests} == {"client_credentials"}


def test_the_driver_exchanges_a_token(oidc_server, issuer):
    options = {
        DatabaseOptions.OAUTH_FLOW.value: OAuthFlowType.TOKEN_EXCHANGE.value,
        DatabaseOptions.OAUTH_TOKEN_URI.value: issuer.token_url,
        DatabaseOptions.OAUTH_EXCHANGE_SUBJECT_TOKEN.value: issuer.token("dora", aud="elsewhere"),
        DatabaseOptions.OAUTH_EXCHANGE_SUBJECT_TOKEN_TYPE.value: OAuthTokenType.JWT.value,
        DatabaseOptions.OAUTH_EXCHANGE_AUD.value: "sluice",
    }
    issuer.requests.clear()
    with adbc.connect(oidc_server, options=options) as connection:
        assert adbc.rows(connection, "SELECT race FROM census.adult LIMIT 1")
    assert issuer.requests[0]["audience"] == "sluice"


def test_a_client_that_the_issuer_refuses_does_not_connect(oidc_server, issuer):
    options = {
        DatabaseOptions.OAUTH_FLOW.value: OAuthFlowType.CLIENT_CREDENTIALS.value,
        DatabaseOptions.OAUTH_CLIENT_ID.value: "ana",
        DatabaseOptions.OAUTH_CLIENT_SECRET.value: "a guess",
        DatabaseOptions.OAUTH_TOKEN_URI.value: issuer.token_url,
    }
    with pytest.raises(adbc_driver_manager.Error, match="invalid_client"):
        adbc.connect(oidc_server, options=options)


def test_the_settings_choose_audience_principal_and_groups_claims(prototype, certificates, issuer, tmp_path):
    home = prototype.copy(tmp_path / "home")
    (tmp_path / "jwks.json").write_text(issuer.jwks())
    home.write_settings(
        f"""[server.oidc]
issuer = "{issuer.url}"
jwks = "{tmp_path / "jwks.json"}"
audience = "the-lake"
principal_claim = "preferred_username"
groups_claim = "roles"
{GROUPS}"""
    )
    home.sql("CREATE USER gina")
    token = issuer.token("0b1c", aud="the-lake", preferred_username="gina", roles=["idp-analysts"])
    with Server(home, certificates) as server:
        with adbc.connect(server, token=token) as connection:
            assert adbc.value(connection, COUNT) == 32561
        with adbc.connect(server, token=issuer.token("ana")) as connection:
            with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
                adbc.rows(connection, "SELECT 1")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED
