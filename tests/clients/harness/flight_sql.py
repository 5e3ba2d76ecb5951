"""Flight SQL's commands over pyarrow's plain Flight client, encoded by hand."""

import pyarrow as pa
import pyarrow.flight as flight

from harness.wire import decode, encode, pack, unpack

SQL = "arrow.flight.protocol.sql."


def connect(server, **options):
    """A Flight client that trusts the server's certificate."""
    if server.tls:
        options.setdefault("tls_root_certs", server.certificates.ca_pem)
    return flight.FlightClient(server.uri, **options)


def headers(*pairs):
    """Call options with these headers."""
    return flight.FlightCallOptions(timeout=60, headers=[(name.encode(), value.encode()) for name, value in pairs])


def bearer(token, *more):
    """Call options that authenticate by the token."""
    return headers(("authorization", f"Bearer {token}"), *more)


def descriptor(command, *fields):
    """The descriptor of a Flight SQL command."""
    return flight.FlightDescriptor.for_command(pack(SQL + command, *fields))


def statement(sql):
    """The descriptor of a query."""
    return descriptor("CommandStatementQuery", (1, sql))


def read(client, info, options):
    """Every row of every endpoint of a FlightInfo."""
    tables = [client.do_get(endpoint.ticket, options).read_all() for endpoint in info.endpoints]
    return pa.concat_tables(tables)


def query(client, sql, options):
    """Runs a query and reads its rows."""
    return read(client, client.get_flight_info(statement(sql), options), options)


def act(client, kind, body, options):
    """Runs an action and answers its results' bodies."""
    return [result.body.to_pybytes() for result in client.do_action(flight.Action(kind, body), options)]


def prepare(client, sql, options):
    """Creates a prepared statement and answers its handle."""
    request = pack(SQL + "ActionCreatePreparedStatementRequest", (1, sql))
    (body,) = act(client, "CreatePreparedStatement", request, options)
    name, fields = unpack(body)
    assert name == SQL + "ActionCreatePreparedStatementResult"
    return fields[1][0]


def prepared(handle):
    """The descriptor of a prepared query."""
    return descriptor("CommandPreparedStatementQuery", (1, handle))


def bind(client, handle, batch, options):
    """Binds parameters to a prepared query; answers the handle to go on with, which the server may renew."""
    writer, reader = client.do_put(prepared(handle), batch.schema, options)
    with writer:
        writer.write_batch(batch)
        writer.done_writing()
        answer = reader.read()
    renewed = decode(answer.to_pybytes()).get(1) if answer is not None else None
    return renewed[0] if renewed else handle


def update(client, sql, options):
    """Runs a statement by CommandStatementUpdate and answers the count of rows that it reports."""
    writer, reader = client.do_put(descriptor("CommandStatementUpdate", (1, sql)), pa.schema([]), options)
    with writer:
        writer.done_writing()
        answer = reader.read()
    (count,) = decode(answer.to_pybytes()).get(1, [0])
    return count


def close_session(client, options):
    """Closes the session and answers the status: 1 is closed."""
    (body,) = act(client, "CloseSession", encode(), options)
    (status,) = decode(body).get(1, [0])
    return status


def session_options(client, options):
    """The session's options: name to the text of each option that is a text."""
    (body,) = act(client, "GetSessionOptions", encode(), options)
    found = {}
    for entry in decode(body).get(1, []):
        pair = decode(entry)
        value = decode(pair.get(2, [b""])[0])
        found[pair[1][0].decode()] = value[1][0].decode() if 1 in value else None
    return found


def set_session_option(client, name, value, options):
    """Sets one option to a text; answers the error's number (1 name, 2 value, 3 other), or None."""
    entry = encode((1, name), (2, encode((1, value))))
    (body,) = act(client, "SetSessionOptions", encode((1, entry)), options)
    errors = [decode(error) for error in decode(body).get(1, [])]
    return decode(errors[0].get(2, [b""])[0]).get(1, [0])[0] if errors else None
