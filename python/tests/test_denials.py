from __future__ import annotations

import adbc_driver_manager
import pyarrow.flight as flight
import pytest
from adbc_driver_manager.dbapi import Connection
from answers import MESSAGE, REFUSAL
from flight_fake import denied, error_info, field, wrapped

import sluice
from sluice._denials import server_text

DETAILS = b"grpc-status-details-bin"


def error(*details: bytes) -> adbc_driver_manager.ProgrammingError:
    return adbc_driver_manager.ProgrammingError(
        f"UNAUTHORIZED: [FlightSQL] {MESSAGE} (PermissionDenied; Prepare)",
        status_code=adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED,
        details=[(DETAILS, detail) for detail in details],  # type: ignore[misc]
    )


def refusal(connection: Connection) -> adbc_driver_manager.ProgrammingError:
    with connection.cursor() as cursor, pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        cursor.execute("SELECT race FROM census.adult")
    return caught.value


def test_a_denial_is_read_from_what_the_driver_raises(connection: Connection) -> None:
    assert sluice.denials(refusal(connection)) == [sluice.Denial(**REFUSAL)]


def test_every_denial_is_read_in_order() -> None:
    found = sluice.denials(error(error_info(REFUSAL), error_info({"column": "s.t.x", "tag": "pii"})))
    assert [denial.column for denial in found] == ["census.adult.race", "s.t.x"]
    assert found[1] == sluice.Denial(column="s.t.x", tag="pii")


def test_each_denial_has_its_sentence_of_the_servers_text() -> None:
    text = "`ana` is not in `admins`\n`ana` has no CREATE on `s`\npath: a\nhelp: b"
    details = [error_info({"action": "ADMINISTER"}), error_info({"action": "CREATE"})]
    found = sluice.denials(denied(text, *details))
    assert [denial.message for denial in found] == ["`ana` is not in `admins`", "`ana` has no CREATE on `s`"]
    assert str(found[0]) == "`ana` is not in `admins`"


def test_the_text_is_that_of_the_status_where_pyarrow_adds_to_it() -> None:
    status = field(1, 7) + field(2, MESSAGE) + field(3, error_info(REFUSAL))
    around = flight.FlightUnauthorizedError(f"Flight returned unauthorized error: {MESSAGE}. Detail", extra_info=status)
    (found,) = sluice.denials(around)
    assert found.message == MESSAGE.splitlines()[0]


def test_denials_beyond_those_with_details_are_those_of_the_text() -> None:
    found = sluice.denials(denied("one\ntwo\nthree\nhelp: no", error_info({"action": "CREATE", "object": "schema s"})))
    assert [denial.message for denial in found] == ["one", "two", "three"]
    assert [denial.column for denial in found] == ["schema s", "", ""]


def test_a_text_that_is_cut_short_leaves_the_details() -> None:
    found = sluice.denials(denied("", error_info({"action": "CREATE"}), error_info({"action": "INSERT"})))
    assert [denial.action for denial in found] == ["CREATE", "INSERT"]
    assert {denial.message for denial in found} == {""}


def test_what_the_server_adds_is_kept() -> None:
    (denial,) = sluice.denials(error(error_info({**REFUSAL, "ticket": "7"})))
    assert denial.metadata["ticket"] == "7"


def test_bytes_made_by_protobuf_itself_are_read() -> None:
    any_pb2 = pytest.importorskip("google.protobuf.any_pb2")
    error_details_pb2 = pytest.importorskip("google.rpc.error_details_pb2")
    info = error_details_pb2.ErrorInfo(reason="DENIED", domain="sluice", metadata=REFUSAL)
    packed = any_pb2.Any()
    packed.Pack(info)
    assert sluice.denials(error(packed.SerializeToString())) == [sluice.Denial(**REFUSAL)]


