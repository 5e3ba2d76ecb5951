"""ADBC's DBAPI: statements run and results are fetched in every way that it has."""

import datetime
import decimal

import adbc_driver_manager
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from harness import adbc, errors
from harness.home import CENSUS_DATA

README_QUERY = """SELECT education, round(avg(age), 1) AS age, count(*) AS people
  FROM census.adult GROUP BY education ORDER BY age DESC LIMIT 5"""
README_ROWS = [
    ("7th-8th", 48.4, 646),
    ("Doctorate", 47.7, 413),
    ("1st-4th", 46.1, 168),
    ("Prof-school", 44.7, 576),
    ("Masters", 44.0, 1723),
]


def test_a_query_answers_what_the_command_line_answers(ana):
    assert adbc.rows(ana, README_QUERY) == README_ROWS


def test_fetchone_answers_rows_in_order_and_then_none(ana):
    with ana.cursor() as cursor:
        cursor.execute(README_QUERY)
        assert [cursor.fetchone() for _ in range(6)] == [*README_ROWS, None]


def test_fetchmany_follows_the_size_given_and_else_arraysize(ana):
    with ana.cursor() as cursor:
        cursor.arraysize = 2
        cursor.execute(README_QUERY)
        assert cursor.fetchmany() == README_ROWS[:2]
        assert cursor.fetchmany(1) == README_ROWS[2:3]
        assert cursor.fetchmany(10) == README_ROWS[3:]
        assert cursor.fetchmany(10) == []


def test_a_cursor_iterates_over_its_rows(ana):
    with ana.cursor() as cursor:
        assert list(cursor.execute(README_QUERY)) == README_ROWS


def test_fetch_arrow_table_holds_names_types_and_rows(ana):
    table = adbc.table(ana, README_QUERY)
    assert table.schema.names == ["education", "age", "people"]
    assert adbc.without_metadata(table.schema).types == [pa.string(), pa.float64(), pa.int64()]
    assert table.to_pylist() == [dict(zip(table.schema.names, row)) for row in README_ROWS]


def test_fetch_record_batch_streams_every_row(ana):
    with ana.cursor() as cursor:
        cursor.execute("SELECT age FROM census.adult")
        reader = cursor.fetch_record_batch()
        sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == parquet.read_metadata(CENSUS_DATA).num_rows
    assert len(sizes) > 1, "the census comes as a stream of batches"


def test_fetch_df_and_fetch_polars_hold_the_same_rows(ana):
    with ana.cursor() as cursor:
        frame = cursor.execute(README_QUERY).fetch_df()
        polars_frame = cursor.execute(README_QUERY).fetch_polars()
    assert [tuple(row) for row in frame.itertuples(index=False)] == README_ROWS
    assert polars_frame.rows() == README_ROWS


def test_description_names_columns_before_a_row_is_read(ana):
    with ana.cursor() as cursor:
        assert cursor.description is None
        cursor.execute(README_QUERY)
        assert [column[0] for column in cursor.description] == ["education", "age", "people"]
        assert [column[1] for column in cursor.description][1:] == [pa.float64(), pa.int64()]


def test_rowcount_of_a_query_is_unknown_or_true(ana):
    with ana.cursor() as cursor:
        cursor.execute(README_QUERY)
        assert cursor.rowcount in (-1, len(README_ROWS))


def test_a_whole_table_arrives_as_its_file_holds_it(dora):
    expected = parquet.read_table(CENSUS_DATA).drop_columns("fnlwgt")
    columns = ", ".join(expected.schema.names)
    answered = adbc.table(dora, f"SELECT {columns} FROM census.adult")
    assert adbc.without_metadata(answered.schema).types == adbc.without_metadata(expected.schema).types
    order = [(name, "ascending") for name in expected.schema.names]
    plain = answered.cast(pa.schema([pa.field(f.name, f.type) for f in expected.schema]))
    assert plain.sort_by(order).to_pylist() == expected.sort_by(order).to_pylist()


def test_an_empty_result_keeps_its_columns(ana):
    table = adbc.table(ana, "SELECT age, education FROM census.adult WHERE age > 1000")
    assert (table.num_rows, table.schema.names) == (0, ["age", "education"])


