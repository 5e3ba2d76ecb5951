"""ADBC: what there is, at every depth and by every filter, and only what the principal may know of."""

import json
import subprocess

import adbc_driver_manager
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from harness import adbc
from harness.home import CENSUS_DATA, binary

COLUMNS = parquet.read_schema(CENSUS_DATA).names


def objects(connection, **filters):
    """`adbc_get_objects`, as {catalog: {schema: {table: (type, columns)}}}; None where it does not go deeper."""
    found = {}
    for catalog in connection.adbc_get_objects(**filters).read_all().to_pylist():
        schemas = catalog["catalog_db_schemas"]
        found[catalog["catalog_name"]] = schemas and {
            schema["db_schema_name"]: schema["db_schema_tables"]
            and {table["table_name"]: (table["table_type"], columns_of(table)) for table in schema["db_schema_tables"]}
            for schema in schemas
        }
    return found


def columns_of(table):
    return table["table_columns"] and [column["column_name"] for column in table["table_columns"]]


def tables(found):
    """The tables that `objects` found, as schema.table."""
    schemas = {name: held for each in found.values() for name, held in (each or {}).items()}
    return {f"{schema}.{table}" for schema, held in schemas.items() for table in held or {}}


@pytest.fixture
def three_kinds(server, wanda, table_name):
    """A table, a view, and nothing else of this test's own in `scratch`."""
    adbc.rows(wanda, f"CREATE TABLE scratch.{table_name} AS SELECT 1 AS a, 'x' AS b")
    adbc.rows(wanda, f"CREATE VIEW scratch.{table_name}_view AS SELECT a FROM scratch.{table_name}")
    return table_name


def test_the_one_catalog_is_sluice(ana):
    assert list(objects(ana, depth="catalogs")) == ["sluice"]


def test_schemas_are_those_that_the_principal_may_know_of(ana, wanda):
    assert set(objects(ana, depth="db_schemas")["sluice"]) == {"census", "income"}
    assert set(objects(wanda, depth="db_schemas")["sluice"]) == {"scratch"}


def test_tables_have_their_type(wanda, ana, three_kinds):
    in_scratch = objects(wanda, depth="tables")["sluice"]["scratch"]
    assert in_scratch[three_kinds][0] == "TABLE"
    assert in_scratch[f"{three_kinds}_view"][0] == "VIEW"
    assert objects(ana, depth="tables")["sluice"]["census"]["adult"][0] == "EXTERNAL TABLE"


@pytest.mark.parametrize("depth", ["all", "columns"])
def test_columns_are_listed_in_order(ana, depth):
    kind, columns = objects(ana, depth=depth)["sluice"]["census"]["adult"]
    assert (kind, columns) == ("EXTERNAL TABLE", COLUMNS)


def test_columns_carry_position_and_type(ana):
    found = ana.adbc_get_objects(depth="all", table_name_filter="adult").read_all().to_pylist()
    (census,) = [s for s in found[0]["catalog_db_schemas"] if s["db_schema_tables"]]
    columns = {column["column_name"]: column for column in census["db_schema_tables"][0]["table_columns"]}
    assert [columns[name]["ordinal_position"] for name in COLUMNS] == list(range(1, len(COLUMNS) + 1))
    assert columns["age"]["xdbc_type_name"] == "BIGINT"
    assert columns["education"]["xdbc_type_name"] in ("VARCHAR", "TEXT")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"db_schema_filter": "census"}, {"census.adult"}),
        ({"db_schema_filter": "cens%"}, {"census.adult"}),
        ({"db_schema_filter": "nowhere"}, set()),
        ({"table_name_filter": "adult"}, {"census.adult"}),
        ({"table_name_filter": "a_ul%"}, {"census.adult"}),
        ({"table_name_filter": "a.ul.*"}, set()),
        ({"table_name_filter": "ADULT"}, set()),
        ({"table_name_filter": "SELECT count(*) FROM census.adult"}, set()),
        ({"catalog_filter": "sluice"}, {"census.adult"}),
        ({"catalog_filter": "elsewhere"}, set()),
        ({"table_types_filter": ["EXTERNAL TABLE"]}, {"census.adult"}),
        ({"table_types_filter": ["TABLE", "VIEW"]}, set()),
        ({"db_schema_filter": "census", "table_name_filter": "nothing"}, set()),
    ],
    ids=str,
)
def test_filters_choose_tables(ana, filters, expected):
    found = objects(ana, depth="tables", **filters)
    assert {name for name in tables(found) if name.startswith("census.")} == expected