@pytest.mark.parametrize(
    "detail",
    [
        b"",
        b"\xff",
        b"\xff" * 20,
        error_info(REFUSAL)[:-1],
        error_info(REFUSAL, reason="QUOTA"),
        error_info(REFUSAL, domain="example.com"),
        wrapped("google.rpc.RetryInfo", field(1, field(1, 5))),
        field(1, "type.googleapis.com/google.rpc.ErrorInfo") + field(2, b"\x0a\xff\xff\xff\xff\x0f"),
        b"\x0b",
    ],
)
def test_details_about_something_else_or_broken_ones_are_passed_over(detail: bytes) -> None:
    assert sluice.denials(error(detail)) == []
    assert sluice.denials(error(detail, error_info(REFUSAL))) == [sluice.Denial(**REFUSAL)]


def test_fields_of_other_kinds_are_skipped() -> None:
    unknown = field(9, 300) + b"\x51" + b"\x0a" * 8 + b"\x55" + b"\x0a" * 4
    assert sluice.denials(error(unknown + error_info(REFUSAL) + unknown)) == [sluice.Denial(**REFUSAL)]


def test_pyarrow_errors_are_read() -> None:
    assert sluice.denials(denied(MESSAGE, error_info(REFUSAL))) == [sluice.Denial(**REFUSAL)]
    assert sluice.denials(flight.FlightUnauthorizedError("no", extra_info=b"\xff\xff")) == []


def test_denials_are_found_behind_the_errors_of_other_libraries() -> None:
    class WrappedError(Exception):
        orig: Exception

    by_cause, by_orig = WrappedError("pandas"), WrappedError("sqlalchemy")
    by_cause.__cause__ = error(error_info(REFUSAL))
    by_orig.orig = error(error_info(REFUSAL))
    by_orig.__cause__ = by_orig
    assert sluice.denials(by_cause) == sluice.denials(by_orig) == [sluice.Denial(**REFUSAL)]


def test_other_errors_have_no_denials() -> None:
    assert sluice.denials(ValueError("no")) == []
    assert sluice.Denied.of(ValueError("no")) is None


def test_the_servers_text_is_freed_from_what_the_driver_adds(connection: Connection) -> None:
    assert server_text(refusal(connection)) == MESSAGE
    assert server_text(ValueError("plain (text; here)")) == "plain (text; here)"
    unavailable = "IO: [FlightSQL] gone (for now; really) (Unavailable; Prepare). Vendor code: 14"
    assert server_text(ValueError(unavailable)) == "gone (for now; really)"


def test_a_refusal_is_text_and_html() -> None:
    refused = sluice.Denied.of(error(error_info(REFUSAL)))
    assert refused is not None
    assert str(refused).splitlines() == [
        "column `census.adult.race` carries `special_category.race`, and `ana` has no READ on it",
        f"  path: {REFUSAL['path']}",
        f"  help: {REFUSAL['hint']}",
    ]
    html = refused._repr_html_()
    assert "Refused" in html
    assert "group by race" in html
    assert "<code" in html
    assert "`" not in html


def test_names_are_escaped_in_html() -> None:
    denial = sluice.Denial(column="<script>", tag="a&b", action="READ", path="<i> → <b>", hint="`<u>`")
    html = denial._repr_html_()
    for raw in ("<script>", "<i>", "<b>", "<u>", "a&b,"):
        assert raw not in html


@pytest.mark.parametrize(
    ("denial", "text"),
    [
        (sluice.Denial(column="s.t", action="SELECT"), "there is no SELECT on `s.t`"),
        (sluice.Denial(column="s.t.c", tag="pii"), "`pii` flows into column `s.t.c`, which does not carry it"),
        (sluice.Denial(tag="pii", action="CLASSIFY"), "there is no CLASSIFY on `pii`"),
        (sluice.Denial(action="ADMINISTER"), "there is no ADMINISTER"),
        (sluice.Denial(column="a", tag="b", action="READ"), "column `a` carries `b`, and there is no READ on it"),
        (sluice.Denial(), "refused"),
    ],
)
def test_denials_without_all_fields_are_sentences_too(denial: sluice.Denial, text: str) -> None:
    assert str(denial) == text


def test_steps_are_those_of_the_path() -> None:
    assert sluice.Denial(**REFUSAL).steps == ("census.adult.race", "group by race", "result column race")
    assert sluice.Denial().steps == ()
