from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("IPython")

import pandas as pd
import polars as pl
import pyarrow as pa
from adbc_driver_manager.dbapi import Connection
from flight_fake import FakeServer
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import sluice
from sluice._magics import cell_parser, connect_parser, outcome, split_options


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    made.run_line_magic("load_ext", "sluice")
    yield made
    made.run_line_magic("unload_ext", "sluice")
    made.history_manager.end_session()  # type: ignore[union-attr]
    InteractiveShell.clear_instance()


@pytest.fixture
def connected(shell: InteractiveShell, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> InteractiveShell:
    monkeypatch.setenv("ANA", "slc_ana")
    shell.run_line_magic("sluice", f"{server.uri} --token-env ANA")
    return shell


def test_a_uri_connects_with_the_token_of_a_variable(connected: InteractiveShell, server: FakeServer) -> None:
    connected.run_line_magic("sluice", "SELECT 1")
    assert server.calls[-1]["authorization"] == ["Bearer slc_ana"]


def test_connecting_says_where(
    shell: InteractiveShell, server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLUICE_TOKEN", "slc_ana")
    shell.run_line_magic("sluice", "")
    shell.run_line_magic("sluice", f"connect {server.uri} --domain production --schema census")
    shell.run_line_magic("sluice", "")
    shell.run_line_magic("sluice", "close")
    shell.run_line_magic("sluice", "")
    where = f"connected to {server.uri}"
    assert capsys.readouterr().out.splitlines() == ["not connected", where, where, "not connected"]
    assert server.calls[-1]["x-sluice-domain"] == ["production"]


def test_a_connection_of_ones_own_can_be_used_and_stays_open(shell: InteractiveShell, connection: Connection) -> None:
    shell.user_ns["mine"] = connection
    shell.run_line_magic("sluice", "connect --connection mine")
    assert len(shell.run_line_magic("sluice", "SELECT 1")) == 2
    shell.run_line_magic("sluice", "close")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_a_line_gives_its_result(connected: InteractiveShell) -> None:
    result = connected.run_line_magic("sluice", "SELECT education FROM census.adult")
    assert isinstance(result, pd.DataFrame)
    assert list(result["people"]) == [1723, 413]


def test_a_line_is_not_expanded_by_ipython(connected: InteractiveShell, server: FakeServer) -> None:
    connected.user_ns["x"] = "from Python"
    connected.run_cell("%sluice SELECT '{x}', '$x'")
    assert server.statements[-1] == "SELECT '{x}', '$x'"


@pytest.mark.parametrize(("form", "kind"), [("pandas", pd.DataFrame), ("arrow", pa.Table), ("polars", pl.DataFrame)])
def test_a_cell_gives_what_is_asked_for(connected: InteractiveShell, form: str, kind: type) -> None:
    assert isinstance(connected.run_cell_magic("sluice", f"--as {form}", "SELECT 1"), kind)


def test_a_cell_goes_into_a_variable_and_shows_nothing(connected: InteractiveShell) -> None:
    assert connected.run_cell_magic("sluice", "-o people --as arrow", "SELECT 1") is None
    assert connected.user_ns["people"].num_rows == 2


def test_a_statement_without_rows_says_what_it_did(
    connected: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    for sql in ("CREATE SCHEMA crm", "INSERT INTO t VALUES (1)", "DELETE FROM t"):
        assert connected.run_cell_magic("sluice", "", sql) is None
    assert capsys.readouterr().out.splitlines() == [
        "created schema crm",
        "3 rows affected",
        "done; how many rows is withheld",
    ]


def test_a_query_with_such_a_column_is_a_query() -> None:
    table = pa.table({"status": ["open"]})
    for sql in ("SELECT status FROM t", "-- note\n (SELECT status FROM t)", "/* a */ with x AS (SELECT 1) SELECT 1"):
        assert outcome(sql, table) is None
    assert outcome("create schema x", table) == "open"


def test_a_statement_without_columns_has_the_drivers_count() -> None:
    assert outcome("INSERT INTO t VALUES (1)", pa.table({}), 1) == "1 row affected"
    assert outcome("CREATE SCHEMA crm", pa.table({}), -1) == "done"


def test_explaining_governance_gives_the_picture(connected: InteractiveShell) -> None:
    assert isinstance(
        connected.run_cell_magic("sluice", "", "EXPLAIN GOVERNANCE SELECT race FROM t"), sluice.Explanation
    )
    assert isinstance(
        connected.run_cell_magic("sluice", "--as arrow", "EXPLAIN GOVERNANCE SELECT race FROM t"), pa.Table
    )


def test_a_refusal_is_a_report_without_a_traceback(
    connected: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    result = connected.run_cell("%%sluice\nSELECT race FROM census.adult")
    assert isinstance(result.error_in_exec, sluice.Denied)
    out = capsys.readouterr().out
    assert "`ana` has no READ on it" in out
    assert "path: census.adult.race → group by race → result column race" in out
    assert "Traceback" not in out
    assert "_magics.py" not in out


def test_in_a_notebook_a_refusal_is_shown_as_html(connected: InteractiveShell) -> None:
    connected.kernel = object()  # type: ignore[attr-defined]
    try:
        with capture_output() as captured:
            result = connected.run_cell("%%sluice\nSELECT race FROM census.adult")
    finally:
        del connected.kernel  # type: ignore[attr-defined]
    assert isinstance(result.error_in_exec, sluice.Denied)
    shown = [output.data["text/html"] for output in captured.outputs if "text/html" in output.data]
    assert any("Refused" in html and "special_category.race" in html for html in shown)
    assert "has no READ" not in captured.stdout


def test_another_error_is_its_text(connected: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    connected.run_cell("%sluice SELEC 1")
    out = capsys.readouterr().out
    assert "error:" in out
    assert "expected a statement, found `SELEC`" in out
    assert "Traceback" not in out


def test_parameters_are_python(connected: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def fetch(connection: Connection, sql: str, parameters: Any, progress: Any) -> tuple[pa.Table, int]:
        given.append(parameters)
        return pa.table({"a": [1]}), -1

    monkeypatch.setattr("sluice._magics.fetch", fetch)
    connected.user_ns["least"] = 30
    connected.run_cell_magic("sluice", "--as arrow -p [least, 'a b']", "SELECT ?, ?")
    connected.run_cell_magic("sluice", "-p {'age': least + 1}", "SELECT $age")
    assert given == [[30, "a b"], {"age": 31}]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("-o df --as polars", ["-o", "df", "--as", "polars"]),
        ("-o df -p [1, 'x']", ["-o", "df", "-p", "[1, 'x']"]),
        ("--parameters={'a': \"b c\"}", ["--parameters", "{'a': \"b c\"}"]),
        ("-p", ["-p"]),
    ],
)
def test_the_line_of_a_cell_is_split(line: str, words: list[str]) -> None:
    assert split_options(line) == words


def test_connecting_has_options() -> None:
    given = connect_parser().parse_args(
        ["grpc+tls://h:1", "--username", "ana", "--tls-root-certs", "ca.pem", "--time-zone", "Europe/Berlin"]
    )
    assert (given.uri, given.username, given.tls_root_certs) == ("grpc+tls://h:1", "ana", "ca.pem")
    assert given.time_zone == "Europe/Berlin"
    assert cell_parser().parse_args([]).form is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("SELECT 1", "not connected"),
        ("connect", "no server"),
        ("connect grpc://localhost:1", "no credential"),
        ("connect grpc://localhost:1 --token-env NOWHERE", "`NOWHERE` is not set"),
        ("connect grpc://localhost:1 --domain test", "invalid choice"),
        ("connect --connection nothing", "`nothing` is no connection"),
        ("connect --connection nothing --schema s", "no other option"),
        ("grpc://localhost:1 'unbalanced", "No closing quotation"),
    ],
)
def test_wrong_lines_are_errors_of_usage(shell: InteractiveShell, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        shell.run_line_magic("sluice", line)


@pytest.mark.parametrize(
    ("line", "cell", "message"),
    [
        ("--as csv", "SELECT 1", "invalid choice"),
        ("-o 1x", "SELECT 1", "no name of a variable"),
        ("", "  \n", "the cell is empty"),
        ("-p", "SELECT 1", "takes a Python expression"),
    ],
)
def test_wrong_cells_are_errors_of_usage(connected: InteractiveShell, line: str, cell: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        connected.run_cell_magic("sluice", line, cell)


@pytest.mark.parametrize("line", ["--help", "connect --help"])
def test_help_is_printed(shell: InteractiveShell, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("sluice", line)
    assert "connect" in capsys.readouterr().out


def test_the_help_of_cells_is_printed(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell_magic("sluice", "--help", "SELECT 1")
    assert "--output" in capsys.readouterr().out
