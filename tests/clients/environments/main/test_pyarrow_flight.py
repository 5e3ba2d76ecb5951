"""Plain Flight from pyarrow: Flight SQL's commands by hand, every way to authenticate, and hostile messages."""

import base64

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from harness import errors, flight_sql
from harness.home import password_of
from harness.wire import encode, pack, unpack

COUNT = "SELECT count(*) AS people FROM census.adult"
COUNTED = [{"people": 32561}]
ACTIONS = {
    "CreatePreparedStatement",
    "ClosePreparedStatement",
    "BeginTransaction",
    "EndTransaction",
    "CancelFlightInfo",
    "SetSessionOptions",
    "GetSessionOptions",
    "CloseSession",
}


@pytest.fixture
def client(server):
    with flight_sql.connect(server) as client:
        yield client


@pytest.fixture
def ana_options(server):
    return flight_sql.bearer(server.token("ana"))


@pytest.fixture
def wanda_options(server):
    return flight_sql.bearer(server.token("wanda"), ("x-sluice-session", "plain-flight"))


def test_a_query_by_token(client, ana_options):
    assert flight_sql.query(client, COUNT, ana_options).to_pylist() == COUNTED


def test_a_query_after_a_basic_handshake(client):
    header = client.authenticate_basic_token("ana", password_of("ana"))
    assert header[0] == b"authorization"
    assert header[1].startswith(b"Bearer ")
    options = flight.FlightCallOptions(headers=[header])
    assert flight_sql.query(client, COUNT, options).to_pylist() == COUNTED
    with pytest.raises(flight.FlightUnauthorizedError, match="`ana` has no READ"):
        flight_sql.query(client, "SELECT race FROM census.adult", options)


def test_calls_that_each_carry_a_basic_header_are_one_session(client):
    basic = "Basic " + base64.b64encode(f"ana:{password_of('ana')}".encode()).decode()
    options = flight_sql.headers(("authorization", basic))
    assert flight_sql.query(client, COUNT, options).to_pylist() == COUNTED
    assert flight_sql.set_session_option(client, "schema", "census", options) is None
    assert flight_sql.query(client, "SELECT count(*) AS people FROM adult", options).to_pylist() == COUNTED
    with pytest.raises(flight.FlightUnauthorizedError, match="`ana` has no READ"):
        flight_sql.query(client, "SELECT race FROM adult", options)


def test_the_tokens_of_two_handshakes_differ(client):
    tokens = {client.authenticate_basic_token("ana", password_of("ana"))[1] for _ in range(2)}
    assert len(tokens) == 2


def test_list_actions_names_what_flight_sql_needs(client, ana_options):
    assert ACTIONS <= {action.type for action in client.list_actions(ana_options)}


def test_get_schema_is_the_schema_of_the_info(client, ana_options):
    described = flight_sql.statement(COUNT)
    schema = client.get_schema(described, ana_options).schema
    assert schema.equals(client.get_flight_info(described, ana_options).schema, check_metadata=True)


def test_a_prepared_query_is_bound_executed_and_closed(client, ana_options):
    handle = flight_sql.prepare(client, f"{COUNT} WHERE age < ?", ana_options)
    bound = flight_sql.bind(client, handle, pa.record_batch({"a": [18]}), ana_options)
    info = client.get_flight_info(flight_sql.prepared(bound), ana_options)
    assert flight_sql.read(client, info, ana_options).to_pylist() == [{"people": 395}]
    body = pack(flight_sql.SQL + "ActionClosePreparedStatementRequest", (1, bound))
    flight_sql.act(client, "ClosePreparedStatement", body, ana_options)
    with pytest.raises(pa.ArrowKeyError, match="unknown or has expired"):
        client.get_flight_info(flight_sql.prepared(bound), ana_options)


def test_an_update_by_do_put_reports_its_rows(client, wanda_options, table_name):
    flight_sql.update(client, f"CREATE TABLE scratch.{table_name} (a BIGINT)", wanda_options)
    assert flight_sql.update(client, f"INSERT INTO scratch.{table_name} VALUES (1), (2)", wanda_options) == 2


def test_a_write_by_the_query_path_answers_its_rows_and_other_statements_their_status(
    client, wanda_options, table_name
):
    flight_sql.update(client, f"CREATE TABLE scratch.{table_name} (a BIGINT)", wanda_options)
    tagged = flight_sql.query(client, f"SET TAG ON COLUMN scratch.{table_name}.a public", wanda_options)
    assert tagged.to_pylist() == [{"status": f"set 1 tag on scratch.{table_name}"}]
    inserted = flight_sql.query(client, f"INSERT INTO scratch.{table_name} VALUES (1), (2)", wanda_options)
    assert inserted.schema.types == [pa.int64()]
    assert inserted.to_pylist() == [{"affected_rows": 2}]


def test_a_write_by_the_query_path_runs_once_although_its_ticket_is_fetched_twice(
    server, client, wanda_options, table_name
):
    name = f"scratch.{table_name}"
    flight_sql.update(client, f"CREATE TABLE {name} (a BIGINT)", wanda_options)
    before = server.home.version_of(name)
    info = client.get_flight_info(flight_sql.statement(f"INSERT INTO {name} VALUES (1)"), wanda_options)
    for _ in range(2):
        assert flight_sql.read(client, info, wanda_options).to_pylist() == [{"affected_rows": 1}]
    assert server.home.version_of(name) == before + 1


def test_an_ingest_by_do_put_reports_its_rows(client, wanda_options, table_name):
    create = encode((1, 1), (2, 1))
    command = flight_sql.descriptor("CommandStatementIngest", (1, create), (2, table_name), (3, "scratch"))
    table = pa.table({"a": [1, 2, 3]})
    writer, reader = client.do_put(command, table.schema, wanda_options)
    with writer:
        writer.write_table(table)
        writer.done_writing()
        answer = reader.read()
    assert answer.to_pybytes() == encode((1, 3))


