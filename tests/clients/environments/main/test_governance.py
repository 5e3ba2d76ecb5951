"""What governance promises, seen through clients: two people, two answers, and denials that explain themselves."""

import json

import adbc_driver_manager
import pyarrow.flight as flight
import pytest

from harness import adbc, errors, flight_sql

HOURS_BY_RACE = """SELECT race, round(avg(hours_per_week), 1) AS hours FROM census.adult
                   GROUP BY race ORDER BY hours DESC"""
DENIED_COLUMN = "SELECT race FROM census.adult"


def denial_of(connection, sql):
    with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        adbc.rows(connection, sql)
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED
    assert errors.code(caught.value) == "PermissionDenied"
    return caught.value


def tags_of(schema):
    """The tags of each field, as {field: {(tag, flow, origin)}}."""
    return {
        field.name: {(t["tag"], t["flow"], t["origin"]) for t in json.loads(field.metadata[b"sluice.tags"])}
        for field in schema
    }


def test_one_query_two_people_two_answers(ana, dora):
    assert adbc.rows(dora, HOURS_BY_RACE) == [
        ("White", 40.7),
        ("Asian-Pac-Islander", 40.1),
        ("Amer-Indian-Eskimo", 40.0),
        ("Other", 39.5),
        ("Black", 38.4),
    ]
    denial_of(ana, HOURS_BY_RACE)


def test_a_denial_says_what_the_command_line_says(ana):
    text = errors.text(denial_of(ana, HOURS_BY_RACE))
    lines = text.splitlines()
    assert lines[0] == "column `census.adult.race` carries `special_category.race`, and `ana` has no READ on it"
    assert "path: census.adult.race → group by race → result column race" in lines
    assert "help: leave it out, or have it granted: `GRANT READ ON TAG special_category.race TO USER ana`" in lines


def test_a_denials_details_are_for_programs(ana):
    reason, domain, metadata = errors.error_info(denial_of(ana, DENIED_COLUMN))
    assert (reason, domain) == ("DENIED", "sluice")
    assert metadata["column"] == "census.adult.race"
    assert metadata["tag"] == "special_category.race"
    assert metadata["action"] == "READ"
    assert metadata["path"] == "census.adult.race → result column race"
    assert metadata["hint"].startswith("leave it out, or have it granted")


def test_plain_flight_brings_the_same_text(server, ana):
    with flight_sql.connect(server) as client, pytest.raises(flight.FlightUnauthorizedError) as caught:
        flight_sql.query(client, HOURS_BY_RACE, flight_sql.bearer(server.token("ana")))
    assert errors.text(caught.value) == errors.text(denial_of(ana, HOURS_BY_RACE))


def test_a_denial_lists_every_refused_column(ana):
    text = errors.text(denial_of(ana, "SELECT race, sex, fnlwgt FROM census.adult"))
    for column in ("race", "sex", "fnlwgt"):
        assert f"column `census.adult.{column}` carries" in text


def test_filtering_by_a_column_is_denied_like_selecting_it(ana):
    for sql in (
        "SELECT count(*) FROM census.adult WHERE race = 'White'",
        "SELECT age FROM census.adult ORDER BY race",
        "SELECT age FROM census.adult WHERE EXISTS (SELECT 1 FROM census.adult b WHERE b.race = 'White')",
    ):
        assert errors.error_info(denial_of(ana, sql))[2]["tag"] == "special_category.race"


def test_who_may_use_a_tag_filters_by_it_and_does_not_read_it(server):
    with adbc.connect(server, "rolf") as rolf:
        assert adbc.value(rolf, "SELECT count(*) FROM census.adult WHERE race = 'Other'") == 271
        assert errors.error_info(denial_of(rolf, DENIED_COLUMN))[2]["action"] == "READ"


def test_what_nobody_has_classified_nobody_reads(ana, dora):
    for connection in (ana, dora):
        assert errors.error_info(denial_of(connection, "SELECT fnlwgt FROM census.adult"))[2]["tag"] == "unclassified"


