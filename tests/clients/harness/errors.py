"""What an error says: the server's own text whichever client brought it, and the code and details that ADBC keeps."""

import re

from harness.wire import decode, unpack

RPC = "google.rpc."
_FLIGHT_PREFIX = re.compile(r"^(?:Flight|gRPC) returned [a-z ]+ error, with message: ", re.DOTALL)
_FLIGHT_SUFFIX = re.compile(r"\. (?:gRPC|Client) (?:client debug )?context: .*$|\. Detail: [A-Z][a-z]+$", re.DOTALL)
_ADBC = re.compile(r"^(?:[A-Z_]+: )?\[FlightSQL\] (.*) \(([A-Za-z]+); [^)]*\)[^)]*$", re.DOTALL)


def text(error):
    """The server's text, without what ADBC's driver or pyarrow put around it."""
    whole = str(error)
    found = _ADBC.match(whole)
    if found:
        return found[1]
    return _FLIGHT_SUFFIX.sub("", _FLIGHT_PREFIX.sub("", whole))


def code(error):
    """The name of gRPC's code, such as `PermissionDenied`, in an error that ADBC's driver brought."""
    found = _ADBC.match(str(error))
    assert found, f"no error of the server: {error}"
    return found[2]


def details(error):
    """The `google.rpc` details in an error that ADBC's driver brought: each type's last name to its fields."""
    packed = [value for key, value in error.details or () if key == b"grpc-status-details-bin"]
    return {name.removeprefix(RPC): fields for name, fields in map(unpack, packed)}


def error_info(error):
    """The error's `google.rpc.ErrorInfo`: its reason, its domain, and its metadata."""
    fields = details(error)["ErrorInfo"]
    metadata = {}
    for entry in fields.get(3, []):
        pair = decode(entry)
        metadata[pair[1][0].decode()] = pair.get(2, [b""])[0].decode()
    return fields[1][0].decode(), fields[2][0].decode(), metadata
