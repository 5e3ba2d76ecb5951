"""ADBC: bulk ingestion in every mode, from every shape of Arrow data, all of it or nothing."""

import datetime
import decimal

import adbc_driver_manager
import pyarrow as pa
import pytest

from harness import adbc

PEOPLE = pa.table({"id": pa.array([1, 2, None], pa.int64()), "name": ["ann", None, "cid"]})
ROWS = [(1, "ann"), (2, None), (None, "cid")]
EVERY_TYPE = pa.table(
    {
        "i8": pa.array([1, None], pa.int8()),
        "i16": pa.array([-2, None], pa.int16()),
        "i32": pa.array([3, None], pa.int32()),
        "i64": pa.array([2**62, None], pa.int64()),
        "f32": pa.array([0.5, None], pa.float32()),
        "f64": pa.array([1e300, None], pa.float64()),
        "words": pa.array(["grüß", None], pa.string()),
        "many_words": pa.array(["x" * 100, None], pa.large_string()),
        "some_words": pa.array(["view", None], pa.string_view()),
        "bytes": pa.array([b"\x00\xff", None], pa.binary()),
        "flag": pa.array([True, None], pa.bool_()),
        "day": pa.array([datetime.date(2026, 2, 3), None], pa.date32()),
        "moment": pa.array([datetime.datetime(2026, 2, 3, 4, 5, 6, 7), None], pa.timestamp("us")),
        "instant": pa.array([datetime.datetime(2026, 2, 3, 4, 5, 6), None], pa.timestamp("us", "UTC")),
        "money": pa.array([decimal.Decimal("12.50"), None], pa.decimal128(10, 2)),
        "list": pa.array([[1, 2], None], pa.list_(pa.int64())),
        "struct": pa.array([{"x": 1, "y": "a"}, None], pa.struct([("x", pa.int64()), ("y", pa.string())])),
        "code": pa.array(["red", None]).dictionary_encode(),
    }
)


@pytest.fixture
def upload(wanda, table_name):
    """Uploads into a table of this test's own in `scratch`."""

    def upload(data, mode="create", **kwargs):
        return adbc.ingest(wanda, table_name, data, mode, db_schema_name="scratch", **kwargs)

    return upload


@pytest.fixture
def rows_of(wanda, table_name):
    """Classifies the table as public, and reads its two columns."""

    def rows_of(columns=("id", "name")):
        adbc.make_public(wanda, f"scratch.{table_name}", columns)
        listed = ", ".join(columns)
        return adbc.rows(wanda, f"SELECT {listed} FROM scratch.{table_name} ORDER BY {columns[0]} NULLS LAST")

    return rows_of


def test_create_makes_a_table_and_tells_how_many_rows(upload, rows_of):
    assert upload(PEOPLE) == 3
    assert rows_of() == ROWS


def test_create_of_a_table_that_exists_fails_and_leaves_it(upload, rows_of):
    upload(PEOPLE)
    with pytest.raises(adbc_driver_manager.Error, match="already exists"):
        upload(PEOPLE)
    assert rows_of() == ROWS


def test_append_adds_rows(upload, rows_of):
    upload(PEOPLE.slice(0, 1))
    assert upload(PEOPLE.slice(1), "append") == 2
    assert rows_of() == ROWS


def test_append_to_no_table_fails_and_makes_none(server, upload, table_name):
    with pytest.raises(adbc_driver_manager.ProgrammingError, match="does not exist or is not visible"):
        upload(PEOPLE, "append")
    assert f"scratch.{table_name}" not in [row["table"] for row in server.home.rows("SHOW TABLES")]


def test_replace_takes_the_place_of_rows_and_columns(upload, rows_of, wanda, table_name):
    upload(PEOPLE)
    assert upload(pa.table({"word": ["only"]}), "replace") == 1
    assert rows_of(("word",)) == [("only",)]
    assert adbc.rows(wanda, f"DESCRIBE scratch.{table_name}")[0][0] == "word"