@pytest.mark.parametrize(
    ("command", "fields", "columns"),
    [
        ("CommandGetCatalogs", [], ["catalog_name"]),
        ("CommandGetDbSchemas", [], ["catalog_name", "db_schema_name"]),
        ("CommandGetTables", [], ["catalog_name", "db_schema_name", "table_name", "table_type"]),
        ("CommandGetTableTypes", [], ["table_type"]),
        ("CommandGetSqlInfo", [], ["info_name", "value"]),
    ],
)
def test_metadata_commands_answer_their_schema_in_info_and_stream(client, ana_options, command, fields, columns):
    info = client.get_flight_info(flight_sql.descriptor(command, *fields), ana_options)
    table = flight_sql.read(client, info, ana_options)
    assert table.schema.names == columns
    assert info.schema.equals(table.schema)
    assert table.num_rows >= 1


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("CommandGetPrimaryKeys", [(3, "adult")]),
        ("CommandGetExportedKeys", [(3, "adult")]),
        ("CommandGetImportedKeys", [(3, "adult")]),
        ("CommandGetCrossReference", [(3, "adult"), (6, "adult")]),
    ],
)
def test_keys_are_answered_and_there_are_none(client, ana_options, command, fields):
    info = client.get_flight_info(flight_sql.descriptor(command, *fields), ana_options)
    assert flight_sql.read(client, info, ana_options).num_rows == 0


def test_xdbc_type_info_describes_the_types(client, ana_options):
    info = client.get_flight_info(flight_sql.descriptor("CommandGetXdbcTypeInfo"), ana_options)
    names = flight_sql.read(client, info, ana_options)["type_name"].to_pylist()
    assert {"BIGINT", "BOOLEAN", "DATE", "DOUBLE", "TIMESTAMP"} <= set(names)


def test_transactions_are_refused_in_words(client, ana_options):
    body = pack(flight_sql.SQL + "ActionBeginTransactionRequest")
    with pytest.raises(pa.ArrowNotImplementedError, match="transaction"):
        flight_sql.act(client, "BeginTransaction", body, ana_options)


def test_session_options_over_plain_flight(client, server):
    options = flight_sql.bearer(server.token("ana"), ("x-sluice-session", "plain-options"))
    assert flight_sql.set_session_option(client, "schema", "census", options) is None
    assert flight_sql.session_options(client, options)["schema"] == "census"
    assert flight_sql.query(client, "SELECT count(*) AS people FROM adult", options).to_pylist() == COUNTED
    assert flight_sql.set_session_option(client, "nonsense", "x", options) == 1
    assert flight_sql.set_session_option(client, "domain", "x", options) == 2
    assert flight_sql.close_session(client, options) == 1
    assert flight_sql.session_options(client, options).get("schema") != "census"


def test_a_cancelled_info_is_not_read_any_more(client, ana_options):
    info = client.get_flight_info(flight_sql.statement(COUNT), ana_options)
    status = flight_sql.act(client, "CancelFlightInfo", encode((1, info.serialize())), ana_options)
    assert status in ([encode((1, 1))], [encode((1, 2))]), "cancelled, or being cancelled"
    with pytest.raises((pa.ArrowException, OSError)):
        flight_sql.read(client, info, ana_options)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\xff" * 16,
        b"SELECT 1",
        encode((1, "type.googleapis.com/nothing.Known")),
        pack(flight_sql.SQL + "TicketStatementQuery", (1, b"x")),
    ],
    ids=["empty", "noise", "sql", "unknown", "made_up"],
)
def test_messages_that_mean_nothing_are_the_callers_mistake(client, ana_options, blob):
    for call in (
        lambda: client.get_flight_info(flight.FlightDescriptor.for_command(blob), ana_options),
        lambda: client.do_get(flight.Ticket(blob), ana_options).read_all(),
        lambda: flight_sql.act(client, "CreatePreparedStatement", blob, ana_options),
    ):
        with pytest.raises((pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError)):
            call()
    assert flight_sql.query(client, COUNT, ana_options).to_pylist() == COUNTED


def test_paths_and_unknown_actions_are_refused_in_words(client, ana_options):
    for call in (
        lambda: client.get_flight_info(flight.FlightDescriptor.for_path("census", "adult"), ana_options),
        lambda: flight_sql.act(client, "NoSuchAction", b"", ana_options),
    ):
        with pytest.raises((pa.ArrowInvalid, pa.ArrowNotImplementedError)) as caught:
            call()
        assert errors.text(caught.value)


def test_listing_flights_shows_none(client, ana_options):
    assert list(client.list_flights(options=ana_options)) == []


def test_a_header_that_makes_no_sense_is_refused(client, server):
    options = flight_sql.bearer(server.token("ana"), ("x-sluice-domain", "staging"))
    with pytest.raises(pa.ArrowInvalid, match="staging"):
        flight_sql.query(client, COUNT, options)


def test_the_first_bytes_of_a_prepared_result_name_its_schemas(client, ana_options):
    body = pack(flight_sql.SQL + "ActionCreatePreparedStatementRequest", (1, f"{COUNT} WHERE age < $1"))
    (answer,) = flight_sql.act(client, "CreatePreparedStatement", body, ana_options)
    _, fields = unpack(answer)
    dataset, parameters = (pa.ipc.read_schema(pa.py_buffer(fields[number][0])) for number in (2, 3))
    assert dataset.names == ["people"]
    assert len(parameters) == 1
