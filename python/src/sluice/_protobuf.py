"""As much of protobuf's wire format as an error's details need.

Three messages of known shape do not justify a dependency on the protobuf runtime, whose versions often
conflict between packages.
"""

from __future__ import annotations

from collections.abc import Iterator


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The base-128 number at `at`, and where the next byte is."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("malformed number")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message, in order: number and contents. Others are skipped."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            _, at = varint(data, at)
        elif kind == 1:
            at += 8
        elif kind == 5:
            at += 4
        elif kind == 2:
            length, at = varint(data, at)
            yield number, data[at : at + length]
            at += length
        else:
            raise ValueError(f"unknown wire type {kind}")
    if at > len(data):
        raise ValueError("truncated message")


def last(data: bytes, number: int) -> bytes:
    """The last field of that number, which is the one that counts; empty where there is none."""
    found = b""
    for each, value in fields(data):
        if each == number:
            found = value
    return found


def unwrap(data: bytes, type_name: str) -> bytes | None:
    """The message inside a `google.protobuf.Any` of that type; `None` for any other type."""
    if last(data, 1).rpartition(b"/")[2] != type_name.encode():
        return None
    return last(data, 2)


def string_map(data: bytes, number: int) -> dict[str, str]:
    """The `map<string, string>` in the field of that number."""
    return {
        last(entry, 1).decode(errors="replace"): last(entry, 2).decode(errors="replace")
        for each, entry in fields(data)
        if each == number
    }
