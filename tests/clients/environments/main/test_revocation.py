"""What was allowed once is decided again: prepared statements, tickets and partitions after a change of grants."""

import adbc_driver_manager
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from harness import adbc, errors, flight_sql

COUNT_AGED = "SELECT count(age) FROM census.adult"
GRANTS = ("SELECT ON SCHEMA census", "READ ON TAG personal")
REVOCATIONS = {
    "tag": ("REVOKE READ ON TAG personal FROM USER {}", "`personal.age`"),
    "table": ("REVOKE SELECT ON SCHEMA census FROM USER {}", "does not exist or is not visible"),
}


@pytest.fixture
def guest(server):
    """A user of this test's own: its name, and call options that authenticate it."""
    name, token = server.home.new_user(*GRANTS)
    return name, token, flight_sql.bearer(token)


@pytest.fixture
def client(server):
    with flight_sql.connect(server) as client:
        yield client


@pytest.fixture(params=REVOCATIONS)
def revoke(request, server, guest):
    """Takes one of the two grants away by the command line; answers what the refusal must say."""

    def revoke():
        statement, text = REVOCATIONS[request.param]
        server.home.sql(statement.format(guest[0]))
        return text

    return revoke


def test_a_prepared_statement_is_denied_once_its_grant_is_gone(server, guest, revoke):
    with adbc.connect(server, token=guest[1]) as connection, connection.cursor() as cursor:
        cursor.adbc_prepare(COUNT_AGED)
        assert cursor.execute(COUNT_AGED).fetchall() == [(32561,)]
        text = revoke()
        with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
            cursor.execute(COUNT_AGED).fetchall()
    assert text in str(caught.value)


def test_a_prepared_statement_works_again_once_its_grant_is_back(server, guest):
    with adbc.connect(server, token=guest[1]) as connection, connection.cursor() as cursor:
        cursor.adbc_prepare(COUNT_AGED)
        server.home.sql(f"REVOKE READ ON TAG personal FROM USER {guest[0]}")
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            cursor.execute(COUNT_AGED).fetchall()
        server.home.sql(f"GRANT READ ON TAG personal TO USER {guest[0]}")
        assert cursor.execute(COUNT_AGED).fetchall() == [(32561,)]


def test_a_ticket_fetched_after_its_grant_is_gone_is_denied(client, guest, revoke):
    info = client.get_flight_info(flight_sql.statement(COUNT_AGED), guest[2])
    text = revoke()
    with pytest.raises((flight.FlightUnauthorizedError, pa.ArrowInvalid)) as caught:
        flight_sql.read(client, info, guest[2])
    assert text in errors.text(caught.value)


def test_a_partition_read_after_its_grant_is_gone_is_denied(server, guest, revoke):
    with adbc.connect(server, token=guest[1]) as connection, connection.cursor() as cursor:
        (partition,), _ = cursor.adbc_execute_partitions(COUNT_AGED)
        text = revoke()
        with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
            cursor.adbc_read_partition(partition)
            cursor.fetchall()
    assert text in str(caught.value)


def test_a_tag_that_is_set_later_counts_for_what_was_prepared_before(server, table_name):
    server.home.sql(f"CREATE TABLE scratch.{table_name} AS SELECT 1 AS a", principal="wanda")
    with adbc.connect(server, "wanda") as connection, connection.cursor() as cursor:
        sql = f"SELECT a FROM scratch.{table_name}"
        cursor.adbc_prepare(sql)
        assert cursor.execute(sql).fetchall() == [(1,)]
        server.home.sql(f"SET TAG ON COLUMN scratch.{table_name}.a special_category.race")
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="`special_category.race`"):
            cursor.execute(sql).fetchall()


def refused(call):
    """What another principal's call fails with: the kind of error and its text."""
    with pytest.raises((pa.ArrowException, OSError)) as caught:
        call()
    return type(caught.value), errors.text(caught.value)


def test_anothers_ticket_is_refused_like_one_that_never_was(server, client, guest):
    dora = flight_sql.bearer(server.token("dora"))
    info = client.get_flight_info(flight_sql.statement(COUNT_AGED), guest[2])
    ticket = info.endpoints[0].ticket
    theirs = refused(lambda: client.do_get(ticket, dora).read_all())
    altered = flight.Ticket(ticket.ticket[:-4] + bytes(byte ^ 0x55 for byte in ticket.ticket[-4:]))
    assert theirs == refused(lambda: client.do_get(altered, dora).read_all())
    assert client.do_get(ticket, guest[2]).read_all().num_rows == 1


def test_anothers_prepared_statement_is_refused_like_one_that_never_was(server, client, guest):
    dora = flight_sql.bearer(server.token("dora"))
    handle = flight_sql.prepare(client, COUNT_AGED, guest[2])
    theirs = refused(lambda: client.get_flight_info(flight_sql.prepared(handle), dora))
    assert COUNT_AGED not in theirs[1]
    altered = handle[:-4] + bytes(byte ^ 0x55 for byte in handle[-4:])
    assert theirs == refused(lambda: client.get_flight_info(flight_sql.prepared(altered), dora))
    info = client.get_flight_info(flight_sql.prepared(handle), guest[2])
    assert flight_sql.read(client, info, guest[2]).to_pylist() == [{"count(census.adult.age)": 32561}]


def test_handles_hold_no_sql(client, guest):
    info = client.get_flight_info(flight_sql.statement(COUNT_AGED), guest[2])
    handle = flight_sql.prepare(client, COUNT_AGED, guest[2])
    for blob in (info.endpoints[0].ticket.ticket, handle):
        assert b"census" not in blob


def test_a_handle_of_a_closed_session_is_refused(client, guest):
    options = flight_sql.bearer(guest[1], ("x-sluice-session", "closing"))
    handle = flight_sql.prepare(client, COUNT_AGED, options)
    assert flight_sql.close_session(client, options) == 1
    kind, text = refused(lambda: client.get_flight_info(flight_sql.prepared(handle), options))
    assert "census" not in text
