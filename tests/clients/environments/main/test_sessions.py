"""Sessions: their options, what those change, and who shares them."""

import json

import adbc_driver_manager
import pyarrow as pa
import pytest
from adbc_driver_flightsql import ConnectionOptions

from harness import adbc
from harness.home import password_of

ERASE = ConnectionOptions.OPTION_ERASE_SESSION_OPTION_PREFIX.value
ALL = ConnectionOptions.OPTION_SESSION_OPTIONS.value
COUNT = "SELECT count(*) FROM census.adult"


def get(connection, name):
    return connection.adbc_connection.get_option(adbc.SESSION_OPTION + name)


def put(connection, name, value):
    connection.adbc_connection.set_options(**{adbc.SESSION_OPTION + name: value})


@pytest.fixture
def session(server, connections):
    """A connection as ana with a session of its own."""
    return connections.enter_context(adbc.own_session(server, "ana"))


def test_a_new_session_tells_its_defaults(session):
    told = json.loads(session.adbc_connection.get_option(ALL))
    assert (told["catalog"], told["domain"]) == ("sluice", "experiment")
    assert session.adbc_current_catalog == "sluice"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("catalog", "sluice"),
        ("schema", "census"),
        ("domain", "production"),
        ("purpose", "churn model"),
        ("cache", "off"),
        ("time_zone", "Europe/Berlin"),
        ("view_types", "plain"),
    ],
)
def test_an_option_that_is_set_is_told(session, name, value):
    put(session, name, value)
    assert get(session, name) == value
    assert json.loads(session.adbc_connection.get_option(ALL))[name] == value


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("catalog", "elsewhere", "invalid value"),
        ("domain", "staging", "invalid value"),
        ("time_zone", "Mars/Olympus", "invalid value"),
        ("view_types", "rainbow", "invalid value"),
        ("no_such_option", "x", "invalid name"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_and_nothing_changes(session, name, value, why):
    before = session.adbc_connection.get_option(ALL)
    with pytest.raises(adbc_driver_manager.ProgrammingError, match=why):
        put(session, name, value)
    assert session.adbc_connection.get_option(ALL) == before


def test_options_are_set_while_connecting(server):
    with adbc.own_session(server, "ana", session_options={"schema": "census", "purpose": "audit"}) as connection:
        assert (get(connection, "schema"), get(connection, "purpose")) == ("census", "audit")


def test_an_option_is_erased_back_to_its_default(session):
    put(session, "domain", "production")
    session.adbc_connection.set_options(**{ERASE + "domain": ""})
    assert get(session, "domain") == "experiment"


def test_unqualified_names_resolve_in_the_sessions_schema(session):
    with pytest.raises(adbc_driver_manager.ProgrammingError):
        adbc.rows(session, "SELECT count(*) FROM adult")
    session.adbc_current_db_schema = "census"
    assert session.adbc_current_db_schema == "census"
    assert adbc.value(session, "SELECT count(*) FROM adult") == 32561
    assert adbc.value(session, "SELECT count(*) FROM sluice.census.adult") == 32561


@pytest.mark.parametrize("how", ["option", "header", "statement"])
def test_production_reads_no_experiment(server, wanda, table_name, how):
    name = f"scratch.{table_name}"
    adbc.rows(wanda, f"CREATE TABLE {name} AS SELECT 1 AS a")
    header = {"x-sluice-session": f"production-{how}"}
    with adbc.connect(server, "wanda", header=header) as connection:
        assert adbc.rows(connection, f"SELECT a FROM {name}") == [(1,)]
    if how == "header":
        header["x-sluice-domain"] = "production"
    with adbc.connect(server, "wanda", header=header) as connection:
        if how == "option":
            put(connection, "domain", "production")
        elif how == "statement":
            adbc.rows(connection, "SET domain = production")
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="refused in domain production") as caught:
            adbc.rows(connection, f"SELECT a FROM {name}")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED


@pytest.mark.parametrize("how", ["option", "header", "statement"])
def test_policies_ask_for_the_purpose(server, how):
    name, token = server.home.new_user("SELECT ON SCHEMA census", "READ ON TAG personal")
    server.home.sql(
        f"""CREATE POLICY only_audit_{name} AS CEDAR $$
            forbid (principal == User::"{name}", action == Action::"READ", resource)
            when {{ context.purpose != "audit" }}; $$"""
    )
    sql = "SELECT max(age) FROM census.adult"
    header = {"x-sluice-session": how}
    with adbc.connect(server, token=token, header=header) as connection:
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            adbc.rows(connection, sql)
    if how == "header":
        header["x-sluice-purpose"] = "audit"
    with adbc.connect(server, token=token, header=header) as connection:
        if how == "option":
            put(connection, "purpose", "audit")
        elif how == "statement":
            adbc.rows(connection, "SET purpose = 'audit'")
        assert adbc.value(connection, sql) == 90


def test_the_time_zone_is_that_of_timestamps_with_one(session):
    put(session, "time_zone", "Europe/Berlin")
    moment = adbc.table(session, "SELECT CAST('2026-02-03T04:05:06Z' AS TIMESTAMP WITH TIME ZONE) AS at")
    assert moment.schema.field("at").type.tz == "Europe/Berlin"
    assert str(moment["at"][0].as_py()) == "2026-02-03 05:05:06+01:00"


@pytest.mark.parametrize("how", ["option", "header"])
def test_plain_view_types_come_as_text_and_binary(server, how):
    header = {"x-sluice-session": f"plain-{how}"}
    if how == "header":
        header["x-sluice-view-types"] = "plain"
    with adbc.connect(server, "ana", header=header) as connection:
        if how == "option":
            put(connection, "view_types", "plain")
        table = adbc.table(connection, "SELECT education FROM census.adult LIMIT 1")
    assert table.schema.field("education").type == pa.string()


def test_connections_of_one_credential_share_a_session(server):
    _, token = server.home.new_user("SELECT ON SCHEMA census")
    with adbc.connect(server, token=token) as one, adbc.connect(server, token=token) as other:
        put(one, "schema", "census")
        assert get(other, "schema") == "census"


def test_session_names_separate_connections_of_one_credential(server):
    with adbc.own_session(server, "ana") as one, adbc.own_session(server, "ana") as other:
        put(one, "purpose", "mine")
        assert get(one, "purpose") == "mine"
        assert "mine" not in other.adbc_connection.get_option(ALL)


def test_each_login_by_password_is_a_session_of_its_own(server):
    login = ("ana", password_of("ana"))
    with adbc.connect(server, password=login) as one, adbc.connect(server, password=login) as other:
        put(one, "purpose", "mine")
        assert "mine" not in other.adbc_connection.get_option(ALL)
        assert adbc.value(other, COUNT) == 32561


def test_a_closed_session_is_forgotten(server):
    header = {"x-sluice-session": "comes-back"}
    with adbc.connect(server, "ana", header=header) as connection:
        put(connection, "purpose", "passing")
    with adbc.connect(server, "ana", header=header) as again:
        assert "passing" not in again.adbc_connection.get_option(ALL)


def test_closing_one_connection_leaves_another_of_the_same_credential_working(server):
    with adbc.connect(server, "ana") as one:
        with adbc.connect(server, "ana") as other:
            assert adbc.value(other, COUNT) == 32561
        assert adbc.value(one, COUNT) == 32561


def test_a_setting_that_could_weaken_governance_is_refused(session):
    with pytest.raises(adbc_driver_manager.ProgrammingError):
        adbc.rows(session, "SET datafusion.optimizer.skip_failed_rules = true")