def test_an_administrator_reads_nothing_that_was_not_granted(server):
    with adbc.connect(server, "admin") as admin:
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            adbc.rows(admin, "SELECT age FROM census.adult")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {}",
        "SELECT count(*) FROM {}",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM {})",
        "INSERT INTO {} VALUES (1)",
        "DELETE FROM {}",
        "DROP TABLE {}",
        "DESCRIBE {}",
        "EXPLAIN SELECT * FROM {}",
        "EXPLAIN GOVERNANCE SELECT * FROM {}",
        "SHOW TAGS ON TABLE {}",
        "GRANT SELECT ON TABLE {} TO USER ana",
    ],
)
def test_an_invisible_table_fails_exactly_like_one_that_does_not_exist(ana, sql):
    failures = []
    for name in ("hidden.airlines", "hidden.airplane"):
        with pytest.raises(adbc_driver_manager.Error) as caught:
            adbc.rows(ana, sql.format(name))
        error = caught.value
        failures.append((type(error), error.status_code, str(error).replace(name, "TABLE"), len(error.details or ())))
    assert failures[0] == failures[1]
    assert failures[0][1] == adbc_driver_manager.AdbcStatusCode.INVALID_ARGUMENT


def test_an_invisible_schema_fails_exactly_like_one_that_does_not_exist(ana):
    texts = []
    for name in ("hidden.t", "hiddem.t"):
        with pytest.raises(adbc_driver_manager.Error) as caught:
            adbc.rows(ana, f"CREATE TABLE {name} AS SELECT 1 AS a")
        texts.append(str(caught.value).replace(name, "TABLE").replace(name.split(".")[0], "SCHEMA"))
    assert texts[0] == texts[1]


def test_fields_carry_their_tags_in_the_info_and_in_the_stream(server):
    sql = "SELECT age, education, age + education_num AS mixed, 1 AS one FROM census.adult WHERE hours_per_week > 90"
    options = flight_sql.bearer(server.token("ana"))
    with flight_sql.connect(server) as client:
        info = client.get_flight_info(flight_sql.statement(sql), options)
        streamed = client.do_get(info.endpoints[0].ticket, options).schema
    assert info.schema.equals(streamed, check_metadata=True)
    age, education = ("personal.age", "census.adult.age"), ("public", "census.adult.education_num")
    tags = tags_of(info.schema)
    assert {(tag, origin) for tag, flow, origin in tags["age"] if flow == "direct"} == {age}
    assert {(tag, origin) for tag, flow, origin in tags["mixed"] if flow == "direct"} == {age, education}
    assert [flow for _, flow, _ in tags["one"]] == []
    rows = json.loads(info.schema.metadata[b"sluice.row_tags"])
    assert rows == [{"tag": "public", "flow": "row", "origin": "census.adult.hours_per_week"}]


def test_adbc_shows_the_tags(ana):
    schema = adbc.table(ana, "SELECT education, avg(age) AS age FROM census.adult GROUP BY education").schema
    tags = tags_of(schema)
    assert ("personal.age", "direct", "census.adult.age") in tags["age"]
    assert ("public", "indirect", "census.adult.education") in tags["age"]


def test_what_is_made_of_data_carries_its_tags_and_their_first_origin(server, table_name):
    name, token = server.home.new_user(
        "SELECT ON SCHEMA census", "READ ON TAG personal", "SELECT, CREATE, INSERT ON SCHEMA income"
    )
    with adbc.connect(server, token=token) as guest:
        made = f"CREATE TABLE income.{table_name} AS SELECT age AS years FROM census.adult LIMIT 10"
        adbc.rows(guest, made)
        schema = adbc.table(guest, f"SELECT years FROM income.{table_name}").schema
        assert ("personal.age", "direct", "census.adult.age") in tags_of(schema)["years"]
        server.home.sql(f"REVOKE READ ON TAG personal FROM USER {name}")
        assert "`personal.age`" in str(denial_of(guest, f"SELECT years FROM income.{table_name}"))


def test_every_statement_is_in_the_audit_with_its_principal(server):
    name, token = server.home.new_user("SELECT ON SCHEMA census")
    with adbc.connect(server, token=token) as guest:
        adbc.rows(guest, "SELECT count(*) FROM census.adult")
        denial_of(guest, "SELECT age FROM census.adult")
        own = adbc.table(guest, "SHOW AUDIT").to_pylist()
    assert {row["principal"] for row in own} == {name}
    decisions = {row["statement"]: row["decision"] for row in own}
    assert decisions["SELECT count(*) FROM census.adult"] == "allow"
    assert decisions["SELECT age FROM census.adult"] == "deny"
    assert [row["statement"] for row in server.home.rows(f"SHOW AUDIT FOR {name}")]