def test_a_column_filter_chooses_columns(ana):
    found = objects(ana, depth="all", table_name_filter="adult", column_name_filter="age")
    assert found["sluice"]["census"]["adult"][1] == ["age"]


def test_what_a_principal_may_not_see_appears_nowhere(server, wanda, three_kinds):
    _, token = server.home.new_user()
    with adbc.connect(server, token=token) as stranger:
        assert tables(objects(stranger)) == set()
        for secret in ("census", "hidden", "scratch", "airlines", three_kinds):
            assert secret not in str(stranger.adbc_get_objects(depth="all").read_all().to_pylist())


def test_a_grant_and_its_revocation_show_in_the_next_call(server):
    name, token = server.home.new_user()
    with adbc.connect(server, token=token) as guest:
        server.home.sql(f"GRANT SELECT ON TABLE census.adult TO USER {name}")
        assert tables(objects(guest, depth="tables")) == {"census.adult"}
        server.home.sql(f"REVOKE SELECT ON TABLE census.adult FROM USER {name}")
        assert tables(objects(guest, depth="tables")) == set()


def test_table_schema_is_the_schema_of_select_star(wanda, three_kinds):
    schema = wanda.adbc_get_table_schema(three_kinds, db_schema_filter="scratch")
    answered = adbc.table(wanda, f"SELECT * FROM scratch.{three_kinds}").schema
    assert adbc.without_metadata(schema) == adbc.without_metadata(answered)


def test_table_schema_carries_tags_and_names(ana):
    schema = ana.adbc_get_table_schema("adult", catalog_filter="sluice", db_schema_filter="census")
    assert schema.names == COLUMNS
    age = schema.field("age").metadata
    assert json.loads(age[b"sluice.tags"]) == [{"tag": "personal.age", "flow": "direct", "origin": "census.adult.age"}]
    assert age[b"ARROW:FLIGHT:SQL:TYPE_NAME"] == b"BIGINT"
    assert age[b"ARROW:FLIGHT:SQL:TABLE_NAME"] == b"adult"
    assert age[b"ARROW:FLIGHT:SQL:SCHEMA_NAME"] == age[b"ARROW:FLIGHT:SQL:DB_SCHEMA_NAME"] == b"census"
    assert age[b"ARROW:FLIGHT:SQL:CATALOG_NAME"] == b"sluice"


def test_table_schema_of_an_unknown_and_of_an_invisible_table_fail_alike(ana):
    texts = []
    for schema, table in (("hidden", "airlines"), ("hidden", "nothing"), ("nowhere", "airlines")):
        with pytest.raises(adbc_driver_manager.Error) as caught:
            ana.adbc_get_table_schema(table, db_schema_filter=schema)
        assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.NOT_FOUND
        texts.append(str(caught.value))
    assert len(set(texts)) == 1


def test_a_temporary_table_is_listed_in_its_session_alone(server, wanda):
    adbc.ingest(wanda, "listed_here", pa.table({"a": [1]}), temporary=True)
    (schemas,) = objects(wanda, depth="all", table_name_filter="listed_here").values()
    assert [held for held in schemas.values() if held] == [{"listed_here": ("LOCAL TEMPORARY", ["a"])}]
    with adbc.own_session(server, "wanda") as other:
        assert tables(objects(other, table_name_filter="listed_here")) == set()


def test_table_types_are_those_that_tables_have(ana):
    assert sorted(ana.adbc_get_table_types()) == ["EXTERNAL TABLE", "LOCAL TEMPORARY", "TABLE", "VIEW"]


def test_info_names_the_server_and_its_version(ana):
    info = ana.adbc_get_info()
    version = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    assert info["vendor_name"].lower() == "sluice"
    assert info["vendor_version"] == version
    assert info["vendor_arrow_version"].split(".")[0].isdigit()
    assert info["driver_name"] == "ADBC Flight SQL Driver - Go"


def test_statistics_are_refused_not_invented(ana):
    with pytest.raises(adbc_driver_manager.NotSupportedError):
        ana.adbc_get_statistics(table_name_filter="adult").read_all()
