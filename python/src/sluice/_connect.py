"""Connecting: arguments and environment in, the driver's options out."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import adbc_driver_flightsql.dbapi
from adbc_driver_flightsql import ConnectionOptions, DatabaseOptions
from adbc_driver_manager import DatabaseOptions as CommonOptions
from adbc_driver_manager.dbapi import Connection

Pem = str | bytes | os.PathLike[str]
"""A path to a PEM file, or the PEM text itself."""

# The server sends messages of up to 64 MiB by default; the driver alone would refuse those above 16.
_MAX_MESSAGE_BYTES = 64 << 20

_PLAIN = ("grpc", "grpc+tcp", "grpc+unix")
_TLS = ("grpc+tls",)
_DOMAINS = ("experiment", "production")


def connect(
    uri: str | None = None,
    *,
    token: str | None = None,
    username: str | None = None,
    password: str | None = None,
    domain: Literal["experiment", "production"] | None = None,
    purpose: str | None = None,
    schema: str | None = None,
    time_zone: str | None = None,
    tls_root_certs: Pem | None = None,
    tls_server_name: str | None = None,
    tls_skip_verify: bool = False,
    client_cert: Pem | None = None,
    client_key: Pem | None = None,
    db_kwargs: Mapping[str, str] | None = None,
    conn_kwargs: Mapping[str, str] | None = None,
) -> Connection:
    """Connect to a Sluice server.

    The connection is an ADBC one (PEP 249 and Arrow) in autocommit, and has a session of its own on the
    server: temporary tables and settings of one connection are not seen by another.

    Args:
        uri: `grpc+tls://host:port`, or `grpc://host:port` without TLS. `$SLUICE_URI` if not given.
        token: A token made by `CREATE TOKEN`, or a JWT of the installation's identity provider.
            `$SLUICE_TOKEN` if no other credential is given.
        username: A user with a password; needs `password`.
        password: The password of `username`.
        domain: The domain to work in. The server's default is `experiment`.
        purpose: What the data is for; policies may ask.
        schema: Where unqualified table names are looked up.
        time_zone: The time zone of the session, such as `Europe/Berlin`.
        tls_root_certs: The certificates to trust instead of the system's.
        tls_server_name: The name to expect in the server's certificate, if it is not the host of `uri`.
        tls_skip_verify: Accept any certificate. For trying things out only.
        client_cert: A client certificate, itself a credential where the server maps it to a principal.
        client_key: The private key of `client_cert`.
        db_kwargs: More options of the ADBC driver's database; they win over what this function sets.
        conn_kwargs: More options of the ADBC driver's connection; they win likewise.

    Raises:
        ValueError: Arguments are missing, malformed or contradict each other.
        adbc_driver_manager.Error: The server cannot be reached, or refuses.
    """
    database, connection = options(
        uri,
        token=token,
        username=username,
        password=password,
        domain=domain,
        purpose=purpose,
        schema=schema,
        time_zone=time_zone,
        tls_root_certs=tls_root_certs,
        tls_server_name=tls_server_name,
        tls_skip_verify=tls_skip_verify,
        client_cert=client_cert,
        client_key=client_key,
        db_kwargs=db_kwargs,
        environment=os.environ,
    )
    connection.update(conn_kwargs or {})
    address = database.pop(CommonOptions.URI.value)
    made = adbc_driver_flightsql.dbapi.connect(address, db_kwargs=database, conn_kwargs=connection, autocommit=True)
    try:
        # The driver by itself shows a wrong credential or address with the first statement only.
        made.adbc_connection.get_option(ConnectionOptions.OPTION_SESSION_OPTIONS.value)
    except BaseException:
        made.close()
        raise
    return made


def options(
    uri: str | None,
    *,
    token: str | None = None,
    username: str | None = None,
    password: str | None = None,
    domain: str | None = None,
    purpose: str | None = None,
    schema: str | None = None,
    time_zone: str | None = None,
    tls_root_certs: Pem | None = None,
    tls_server_name: str | None = None,
    tls_skip_verify: bool = False,
    client_cert: Pem | None = None,
    client_key: Pem | None = None,
    db_kwargs: Mapping[str, str] | None = None,
    environment: Mapping[str, str],
) -> tuple[dict[str, str], dict[str, str]]:
    """What `connect` gives to the driver: options of the database, the URI among them, and of the connection."""
    uri = uri or environment.get("SLUICE_URI")
    if not uri:
        raise ValueError("no server: give `uri`, or set SLUICE_URI")
    encrypted = _is_encrypted(uri)

    database: dict[str, str] = {
        CommonOptions.URI.value: uri,
        DatabaseOptions.WITH_MAX_MSG_SIZE.value: str(_MAX_MESSAGE_BYTES),
    }
    if not encrypted:
        for name, given in (
            ("tls_root_certs", tls_root_certs is not None),
            ("tls_server_name", tls_server_name is not None),
            ("tls_skip_verify", tls_skip_verify),
            ("client_cert", client_cert is not None),
        ):
            if given:
                raise ValueError(f"`{name}` needs TLS, and `{uri}` is without: write `grpc+tls://…`")
    if tls_skip_verify:
        if tls_root_certs is not None or tls_server_name is not None:
            raise ValueError("`tls_skip_verify` accepts any certificate, so nothing else about it can be asked")
        database[DatabaseOptions.TLS_SKIP_VERIFY.value] = "true"
    if tls_root_certs is not None:
        database[DatabaseOptions.TLS_ROOT_CERTS.value] = _pem("tls_root_certs", tls_root_certs)
    if tls_server_name is not None:
        database[DatabaseOptions.TLS_OVERRIDE_HOSTNAME.value] = tls_server_name

    if (client_cert is None) != (client_key is None):
        raise ValueError("`client_cert` and `client_key` go together")
    if client_cert is not None and client_key is not None:
        database[DatabaseOptions.MTLS_CERT_CHAIN.value] = _pem("client_cert", client_cert)
        database[DatabaseOptions.MTLS_PRIVATE_KEY.value] = _pem("client_key", client_key)

    database.update(_credential(token, username, password, client_cert is not None, db_kwargs or {}, environment))

    header = DatabaseOptions.RPC_CALL_HEADER_PREFIX.value
    database[f"{header}x-sluice-session"] = uuid.uuid4().hex
    if domain is not None:
        if domain not in _DOMAINS:
            raise ValueError(f"`domain` is one of {', '.join(_DOMAINS)}, not `{domain}`")
        database[f"{header}x-sluice-domain"] = domain

    session = ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value
    connection: dict[str, str] = {}
    if purpose is not None:
        # A header holds printable ASCII only; the session's option holds any text.
        if purpose.isascii() and purpose.isprintable():
            database[f"{header}x-sluice-purpose"] = purpose
        else:
            connection[f"{session}purpose"] = purpose
    if schema is not None:
        connection[f"{session}schema"] = schema
    if time_zone is not None:
        connection[f"{session}time_zone"] = time_zone

    database.update(db_kwargs or {})
    return database, connection


def _is_encrypted(uri: str) -> bool:
    scheme = urlsplit(uri).scheme
    if scheme in _TLS:
        return True
    if scheme in _PLAIN:
        return False
    raise ValueError(f"`{uri}` is no address of a server: write `grpc+tls://host:port`, or `grpc://host:port`")


def _credential(
    token: str | None,
    username: str | None,
    password: str | None,
    certificate: bool,
    db_kwargs: Mapping[str, str],
    environment: Mapping[str, str],
) -> dict[str, str]:
    if token is not None and (username is not None or password is not None):
        raise ValueError("give `token`, or `username` and `password`, not both")
    if (username is None) != (password is None):
        raise ValueError("`username` and `password` go together")
    if username is not None and password is not None:
        return {CommonOptions.USERNAME.value: username, CommonOptions.PASSWORD.value: password}
    own = any(
        key in (CommonOptions.USERNAME.value, DatabaseOptions.AUTHORIZATION_HEADER.value)
        or key.startswith("adbc.flight.sql.oauth.")
        for key in db_kwargs
    )
    if token is None and not certificate and not own:
        token = environment.get("SLUICE_TOKEN")
        if not token:
            raise ValueError(
                "no credential: give `token`, `username` and `password`, or `client_cert` and `client_key`; "
                "or set SLUICE_TOKEN"
            )
    if token is None:
        return {}
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ValueError("`token` has blanks or other characters that no token has")
    return {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {token}"}


def _pem(argument: str, given: Pem) -> str:
    text = given.decode() if isinstance(given, bytes) else given
    if isinstance(text, str) and "-----BEGIN" in text:
        return text
    try:
        with open(text, encoding="ascii") as file:
            content = file.read()
    except OSError as error:
        raise ValueError(f"`{argument}` cannot be read: {error.strerror}: `{os.fspath(text)}`") from error
    except UnicodeDecodeError:
        content = ""
    if "-----BEGIN" not in content:
        raise ValueError(f"`{argument}` is not PEM: `{os.fspath(text)}`")
    return content