def test_literals_of_every_type_arrive_as_python_values(ana):
    values = adbc.rows(
        ana,
        """SELECT 1, CAST(-2 AS SMALLINT), 2.5, 'text', X'00ff', true, DATE '2026-02-03',
           TIMESTAMP '2026-02-03 04:05:06', CAST('12.50' AS DECIMAL(10, 2)), NULL,
           TIMESTAMP '2026-02-03 04:05:06' AT TIME ZONE 'UTC' AS instant, [1, 2], INTERVAL '1' DAY""",
    )[0]
    moment = datetime.datetime(2026, 2, 3, 4, 5, 6)
    assert values[:6] == (1, -2, 2.5, "text", b"\x00\xff", True)
    assert values[6] == datetime.date(2026, 2, 3)
    assert values[7] == moment
    assert values[8:10] == (decimal.Decimal("12.50"), None)
    assert values[10] == moment.replace(tzinfo=datetime.timezone.utc)
    assert values[11] == [1, 2]
    assert values[12].days == 1


def test_statements_without_rows_answer_none_and_affect_an_unknown_count(wanda, table_name):
    assert adbc.affected(wanda, f"CREATE TABLE scratch.{table_name} (a BIGINT)") == -1


def test_writes_tell_how_many_rows_they_affected(wanda, table_name):
    name = f"scratch.{table_name}"
    adbc.rows(wanda, f"CREATE TABLE {name} (a BIGINT, b TEXT)")
    adbc.make_public(wanda, name, "ab")
    assert adbc.affected(wanda, f"INSERT INTO {name} VALUES (1, 'x'), (2, 'y'), (3, 'z')") == 3
    assert adbc.affected(wanda, f"UPDATE {name} SET b = 'w' WHERE a >= 2") == 2
    assert adbc.affected(wanda, f"DELETE FROM {name} WHERE a = 1") == 1
    assert adbc.rows(wanda, f"SELECT a, b FROM {name} ORDER BY a") == [(2, "w"), (3, "w")]


def test_a_write_runs_once(server, wanda, table_name):
    name = f"scratch.{table_name}"
    adbc.rows(wanda, f"CREATE TABLE {name} (a BIGINT)")
    adbc.make_public(wanda, name, "a")
    before = server.home.version_of(name)
    assert adbc.affected(wanda, f"INSERT INTO {name} VALUES (1)") == 1
    assert adbc.value(wanda, f"SELECT count(*) FROM {name}") == 1
    assert server.home.version_of(name) == before + 1


def test_executescript_runs_a_statement_by_the_update_path(wanda, table_name):
    with wanda.cursor() as cursor:
        cursor.executescript(f"CREATE TABLE scratch.{table_name} (a BIGINT)")
    assert adbc.rows(wanda, f"DESCRIBE scratch.{table_name}") == [("a", "Int64", "unclassified")]


def test_governance_statements_work_like_any_sql(ana):
    explained = adbc.table(ana, "EXPLAIN GOVERNANCE SELECT age FROM census.adult").to_pylist()
    assert {(row["column"], row["tag"], row["decision"]) for row in explained} == {("age", "personal.age", "allow")}
    shown = adbc.rows(ana, "SHOW TABLES")
    assert [row[0] for row in shown] == ["census.adult"]


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT FROM WHERE", "SELECT nothing FROM census.adult", " "])
def test_bad_sql_is_the_callers_mistake(ana, sql):
    with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        adbc.rows(ana, sql)
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.INVALID_ARGUMENT
    assert errors.text(caught.value)


def test_the_connection_serves_on_after_an_error(ana):
    with pytest.raises(adbc_driver_manager.ProgrammingError):
        adbc.rows(ana, "SELECT nothing FROM census.adult")
    assert adbc.rows(ana, README_QUERY) == README_ROWS


def test_results_of_two_cursors_are_read_side_by_side(ana):
    with ana.cursor() as left, ana.cursor() as right:
        left.execute(README_QUERY)
        right.execute("SELECT count(*) FROM census.adult WHERE age < 18")
        first = left.fetchone()
        ((young,),) = right.fetchall()
        assert [first, *left.fetchall()] == README_ROWS
    assert young == 395


def test_a_cloned_connection_is_the_same_principal(ana):
    with ana.adbc_clone() as clone:
        assert adbc.rows(clone, README_QUERY) == README_ROWS
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            adbc.rows(clone, "SELECT race FROM census.adult")


def test_transactions_are_refused_and_autocommit_goes_on(server):
    with pytest.warns(Warning, match="Cannot disable autocommit"):
        connection = adbc.connect(server, "ana", autocommit=False)
    with connection:
        with pytest.raises(adbc_driver_manager.NotSupportedError):
            connection.adbc_connection.set_autocommit(False)
        connection.commit()
        connection.rollback()
        assert adbc.rows(connection, README_QUERY) == README_ROWS
