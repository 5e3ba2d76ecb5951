"""Harlequin, the terminal's SQL editor, with its ADBC adapter, as somebody would use it at the keyboard."""

import pathlib
import sys

import pytest

from harness.home import password_of
from harness.terminal import Terminal

HARLEQUIN = str(pathlib.Path(sys.executable).parent / "harlequin")
DENIED = "column `census.adult.race` carries `special_category.race`, and `ana` has no READ on it"


def options_of(server, by):
    """The adapter's connection options; its parser splits them at `;` and at `=`."""
    if by == "token":
        options = {"adbc.flight.sql.authorization_header": f"Bearer {server.token('ana')}"}
    else:
        options = {"username": "ana", "password": password_of("ana")}
    if server.tls:
        options["adbc.flight.sql.client_option.tls_skip_verify"] = "true"
    return ";".join(f"{name}={value}" for name, value in options.items())


@pytest.fixture
def open_harlequin(server, tmp_path):
    """Opens Harlequin on the server, with a folder of its own for what it remembers."""
    opened = []

    def open_harlequin(by="token"):
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        command = [HARLEQUIN, "-P", "None", "--no-write-history", "--locale", "C", "-a", "adbc", server.uri]
        command += ["--driver-type", "flightsql", "--db-kwargs-str", options_of(server, by)]
        folders = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
        terminal = Terminal(command, folder, {**folders, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
        opened.append(terminal.__enter__())
        terminal.wait_for("Query Editor")
        return terminal

    yield open_harlequin
    for terminal in opened:
        terminal.__exit__()


def run(terminal, sql):
    """Puts the statement in the editor in place of what is there, and runs it."""
    # With the number of its line before it: what was there before would stand between them.
    in_the_editor = f"1 {sql}"
    for _ in range(3):
        terminal.press("F2")
        terminal.press("C-a")
        terminal.type(sql)
        # On a busy machine keys are lost, or reach another part of the program, while a dialog closes.
        if terminal.shows(in_the_editor, 10):
            break
    terminal.wait_for(in_the_editor)
    terminal.press("C-j")


def test_the_catalog_unfolds_to_schemas_tables_and_columns(open_harlequin):
    terminal = open_harlequin()
    terminal.wait_for("sluice db")
    terminal.press("F6")
    terminal.wait_for("Insert Name")
    terminal.press("Enter")
    words = terminal.wait_for("income s")
    assert "census s" in words
    assert "hidden" not in words
    terminal.press("Down")
    terminal.press("Enter")
    terminal.wait_for("adult t")
    terminal.press("Down")
    terminal.press("Enter")
    words = terminal.wait_for("native_country")
    assert all(column in words for column in ("age", "education_num", "hours_per_week", "race"))


@pytest.mark.parametrize("by", ["token", "password"])
def test_a_query_is_answered_in_the_results(open_harlequin, by):
    terminal = open_harlequin(by)
    run(terminal, "SELECT education, count(*) AS people FROM census.adult GROUP BY education ORDER BY people DESC")
    words = terminal.wait_for("HS-grad")
    assert "10501" in words.replace(",", "")
    assert "16 Records" in words


def test_a_denial_is_readable_and_the_next_query_is_answered(open_harlequin):
    terminal = open_harlequin()
    run(terminal, "SELECT race FROM census.adult")
    words = terminal.wait_for("Query Error")
    assert DENIED in words
    assert "GRANT READ ON TAG special_category.race TO USER ana" in words
    terminal.press("Enter")
    terminal.wait_until_gone("Query Error")
    run(terminal, "SELECT max(age) AS oldest FROM census.adult")
    assert "90" in terminal.wait_for("oldest #").partition("oldest #")[2]


def test_bad_sql_is_explained(open_harlequin):
    terminal = open_harlequin()
    run(terminal, "SELECT no_such_column FROM census.adult")
    assert "no_such_column" in terminal.wait_for("Query Error").partition("Query Error")[2]


def test_quitting_leaves_the_server_serving(open_harlequin):
    terminal = open_harlequin()
    run(terminal, "SELECT 40 + 2 AS answer")
    terminal.wait_for("answer ## 42")
    terminal.press("C-q")
    terminal.wait_until_gone("Query Editor")
    again = open_harlequin()
    run(again, "SELECT 41 + 2 AS answer")
    again.wait_for("answer ## 43")
