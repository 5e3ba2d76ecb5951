"""ADBC: parameters of every kind and type, one row of them or many, bound to queries and to writes."""

import datetime
import decimal

import adbc_driver_manager
import pyarrow as pa
import pytest

from harness import adbc

TYPES = {
    "tiny": ("TINYINT", [1, None, -128]),
    "small": ("SMALLINT", [2, None, -32768]),
    "regular": ("INT", [3, None, -(2**31)]),
    "big": ("BIGINT", [4, None, 2**63 - 1]),
    "single": ("REAL", [0.5, None, -1.25]),
    "double": ("DOUBLE", [2.5, None, 1e300]),
    "words": ("TEXT", ["grüß", None, ""]),
    "bytes": ("BYTEA", [b"\x00\xff", None, b""]),
    "flag": ("BOOLEAN", [True, None, False]),
    "day": ("DATE", [datetime.date(2026, 2, 3), None, datetime.date(1969, 12, 31)]),
    "moment": ("TIMESTAMP", [datetime.datetime(2026, 2, 3, 4, 5, 6, 789), None, datetime.datetime(1969, 1, 1)]),
    "money": ("DECIMAL(10, 2)", [decimal.Decimal("12.50"), None, decimal.Decimal("-0.01")]),
}


@pytest.fixture
def typed(wanda, table_name):
    """A table with a column of every type, public and empty."""
    name = f"scratch.{table_name}"
    columns = ", ".join(f"{column} {sql}" for column, (sql, _) in TYPES.items())
    adbc.rows(wanda, f"CREATE TABLE {name} ({columns})")
    adbc.make_public(wanda, name, TYPES)
    return name


@pytest.mark.parametrize("column", TYPES)
def test_a_value_of_each_type_is_written_and_found_by_a_parameter(wanda, typed, column):
    first, _, last = TYPES[column][1]
    with wanda.cursor() as cursor:
        for value in TYPES[column][1]:
            cursor.execute(f"INSERT INTO {typed} ({column}) VALUES (?)", (value,))
            assert cursor.rowcount == 1
    found = adbc.rows(wanda, f"SELECT {column} FROM {typed} WHERE {column} IS NOT NULL")
    assert {row[0] for row in found} == {first, last}
    assert adbc.rows(wanda, f"SELECT {column} FROM {typed} WHERE {column} = ?", (first,)) == [(first,)]
    assert adbc.value(wanda, f"SELECT count(*) FROM {typed} WHERE {column} IS NULL") == 1


def test_executemany_writes_every_type_in_one_transaction(server, wanda, typed):
    before = server.home.version_of(typed)
    rows = list(zip(*(values for _, values in TYPES.values())))
    marks = ", ".join("?" for _ in TYPES)
    with wanda.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {typed} VALUES ({marks})", rows)
        assert cursor.rowcount == len(rows)
    columns = ", ".join(TYPES)
    found = adbc.rows(wanda, f"SELECT {columns} FROM {typed} ORDER BY big NULLS LAST")
    assert found == [rows[0], rows[2], rows[1]]
    assert server.home.version_of(typed) == before + 1


def test_executemany_takes_an_arrow_batch(wanda, typed):
    batch = pa.record_batch({"a": pa.array([1, 2, None], pa.int64()), "b": ["x", None, "z"]})
    with wanda.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {typed} (big, words) VALUES ($1, $2)", batch)
        assert cursor.rowcount == 3
    found = adbc.rows(wanda, f"SELECT big, words FROM {typed} ORDER BY big NULLS LAST")
    assert found == [(1, "x"), (2, None), (None, "z")]


def test_executemany_of_a_thousand_batches_is_still_one_transaction(server, wanda, typed):
    before = server.home.version_of(typed)
    schema = pa.schema([("a", pa.int64())])
    batches = (pa.record_batch([pa.array([number])], schema=schema) for number in range(1000))
    with wanda.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {typed} (big) VALUES (?)", pa.RecordBatchReader.from_batches(schema, batches))
        assert cursor.rowcount == 1000
    assert adbc.rows(wanda, f"SELECT count(*), sum(big) FROM {typed}") == [(1000, 499500)]
    assert server.home.version_of(typed) == before + 1


def test_executemany_updates_and_deletes_per_row_of_parameters(wanda, typed):
    with wanda.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {typed} (big, words) VALUES (?, ?)", [(n, "old") for n in range(4)])
        cursor.executemany(f"UPDATE {typed} SET words = ? WHERE big = ?", [("new", 1), ("newer", 2)])
        assert cursor.rowcount == 2
        cursor.executemany(f"DELETE FROM {typed} WHERE big = ?", [(0,), (3,)])
        assert cursor.rowcount == 2
    assert adbc.rows(wanda, f"SELECT big, words FROM {typed} ORDER BY big") == [(1, "new"), (2, "newer")]


