"""Connecting by ADBC's Flight SQL driver."""

import itertools

import pyarrow as pa
from adbc_driver_flightsql import ConnectionOptions, DatabaseOptions, dbapi

# So that a call that is never answered fails its test, and does not hang it.
TIMEOUTS = {
    DatabaseOptions.TIMEOUT_QUERY.value: "60",
    DatabaseOptions.TIMEOUT_FETCH.value: "60",
    DatabaseOptions.TIMEOUT_UPDATE.value: "60",
}
_sessions = itertools.count(1)
SESSION_OPTION = ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value
HEADER = DatabaseOptions.RPC_CALL_HEADER_PREFIX.value


def connect(server, principal=None, *, token=None, password=None, header=(), options=(), session_options=(), **kwargs):
    """A connection with autocommit: as one of the home's people, by a token, by a (user, password), or by neither.

    `header` are more headers of every call; `options` more options of the driver; `session_options` are set when
    it connects. The server's certificate is trusted unless `options` says what to trust."""
    database = {**TIMEOUTS, **dict(options)}
    if principal:
        token = server.token(principal)
    if token:
        database[DatabaseOptions.AUTHORIZATION_HEADER.value] = f"Bearer {token}"
    if password:
        database["username"], database["password"] = password
    for name, value in dict(header).items():
        database[HEADER + name] = value
    trust = {DatabaseOptions.TLS_ROOT_CERTS.value, DatabaseOptions.TLS_SKIP_VERIFY.value}
    if server.tls and not trust & database.keys():
        database[DatabaseOptions.TLS_ROOT_CERTS.value] = server.certificates.ca_pem
    session = {SESSION_OPTION + name: value for name, value in dict(session_options).items()}
    return dbapi.connect(server.uri, database, session, autocommit=kwargs.pop("autocommit", True), **kwargs)


def own_session(server, principal, **kwargs):
    """A connection with a session of its own, that no other connection of the same credential shares."""
    return connect(server, principal, header={"x-sluice-session": f"test-{next(_sessions)}"}, **kwargs)


def rows(connection, sql, parameters=None):
    """Every row that a statement answers, as tuples."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def affected(connection, sql, parameters=None):
    """How many rows a write says that it affected."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        assert cursor.fetchall() == []
        return cursor.rowcount


def table(connection, sql, parameters=None):
    """What a statement answers, as an Arrow table."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetch_arrow_table()


def value(connection, sql, parameters=None):
    """The one value that a statement answers."""
    ((only,),) = rows(connection, sql, parameters)
    return only


def ingest(connection, name, data, mode="create", **kwargs):
    """Uploads data into a table and answers the count of rows."""
    with connection.cursor() as cursor:
        return cursor.adbc_ingest(name, data, mode, **kwargs)


def make_public(connection, name, columns):
    """Classifies columns as public, so that who uploaded them may read them back."""
    rows(connection, f"SET TAG ON COLUMNS {name} ({', '.join(f'{column} public' for column in columns)})")


def without_metadata(schema):
    """The schema's names, types and nullability alone; text and binary without regard to how they are laid out."""
    plain = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary(), pa.large_string(): pa.string()}
    return pa.schema([pa.field(f.name, plain.get(f.type, f.type), f.nullable) for f in schema])
