"""The Node client @gizmodata/gizmosql-client, run by node.

It authenticates by a Basic header on the handshake, or by a token; it sends plain queries and metadata commands. Its
prepared statements do not leave the client (it hands gRPC a descriptor where an action belongs), so it has no
parameters."""

import json
import os
import pathlib
import subprocess

import pytest

from harness.home import password_of

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "node" / "calls.mjs"
BY_EDUCATION = """SELECT education, count(*) AS people, round(avg(age), 1) AS age FROM census.adult
                  GROUP BY education ORDER BY people DESC LIMIT 2"""
ROWS = [
    {"education": "HS-grad", "people": 10501, "age": 39.0},
    {"education": "Some-college", "people": 7291, "age": 35.8},
]


def run_node(server, calls, *, principal="ana", password=None, header=None, trust="roots"):
    """Runs the calls in one client; answers what each answered, and what node wrote to standard error."""
    config = {"host": "127.0.0.1", "port": server.port, "plaintext": not server.tls, "tlsSkipVerify": trust == "skip"}
    config |= {"username": principal, "password": password} if password else {"token": server.token(principal)}
    environment = {**os.environ, "NODE_NO_WARNINGS": "1"}
    if server.tls and trust == "roots":
        environment["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(server.certificates.ca_file)
    done = subprocess.run(
        ["node", str(SCRIPT)],
        input=json.dumps({"config": config, "header": header, "calls": calls}),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def answers(server, *calls, **kwargs):
    """What each call answered; a call that failed fails the test."""
    results, _ = run_node(server, calls, **kwargs)
    assert [result.get("error") for result in results] == [None] * len(calls)
    return [result["answer"] for result in results]


@pytest.mark.parametrize("password", [None, password_of("ana")], ids=["token", "password"])
def test_a_query_is_answered(server, password):
    assert answers(server, ["execute", BY_EDUCATION], password=password) == [ROWS]


def test_a_query_is_answered_in_plain_types(server):
    assert answers(server, ["execute", BY_EDUCATION], header={"x-sluice-view-types": "plain"}) == [ROWS]


def test_the_session_closes_without_complaint(server):
    results, complaints = run_node(server, [["execute", "SELECT 1 AS one"]])
    assert results == [{"answer": [{"one": 1}]}]
    assert "CloseSession" not in complaints


def test_a_server_without_verification_is_answered(tls_server):
    assert answers(tls_server, ["execute", BY_EDUCATION], trust="skip") == [ROWS]


def test_a_server_that_nobody_vouches_for_is_not_trusted(tls_server):
    results, _ = run_node(tls_server, [["execute", "SELECT 1"]], trust="nobody")
    assert "error" in results[0]


def test_metadata_is_listed(server):
    catalogs, schemas, tables, none, types = answers(
        server,
        ["getCatalogs"],
        ["getSchemas", "sluice"],
        ["getTables", "sluice", "census", "adult%", ["EXTERNAL TABLE"]],
        ["getTables", "sluice", "hidden"],
        ["getTableTypes"],
    )
    assert catalogs == ["sluice"]
    assert {schema["schema"] for schema in schemas} == {"census", "income"}
    assert tables == [{"catalog": "sluice", "schema": "census", "tableName": "adult", "tableType": "EXTERNAL TABLE"}]
    assert none == []
    assert sorted(types) == ["EXTERNAL TABLE", "LOCAL TEMPORARY", "TABLE", "VIEW"]


def test_sql_info_names_the_server(server):
    (info,) = answers(server, ["getSqlInfo", [0]])
    assert info["0"].lower() == "sluice"


def test_a_denial_is_readable(server):
    (denied, after), _ = run_node(server, [["execute", "SELECT race FROM census.adult"], ["execute", BY_EDUCATION]])
    assert "column `census.adult.race` carries `special_category.race`" in denied["error"]["message"]
    assert "GRANT READ ON TAG special_category.race TO USER ana" in denied["error"]["message"]
    assert after == {"answer": ROWS}


def test_a_wrong_password_is_refused(own_server):
    results, _ = run_node(own_server, [["execute", "SELECT 1"]], password="wrong")
    assert results[0]["error"]["name"] == "FlightSQLError"
    assert "Failed to connect" in results[0]["error"]["message"]


def test_commands_that_the_client_does_not_wrap_are_refused_in_words(server):
    results, _ = run_node(server, [["getQuerySchema", "SELECT 1"], ["execute", BY_EDUCATION]])
    assert "Failed to get query schema" in results[0]["error"]["message"]
    assert results[1] == {"answer": ROWS}