def test_executemany_that_fails_for_one_row_writes_no_row(server, wanda, table_name):
    name = f"scratch.{table_name}"
    adbc.rows(wanda, f"CREATE TABLE {name} (a BIGINT)")
    adbc.make_public(wanda, name, "a")
    before = server.home.version_of(name)
    with wanda.cursor() as cursor, pytest.raises(adbc_driver_manager.Error, match="division by zero"):
        cursor.executemany(f"INSERT INTO {name} VALUES (10 / ?)", [(1,), (0,), (5,)])
    assert adbc.value(wanda, f"SELECT count(*) FROM {name}") == 0
    assert server.home.version_of(name) == before


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("SELECT count(*) FROM census.adult WHERE age < ? AND education = ?", (18, "11th"), 180),
        ("SELECT count(*) FROM census.adult WHERE education = $2 AND age < $1", (18, "11th"), 180),
        ("SELECT count(*) FROM census.adult WHERE education = $1 OR occupation = $1", ("11th",), 1175),
        ("SELECT count(*) FROM census.adult WHERE age BETWEEN $1 AND $1", (17,), 395),
    ],
)
def test_question_marks_and_numbers_are_bound_in_order(ana, sql, parameters, expected):
    assert adbc.value(ana, sql, parameters) == expected


def test_names_are_bound_by_the_names_of_an_arrow_batch(ana):
    sql = "SELECT count(*) FROM census.adult WHERE education = $school AND age < $limit"
    batch = pa.record_batch({"limit": [18], "school": ["11th"]})
    assert adbc.value(ana, sql, batch) == 180


@pytest.mark.xfail(raises=adbc_driver_manager.NotSupportedError, reason="the driver has no option to bind by name")
def test_names_are_bound_by_a_dictionary(ana):
    sql = "SELECT count(*) FROM census.adult WHERE education = $school AND age < $limit"
    assert adbc.value(ana, sql, {"limit": 18, "school": "11th"}) == 180


@pytest.mark.parametrize("value", [7, 1.5, "text", b"\x01", True, None, datetime.date(2026, 1, 2)])
def test_a_parameter_alone_takes_the_type_of_its_value(ana, value):
    assert adbc.value(ana, "SELECT ?", (value,)) == value
    assert adbc.value(ana, "SELECT $1", (value,)) == value


def test_a_batch_of_parameters_runs_a_query_once_per_row(ana):
    batch = pa.record_batch({"age": pa.array([17, 18, 1000], pa.int64())})
    answered = adbc.rows(ana, "SELECT $1 AS asked, count(*) FROM census.adult WHERE age = $1", batch)
    assert [row for row in answered if row[0] == 1000] == [(1000, 0)]
    assert answered[0] == (17, 395)
    assert [row[0] for row in answered] == [17, 18, 1000]


def test_a_prepared_query_is_bound_again_and_again(ana):
    sql = "SELECT count(*) FROM census.adult WHERE age < ?"
    with ana.cursor() as cursor:
        counts = [cursor.execute(sql, (limit,)).fetchone()[0] for limit in (18, 0, 1000, 18)]
    assert counts == [395, 0, 32561, 395]


def test_a_parameter_is_a_value_and_never_sql(ana):
    count = "SELECT count(*) FROM census.adult WHERE education = ?"
    assert adbc.value(ana, count, ("x' OR '1' = '1",)) == 0
    assert adbc.value(ana, count, ("11th'; DROP TABLE census.adult; --",)) == 0


def test_marks_within_texts_names_and_comments_are_no_parameters(ana):
    sql = """SELECT '?' AS "a?", '$1' AS b, age FROM census.adult -- really?
             WHERE age = ? /* $2 ? */ LIMIT 1"""
    assert adbc.table(ana, sql, (17,)).to_pylist() == [{"a?": "?", "b": "$1", "age": 17}]


def test_a_limit_is_a_parameter_too(ana):
    assert len(adbc.rows(ana, "SELECT age FROM census.adult LIMIT ?", (3,))) == 3


@pytest.mark.parametrize("parameters", [None, (18,), (18, "11th", 3)])
def test_too_few_or_too_many_parameters_are_the_callers_mistake(ana, parameters):
    sql = "SELECT count(*) FROM census.adult WHERE age < ? AND education = ?"
    with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        adbc.rows(ana, sql, parameters)
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.INVALID_ARGUMENT


def test_a_parameter_of_the_wrong_type_is_the_callers_mistake(ana):
    with pytest.raises(adbc_driver_manager.Error) as caught:
        adbc.rows(ana, "SELECT count(*) FROM census.adult WHERE age < ?", ("swordfish",))
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.INVALID_ARGUMENT


def test_governance_judges_a_parameterized_query_like_any_other(ana):
    with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        adbc.rows(ana, "SELECT count(*) FROM census.adult WHERE race = ?", ("White",))
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED
