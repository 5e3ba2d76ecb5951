"""A Flight SQL server that answers from a table of canned results, in this process.

It knows as much of the protocol as ADBC uses to run one statement, and records the headers of every call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.flight as flight

Answer: TypeAlias = "pa.Table | Exception"
"""What a statement gives: rows, or a failure."""


def varint(value: int) -> bytes:
    """A base-128 number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: bytes | str | int) -> bytes:
    """One field of a message: length-delimited, or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def wrapped(type_name: str, value: bytes) -> bytes:
    """A `google.protobuf.Any`."""
    return field(1, f"type.googleapis.com/{type_name}") + field(2, value)


def error_info(metadata: Mapping[str, str], reason: str = "DENIED", domain: str = "sluice") -> bytes:
    """An `Any` of a `google.rpc.ErrorInfo`."""
    entries = b"".join(field(3, field(1, key) + field(2, value)) for key, value in metadata.items())
    return wrapped("google.rpc.ErrorInfo", field(1, reason) + field(2, domain) + entries)


def denied(message: str, *details: bytes) -> flight.FlightUnauthorizedError:
    """What a server raises to answer PERMISSION_DENIED with `details`."""
    status = field(1, 7) + field(2, message) + b"".join(field(3, detail) for detail in details)
    return flight.FlightUnauthorizedError(message, extra_info=status)


def strings(data: bytes) -> dict[int, bytes]:
    """The last length-delimited value of each field of a message."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        if key & 7 == 2:
            length, at = _number(data, at)
            found[key >> 3] = data[at : at + length]
            at += length
        else:
            _, at = _number(data, at)
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


class _Headers(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    def __init__(self, calls: list[dict[str, list[str]]]) -> None:
        super().__init__()
        self._calls = calls

    def start_call(self, info: Any, headers: Mapping[str, list[str]]) -> None:
        self._calls.append({name.lower(): list(values) for name, values in headers.items()})


class FakeServer(flight.FlightServerBase):  # type: ignore[misc]
    """Answers statements from `answer`."""

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.calls: list[dict[str, list[str]]] = []
        self.statements: list[str] = []
        self.session_options: dict[str, bytes] = {}
        self.refuses = False
        super().__init__("grpc://127.0.0.1:0", middleware={"headers": _Headers(self.calls)})
        self._answer = answer
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def uri(self) -> str:
        """Where clients find it."""
        return f"grpc://127.0.0.1:{self.port}"

    def _table(self, sql: str) -> pa.Table:
        answer = self._answer(sql)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def do_action(self, context: Any, action: Any) -> Iterator[bytes]:
        body = action.body.to_pybytes()
        if action.type == "CreatePreparedStatement":
            query = strings(strings(body)[2])[1].decode()
            self.statements.append(query)
            schema = self._table(query).schema.serialize().to_pybytes()
            result = field(1, query.encode()) + field(2, schema)
            return iter([wrapped("arrow.flight.protocol.sql.ActionCreatePreparedStatementResult", result)])
        if action.type == "SetSessionOptions":
            entry = strings(strings(body)[1])
            self.session_options[entry[1].decode()] = strings(entry[2]).get(1, b"")
            return iter([b""])
        if action.type == "GetSessionOptions":
            if self.refuses:
                raise flight.FlightUnauthenticatedError("not authenticated")
            return iter([b""])
        return iter([])

    def get_flight_info(self, context: Any, descriptor: Any) -> Any:
        command = strings(descriptor.command)
        if not command[1].endswith(b"CommandPreparedStatementQuery"):
            raise flight.FlightServerError("UNIMPLEMENTED")
        handle = strings(command[2])[1]
        table = self._table(handle.decode())
        endpoint = flight.FlightEndpoint(handle, [])
        return flight.FlightInfo(table.schema, descriptor, [endpoint], table.num_rows, -1)

    def do_get(self, context: Any, ticket: Any) -> Any:
        return flight.RecordBatchStream(self._table(ticket.ticket.decode()))