def test_replace_of_no_table_creates_it(upload, rows_of):
    assert upload(PEOPLE, "replace") == 3
    assert rows_of() == ROWS


def test_create_append_creates_and_then_appends(upload, rows_of):
    assert upload(PEOPLE.slice(0, 2), "create_append") == 2
    assert upload(PEOPLE.slice(2), "create_append") == 1
    assert rows_of() == ROWS


SHAPES = {
    "table": lambda table: table,
    "batch": lambda table: table.to_batches()[0],
    "reader": lambda table: table.to_reader(max_chunksize=1),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_of_arrow_data_is_one_transaction(server, upload, rows_of, table_name, shape):
    assert upload(PEOPLE.to_batches()[0].slice(0, 0)) == 0
    before = server.home.version_of(f"scratch.{table_name}")
    assert upload(shape(PEOPLE), "append") == 3
    assert server.home.version_of(f"scratch.{table_name}") == before + 1
    assert rows_of() == ROWS


def test_every_type_comes_back_as_it_went(upload, wanda, table_name):
    assert upload(EVERY_TYPE) == 2
    adbc.make_public(wanda, f"scratch.{table_name}", EVERY_TYPE.schema.names)
    assert adbc.table(wanda, f'SELECT * FROM scratch."{table_name}" ORDER BY i8').to_pylist() == EVERY_TYPE.to_pylist()


def test_a_large_upload_arrives_whole(upload, rows_of):
    count = 300_000
    big = pa.table({"id": pa.array(range(count), pa.int64()), "name": ["x" * 40] * count})
    assert upload(big.to_reader(max_chunksize=10_000)) == count
    rows = rows_of()
    assert (len(rows), rows[0], rows[-1]) == (count, (0, "x" * 40), (count - 1, "x" * 40))


def test_append_of_other_columns_fails_and_changes_nothing(server, upload, rows_of, table_name):
    upload(PEOPLE)
    before = server.home.version_of(f"scratch.{table_name}")
    with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        upload(pa.table({"id": [4], "nickname": ["dot"]}), "append")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.INVALID_ARGUMENT
    with pytest.raises(adbc_driver_manager.ProgrammingError):
        upload(pa.table({"id": ["four"], "name": ["dot"]}), "append")
    assert server.home.version_of(f"scratch.{table_name}") == before
    assert rows_of() == ROWS


def breaking(schema):
    """A reader that gives one batch, and then fails."""

    def batches():
        yield PEOPLE.to_batches()[0]
        raise OSError("the source broke")

    return pa.RecordBatchReader.from_batches(schema, batches())


def test_an_append_whose_source_breaks_changes_nothing(server, upload, rows_of, table_name):
    upload(PEOPLE)
    before = server.home.version_of(f"scratch.{table_name}")
    with pytest.raises(adbc_driver_manager.Error):
        upload(breaking(PEOPLE.schema), "append")
    assert server.home.version_of(f"scratch.{table_name}") == before
    assert rows_of() == ROWS


def test_a_create_whose_source_breaks_makes_no_table(server, upload, table_name):
    with pytest.raises(adbc_driver_manager.Error):
        upload(breaking(PEOPLE.schema))
    assert f"scratch.{table_name}" not in [row["table"] for row in server.home.rows("SHOW TABLES")]


def test_the_uploader_reads_nothing_back_until_it_is_classified(upload, wanda, table_name):
    upload(PEOPLE)
    with pytest.raises(adbc_driver_manager.ProgrammingError, match="`unclassified`") as caught:
        adbc.rows(wanda, f"SELECT id FROM scratch.{table_name}")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED
    assert [row[:3:2] for row in adbc.rows(wanda, f"DESCRIBE scratch.{table_name}")] == [
        ("id", "unclassified"),
        ("name", "unclassified"),
    ]


def test_who_may_not_create_in_a_schema_uploads_nothing(server, ana, table_name):
    for mode in ("create", "create_append", "replace"):
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            adbc.ingest(ana, table_name, PEOPLE, mode, db_schema_name="income")
    assert f"income.{table_name}" not in [row["table"] for row in server.home.rows("SHOW TABLES")]


def test_the_sessions_schema_is_where_an_upload_without_a_schema_goes(server, table_name):
    with adbc.own_session(server, "wanda", session_options={"schema": "scratch"}) as connection:
        assert adbc.ingest(connection, table_name, PEOPLE) == 3
        adbc.make_public(connection, f"scratch.{table_name}", ["id"])
        assert adbc.value(connection, f"SELECT count(id) FROM {table_name}") == 2


def test_the_catalog_may_be_named_and_no_other(upload, rows_of):
    assert upload(PEOPLE, catalog_name="sluice") == 3
    with pytest.raises(adbc_driver_manager.ProgrammingError):
        upload(PEOPLE, "append", catalog_name="elsewhere")
    assert rows_of() == ROWS


def test_a_temporary_table_is_read_by_its_session_and_by_no_other(server, wanda):
    assert adbc.ingest(wanda, "mine_alone", PEOPLE, temporary=True) == 3
    assert adbc.rows(wanda, "SELECT id, name FROM mine_alone ORDER BY id NULLS LAST") == ROWS
    with adbc.own_session(server, "wanda") as other, pytest.raises(adbc_driver_manager.ProgrammingError):
        adbc.rows(other, "SELECT id FROM mine_alone")
    assert "mine_alone" not in str(server.home.rows("SHOW TABLES"))


def test_a_temporary_table_may_be_made_of_annotated_columns(wanda):
    fields = [field.with_metadata({"of": "the client"}) for field in PEOPLE.schema]
    annotated = pa.table(PEOPLE.columns, schema=pa.schema(fields, metadata={"pandas": "{}"}))
    answered = adbc.table(wanda, "SELECT 1 AS id, 'ann' AS name")
    assert answered.schema.field("id").metadata
    for name, table in (("annotated", annotated), ("answered", answered)):
        assert adbc.ingest(wanda, name, table, temporary=True) == len(table)
        assert adbc.value(wanda, f"SELECT count(*) FROM {name}") == len(table)
        assert adbc.ingest(wanda, name, table, "append", temporary=True) == len(table)
        assert adbc.value(wanda, f"SELECT count(id) + count(name) FROM {name} WHERE id = 1") == 4


def test_a_temporary_table_ends_with_its_session(server):
    header = {"x-sluice-session": "ends-soon"}
    with adbc.connect(server, "wanda", header=header) as connection:
        adbc.ingest(connection, "fleeting", PEOPLE, temporary=True)
        assert adbc.value(connection, "SELECT count(*) FROM fleeting") == 3
    with adbc.connect(server, "wanda", header=header) as again, pytest.raises(adbc_driver_manager.ProgrammingError):
        adbc.rows(again, "SELECT count(*) FROM fleeting")


def test_a_temporary_table_joins_with_governed_tables(server):
    with adbc.own_session(server, "ana") as connection:
        adbc.ingest(connection, "chosen", pa.table({"school": ["11th", "12th"]}), temporary=True)
        joined = "SELECT count(*) FROM census.adult JOIN chosen ON education = school"
        assert adbc.value(connection, joined) == 1608
        with pytest.raises(adbc_driver_manager.ProgrammingError, match="special_category.race"):
            adbc.rows(connection, "SELECT count(*) FROM census.adult JOIN chosen ON race = school")


def test_temporary_tables_know_every_mode(wanda):
    assert adbc.ingest(wanda, "moded", PEOPLE, temporary=True) == 3
    with pytest.raises(adbc_driver_manager.Error, match="already exists"):
        adbc.ingest(wanda, "moded", PEOPLE, temporary=True)
    assert adbc.ingest(wanda, "moded", PEOPLE, "append", temporary=True) == 3
    assert adbc.value(wanda, "SELECT count(*) FROM moded") == 6
    assert adbc.ingest(wanda, "moded", PEOPLE.slice(0, 1), "replace", temporary=True) == 1
    assert adbc.rows(wanda, "SELECT id, name FROM moded") == ROWS[:1]
