"""Just enough protobuf to speak Flight SQL by hand: varints, and length-delimited fields."""


def _varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(*fields):
    """A message of (number, value) fields in order: text, bytes, boolean, non-negative integer, or None for none."""
    out = bytearray()
    for number, value in fields:
        if value is None:
            continue
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(int(value))
        else:
            blob = value.encode() if isinstance(value, str) else bytes(value)
            out += _varint(number << 3 | 2) + _varint(len(blob)) + blob
    return bytes(out)


def decode(message):
    """A message's fields: number to the list of its values, which are integers or bytes."""
    fields, at = {}, 0
    while at < len(message):
        key, at = _read_varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _read_varint(message, at)
        elif kind == 2:
            size, at = _read_varint(message, at)
            value, at = message[at : at + size], at + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = int.from_bytes(message[at : at + size], "little"), at + size
        else:
            raise ValueError(f"wire type {kind} at {at}")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _read_varint(message, at):
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def pack(type_name, *fields):
    """A `google.protobuf.Any` that holds the message."""
    return encode((1, f"type.googleapis.com/{type_name}"), (2, encode(*fields)))


def unpack(blob):
    """The type's name and the fields of the message in a `google.protobuf.Any`."""
    fields = decode(blob)
    return fields[1][0].decode().rpartition("/")[2], decode(fields.get(2, [b""])[0])
