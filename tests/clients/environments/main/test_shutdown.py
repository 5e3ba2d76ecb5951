"""Stopping and starting again: what runs is finished, and what counts is kept."""

import contextlib

import adbc_driver_manager
import pyarrow as pa
import pytest

from harness import adbc
from harness.deadline import wait_until
from harness.server import Server

COUNT = "SELECT count(*) FROM census.adult"


def refused(server):
    """Whether the server takes no new connection any more."""
    try:
        with adbc.connect(server, "dora") as connection:
            adbc.rows(connection, "SELECT 1")
    except adbc_driver_manager.Error:
        return True
    return False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_result_that_is_being_read_when_the_server_stops_arrives_whole(start_server):
    server = start_server()
    with adbc.own_session(server, "ana") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT a.age FROM census.adult a CROSS JOIN (SELECT age FROM census.adult LIMIT 40) b")
        reader = cursor.fetch_record_batch()
        rows = next(reader).num_rows
        server.begin_stop()
        wait_until(lambda: refused(server), "the server to refuse new connections")
        rows += sum(batch.num_rows for batch in reader)
        # Closing tells the server, which is gone by now.
        with contextlib.suppress(adbc_driver_manager.OperationalError):
            cursor.close()
    assert rows == 40 * 32561


def test_an_idle_connection_does_not_keep_the_server_from_stopping(start_server):
    server = start_server()
    with adbc.own_session(server, "ana") as connection:
        assert adbc.value(connection, COUNT) == 32561
        server.stop()


def test_tokens_passwords_and_tables_outlive_a_restart(prototype, tmp_path):
    home = prototype.copy(tmp_path / "home")
    with Server(home) as server, adbc.connect(server, "wanda") as connection:
        adbc.ingest(connection, "kept", pa.table({"a": [1, 2]}), db_schema_name="scratch")
        adbc.make_public(connection, "scratch.kept", "a")
        adbc.ingest(connection, "passing", pa.table({"a": [1]}), temporary=True)
    with Server(home) as server, adbc.connect(server, "wanda") as connection:
        assert adbc.rows(connection, "SELECT a FROM scratch.kept ORDER BY a") == [(1,), (2,)]
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            adbc.rows(connection, "SELECT a FROM passing")


def test_what_the_command_line_changes_counts_for_a_running_server(plaintext_server, table_name):
    home = plaintext_server.home
    name = f"scratch.{table_name}"
    home.sql(f"CREATE TABLE {name} AS SELECT 1 AS a", "wanda")
    with adbc.connect(plaintext_server, "wanda") as connection:
        assert adbc.rows(connection, f"SELECT a FROM {name}") == [(1,)]
        home.sql(f"INSERT INTO {name} VALUES (2)", "wanda")
        assert adbc.rows(connection, f"SELECT a FROM {name} ORDER BY a") == [(1,), (2,)]
        adbc.rows(connection, f"INSERT INTO {name} VALUES (3)")
        assert home.rows(f"SELECT count(*) AS n FROM {name}", "wanda") == [{"n": 3}]
        home.sql(f"DROP TABLE {name}", "wanda")
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="does not exist or is not visible"):
            adbc.rows(connection, f"SELECT a FROM {name}")
