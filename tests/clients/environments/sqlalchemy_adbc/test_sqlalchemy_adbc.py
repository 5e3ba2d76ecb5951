"""SQLAlchemy 2 with sqlalchemy-adbc's dialect `adbc+flightsql`, which is ADBC's Flight SQL driver below."""

import adbc_driver_manager
import pytest
import sqlalchemy
from sqlalchemy.engine import URL


def make_engine(server, principal="ana", **query):
    """An engine that authenticates by token, and trusts the server's certificate."""
    if server.tls:
        query["adbc.flight.sql.client_option.tls_root_certs"] = server.certificates.ca_pem
    query |= {"tls": str(server.tls).lower(), "authorization": f"Bearer {server.token(principal)}"}
    return sqlalchemy.create_engine(URL.create("adbc+flightsql", host="127.0.0.1", port=server.port, query=query))


@pytest.fixture
def engine(server):
    engine = make_engine(server)
    yield engine
    engine.dispose()


@pytest.fixture
def inspector(engine):
    return sqlalchemy.inspect(engine)


@pytest.fixture
def adult():
    return sqlalchemy.table(
        "adult",
        sqlalchemy.column("age", sqlalchemy.BigInteger),
        sqlalchemy.column("education", sqlalchemy.Text),
        sqlalchemy.column("race", sqlalchemy.Text),
        schema="census",
    )


def test_it_connects_and_answers(engine):
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM census.adult")).scalar() == 32561


def test_a_token_may_stand_where_the_password_does(server):
    query = {"tls": "false"}
    if server.tls:
        query = {"adbc.flight.sql.client_option.tls_root_certs": server.certificates.ca_pem}
    url = URL.create("adbc+flightsql", "ana", server.token("ana"), "127.0.0.1", server.port, query=query)
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM census.adult")).scalar() == 32561
    engine.dispose()


def test_parameters_are_bound(engine, adult):
    query = (
        sqlalchemy.select(sqlalchemy.func.count())
        .select_from(adult)
        .where(adult.c.age < 18, adult.c.education == "11th")
    )
    with engine.connect() as connection:
        assert connection.execute(query).scalar() == 180


def test_limit_and_offset_are_bound(engine, adult):
    query = (
        sqlalchemy.select(adult.c.age).where(adult.c.education == "Doctorate").order_by(adult.c.age).limit(3).offset(1)
    )
    with engine.connect() as connection:
        ages = [row.age for row in connection.execute(query)]
    assert len(ages) == 3
    assert ages == sorted(ages)


def test_a_list_of_values_is_bound(engine, adult):
    query = sqlalchemy.select(sqlalchemy.func.count()).where(adult.c.education.in_(["11th", "12th"]))
    with engine.connect() as connection:
        assert connection.execute(query).scalar() == 1608


def test_reflection_lists_schemas_and_columns(inspector):
    assert set(inspector.get_schema_names()) == {"census", "income"}
    assert inspector.has_table("adult", schema="census")
    columns = {column["name"]: column for column in inspector.get_columns("adult", schema="census")}
    assert list(columns)[:4] == ["age", "workclass", "fnlwgt", "education"]
    assert isinstance(columns["age"]["type"], sqlalchemy.BigInteger)
    assert isinstance(columns["education"]["type"], sqlalchemy.String)
    assert columns["age"]["nullable"]


@pytest.mark.xfail(raises=AssertionError, reason="the dialect knows tables by the lower-case type `table` only")
def test_reflection_lists_tables(server):
    inspector = sqlalchemy.inspect(make_engine(server, "wanda"))
    server.home.sql("CREATE TABLE IF NOT EXISTS scratch.reflected AS SELECT 1 AS a", principal="wanda")
    assert "reflected" in inspector.get_table_names(schema="scratch")


def test_reflection_hides_what_the_principal_may_not_see(inspector):
    assert not inspector.has_table("airlines", schema="hidden")
    assert inspector.get_columns("airlines", schema="hidden") == []


def test_a_table_is_reflected_and_queried(engine):
    adult = sqlalchemy.Table("adult", sqlalchemy.MetaData(), autoload_with=engine, schema="census")
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.select(sqlalchemy.func.max(adult.c.age))).scalar() == 90


def test_many_rows_are_inserted_at_once(server, table_name):
    engine = make_engine(server, "wanda")
    name = f"scratch.{table_name}"
    server.home.sql(f"CREATE TABLE {name} (a BIGINT, b TEXT); SET TAG ON COLUMNS {name} (a public, b public)", "wanda")
    before = server.home.version_of(name)
    table = sqlalchemy.table(
        table_name,
        sqlalchemy.column("a", sqlalchemy.BigInteger),
        sqlalchemy.column("b", sqlalchemy.Text),
        schema="scratch",
    )
    rows = [{"a": number, "b": f"row {number}"} for number in range(5)]
    with engine.connect() as connection:
        connection.execute(sqlalchemy.insert(table), rows)
        connection.commit()
        found = connection.execute(sqlalchemy.select(table).order_by(table.c.a)).mappings().all()
    assert [dict(row) for row in found] == rows
    assert server.home.version_of(name) == before + 1
    engine.dispose()


def test_a_denial_is_readable_and_the_connection_goes_on(engine, adult):
    with engine.connect() as connection:
        with pytest.raises(sqlalchemy.exc.ProgrammingError) as caught:
            connection.execute(sqlalchemy.select(adult.c.race))
        assert "column `census.adult.race` carries `special_category.race`" in str(caught.value)
        assert caught.value.orig.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED
        assert connection.execute(sqlalchemy.select(sqlalchemy.func.max(adult.c.age))).scalar() == 90


def test_headers_of_the_url_reach_the_server(server, table_name):
    server.home.sql(f"CREATE TABLE scratch.{table_name} AS SELECT 1 AS a", "wanda")
    engine = make_engine(
        server, "wanda", **{"header.x-sluice-domain": "production", "header.x-sluice-session": "headers"}
    )
    with engine.connect() as connection, pytest.raises(sqlalchemy.exc.ProgrammingError, match="domain production"):
        connection.execute(sqlalchemy.text(f"SELECT a FROM scratch.{table_name}"))
    engine.dispose()
