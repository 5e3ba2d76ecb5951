"""ADBC: preparing, schemas without execution, partitions, incremental execution, cancelling and time-outs."""

import adbc_driver_manager
import pyarrow as pa
import pytest
from adbc_driver_flightsql import StatementOptions

from harness import adbc, endless
from harness.endless import Endless

COUNT = "SELECT count(*) AS people FROM census.adult"
INCREMENTAL = adbc_driver_manager.StatementOptions.INCREMENTAL.value


def partitions_of(cursor, sql):
    """Collects partitions until the driver answers none, as incremental execution asks for."""
    found = []
    while True:
        partitions, schema = cursor.adbc_execute_partitions(sql)
        if not partitions:
            return found, schema
        found += partitions


def read_partitions(connection, partitions):
    rows = []
    for partition in partitions:
        with connection.cursor() as cursor:
            cursor.adbc_read_partition(partition)
            rows += cursor.fetchall()
    return rows


def test_prepare_tells_how_many_parameters_there_are_and_their_types_where_known(ana):
    with ana.cursor() as cursor:
        schema = cursor.adbc_prepare(f"{COUNT} WHERE age < ? AND education = ?")
    assert len(schema) == 2
    age, education = schema.types
    assert age in (pa.int64(), pa.null())
    assert education in (pa.string(), pa.string_view(), pa.large_string(), pa.null())


def test_prepare_names_named_parameters_once_each(ana):
    with ana.cursor() as cursor:
        schema = cursor.adbc_prepare(f"{COUNT} WHERE age < $limit OR age > $limit AND education = $school")
    assert sorted(name.lstrip("$") for name in schema.names) == ["limit", "school"]


def test_prepare_of_a_statement_without_parameters_tells_of_none(ana):
    with ana.cursor() as cursor:
        assert len(cursor.adbc_prepare(COUNT)) == 0


def test_a_prepared_statement_is_executed_without_preparing_again(ana):
    sql = f"{COUNT} WHERE age < ?"
    with ana.cursor() as cursor:
        cursor.adbc_prepare(sql)
        assert [cursor.execute(sql, (limit,)).fetchall() for limit in (18, 0)] == [[(395,)], [(0,)]]


def test_prepare_refuses_bad_sql_and_denied_columns_at_once(ana):
    with ana.cursor() as cursor:
        with pytest.raises(adbc_driver_manager.ProgrammingError) as bad:
            cursor.adbc_prepare("SELECT nothing FROM census.adult")
        with pytest.raises(adbc_driver_manager.ProgrammingError) as denied:
            cursor.adbc_prepare("SELECT race FROM census.adult")
    assert bad.value.status_code == adbc_driver_manager.AdbcStatusCode.INVALID_ARGUMENT
    assert denied.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED


def test_execute_schema_is_the_schema_of_the_rows(ana):
    sql = "SELECT education, avg(age) AS age, count(*) AS people FROM census.adult GROUP BY education"
    with ana.cursor() as cursor:
        schema = cursor.adbc_execute_schema(sql)
    assert schema == adbc.table(ana, sql).schema
    assert schema.names == ["education", "age", "people"]


def test_execute_schema_without_preparing_is_the_same(ana):
    with ana.cursor() as cursor:
        prepared = cursor.adbc_execute_schema(COUNT)
    with adbc_driver_manager.AdbcStatement(ana.adbc_connection) as statement:
        statement.set_sql_query(COUNT)
        assert pa.schema(statement.execute_schema()) == prepared


def test_neither_preparing_nor_execute_schema_executes(server, wanda, table_name):
    name = f"scratch.{table_name}"
    adbc.rows(wanda, f"CREATE TABLE {name} (a BIGINT)")
    before = server.home.version_of(name)
    with wanda.cursor() as cursor:
        assert len(cursor.adbc_prepare(f"INSERT INTO {name} VALUES (?)")) == 1
    with adbc_driver_manager.AdbcStatement(wanda.adbc_connection) as statement:
        statement.set_sql_query(f"INSERT INTO {name} VALUES (1)")
        assert pa.schema(statement.execute_schema()).names == ["affected_rows"]
    assert server.home.version_of(name) == before


def test_partitions_are_read_on_another_connection_of_the_same_principal(server, ana):
    with ana.cursor() as cursor:
        partitions, schema = cursor.adbc_execute_partitions(COUNT)
    assert schema.names == ["people"]
    with adbc.connect(server, "ana") as other:
        assert read_partitions(other, partitions) == [(32561,)]


def test_incremental_execution_answers_every_row_once(ana):
    with ana.cursor(adbc_stmt_kwargs={INCREMENTAL: "true"}) as cursor:
        partitions, _ = partitions_of(cursor, "SELECT age FROM census.adult")
    assert len(read_partitions(ana, partitions)) == 32561


def test_incremental_execution_is_denied_like_any_other(ana):
    with ana.cursor(adbc_stmt_kwargs={INCREMENTAL: "true"}) as cursor:
        with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
            partitions_of(cursor, "SELECT race FROM census.adult")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED


def test_a_cancelled_query_ends_as_cancelled_and_frees_its_place(start_server):
    server = start_server("[server]\nmax_statements = 1\nqueue_timeout_s = 60\n")
    with adbc.own_session(server, "ana") as connection, adbc.own_session(server, "dora") as other:
        with Endless(connection) as running:
            error = running.cancel()
        assert error.status_code == adbc_driver_manager.AdbcStatusCode.CANCELLED
        assert adbc.value(other, COUNT) == 32561
        assert adbc.value(connection, COUNT) == 32561


def test_a_query_past_the_clients_time_out_ends_and_frees_its_place(start_server):
    server = start_server("[server]\nmax_statements = 1\nqueue_timeout_s = 60\n")
    limits = {StatementOptions.TIMEOUT_QUERY.value: "1.0", StatementOptions.TIMEOUT_FETCH.value: "1.0"}
    with adbc.own_session(server, "ana") as connection:
        with connection.cursor(adbc_stmt_kwargs=limits) as cursor:
            with pytest.raises(adbc_driver_manager.OperationalError) as caught:
                cursor.execute(endless.SQL).fetchall()
        assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.TIMEOUT
        assert adbc.value(connection, COUNT) == 32561


def test_closing_a_half_read_result_frees_its_place(start_server):
    server = start_server("[server]\nmax_statements = 1\nqueue_timeout_s = 60\n")
    with adbc.own_session(server, "ana") as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT a.age, b.age FROM census.adult a CROSS JOIN census.adult b")
            assert cursor.fetchone() is not None
        assert adbc.value(connection, COUNT) == 32561
