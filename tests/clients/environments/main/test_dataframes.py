"""Data frames: polars, pandas and DuckDB read and write through ADBC, as their users do."""

import datetime

import adbc_driver_manager
import duckdb
import pandas
import polars
import pytest

from harness import adbc

BY_EDUCATION = """SELECT education, count(*) AS people, avg(age) AS age FROM census.adult
                  GROUP BY education ORDER BY people DESC LIMIT 3"""
FIRST_THREE = [("HS-grad", 10501), ("Some-college", 7291), ("Bachelors", 5355)]
FRAME = {
    "id": [1, 2, 3],
    "name": ["ann", "bob", None],
    "score": [1.5, None, -2.0],
    "seen": [datetime.datetime(2026, 1, 2, 3, 4, 5), None, datetime.datetime(1969, 12, 31)],
}
COLUMNS = list(FRAME)


def read_back(connection, name):
    adbc.make_public(connection, name, COLUMNS)
    return adbc.table(connection, f"SELECT id, name, score, seen FROM {name} ORDER BY id").to_pydict()


def test_polars_reads(ana):
    frame = polars.read_database(BY_EDUCATION, ana)
    assert frame.select("education", "people").rows() == FIRST_THREE
    assert frame.schema == {"education": polars.String, "people": polars.Int64, "age": polars.Float64}


def test_polars_reads_with_parameters(ana):
    sql = "SELECT count(*) AS people FROM census.adult WHERE age < ? AND education = ?"
    frame = polars.read_database(sql, ana, execute_options={"parameters": [18, "11th"]})
    assert frame.rows() == [(180,)]


def test_polars_reads_in_batches(ana):
    batches = polars.read_database("SELECT age FROM census.adult", ana, iter_batches=True, batch_size=1000)
    assert sum(batch.height for batch in batches) == 32561


def test_polars_reads_no_more_than_is_granted(ana):
    with pytest.raises(adbc_driver_manager.ProgrammingError, match="special_category.race"):
        polars.read_database("SELECT race FROM census.adult", ana)


@pytest.mark.parametrize("name", ["scratch.{}", "sluice.scratch.{}"])
def test_polars_writes_and_the_rows_come_back(wanda, table_name, name):
    target = name.format(table_name)
    assert polars.DataFrame(FRAME).write_database(target, wanda, engine="adbc") == 3
    assert read_back(wanda, f"scratch.{table_name}") == FRAME


def test_polars_fails_appends_and_replaces_as_it_is_told(wanda, table_name):
    name, frame = f"scratch.{table_name}", polars.DataFrame(FRAME)
    frame.head(1).write_database(name, wanda, engine="adbc", if_table_exists="append")
    with pytest.raises(adbc_driver_manager.Error, match="already exists"):
        frame.write_database(name, wanda, engine="adbc", if_table_exists="fail")
    frame.tail(2).write_database(name, wanda, engine="adbc", if_table_exists="append")
    assert read_back(wanda, name) == FRAME
    frame.head(2).write_database(name, wanda, engine="adbc", if_table_exists="replace")
    assert read_back(wanda, name) == {column: values[:2] for column, values in FRAME.items()}


def test_pandas_reads(ana):
    frame = pandas.read_sql(BY_EDUCATION, ana)
    assert list(zip(frame["education"], frame["people"])) == FIRST_THREE


def test_pandas_reads_a_table_by_name(server):
    # pandas leaves the schema out of what it sends by ADBC, so it is the session's.
    with adbc.own_session(server, "dora", session_options={"schema": "census"}) as dora:
        frame = pandas.read_sql_table("adult", dora, columns=["age", "race"])
        assert (len(frame), list(frame.columns)) == (32561, ["age", "race"])
        assert frame["age"].max() == 90


def test_pandas_keeps_arrow_types_when_asked(ana):
    frame = pandas.read_sql(BY_EDUCATION, ana, dtype_backend="pyarrow")
    assert str(frame["people"].dtype) == "int64[pyarrow]"
    assert list(frame["education"]) == [name for name, _ in FIRST_THREE]


def test_pandas_reads_no_more_than_is_granted(ana):
    with pytest.raises(pandas.errors.DatabaseError, match="special_category.race"):
        pandas.read_sql("SELECT race FROM census.adult", ana)


def test_pandas_writes_and_the_rows_come_back(wanda, table_name):
    frame = pandas.DataFrame(FRAME).convert_dtypes()
    assert frame.to_sql(table_name, wanda, schema="scratch", index=False) == 3
    assert read_back(wanda, f"scratch.{table_name}") == FRAME


def test_pandas_fails_appends_and_replaces_as_it_is_told(wanda, table_name):
    frame = pandas.DataFrame(FRAME).convert_dtypes()
    where = {"schema": "scratch", "index": False}
    frame.head(1).to_sql(table_name, wanda, **where)
    with pytest.raises(ValueError, match="already exists"):
        frame.to_sql(table_name, wanda, if_exists="fail", **where)
    frame.tail(2).to_sql(table_name, wanda, if_exists="append", **where)
    assert read_back(wanda, f"scratch.{table_name}") == FRAME
    frame.head(2).to_sql(table_name, wanda, if_exists="replace", **where)
    assert read_back(wanda, f"scratch.{table_name}") == {column: values[:2] for column, values in FRAME.items()}


def test_duckdb_reads_a_stream(ana):
    with ana.cursor() as cursor:
        cursor.execute("SELECT education, age FROM census.adult")
        stream = duckdb.from_arrow(cursor.fetch_record_batch())
        top = "SELECT education, count(*) AS people FROM stream GROUP BY ALL ORDER BY people DESC LIMIT 3"
        assert stream.query("stream", top).fetchall() == FIRST_THREE


def test_duckdb_writes_a_stream(wanda, table_name):
    frame = duckdb.from_arrow(polars.DataFrame(FRAME).to_arrow())
    reader = frame.project("id + 10 AS id, name, score, seen").to_arrow_reader(2)
    assert adbc.ingest(wanda, table_name, reader, db_schema_name="scratch") == 3
    assert read_back(wanda, f"scratch.{table_name}") == {**FRAME, "id": [11, 12, 13]}
