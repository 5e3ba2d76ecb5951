"""SQLAlchemy 1.4 with flightsql-dbapi's dialect `datafusion+flightsql`."""

import flightsql.sqlalchemy  # noqa: F401 (it registers the dialect)
import pyarrow.flight as flight
import pytest
import sqlalchemy
from sqlalchemy.engine import URL

from harness.home import password_of

COLUMNS = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
]


def make_engine(server, principal="ana", password=None, **query):
    """An engine that authenticates by token, or by password."""
    query |= {"disable_server_verification": "true"} if server.tls else {"insecure": "true"}
    if not password:
        query["token"] = server.token(principal)
    return sqlalchemy.create_engine(
        URL.create(
            "datafusion+flightsql",
            username=principal if password else None,
            password=password,
            host="127.0.0.1",
            port=server.port,
            query=query,
        )
    )


@pytest.fixture(params=["off", "on"], ids=["literals", "prepared"])
def engine(server, request):
    """An engine that writes parameters into the text, and one that prepares and binds them."""
    engine = make_engine(server, **{"feature-sqlalchemy-prepared-statements": request.param})
    yield engine
    engine.dispose()


@pytest.fixture
def adult():
    columns = [sqlalchemy.Column(name, sqlalchemy.BigInteger) for name in ("age", "hours_per_week", "race")]
    return sqlalchemy.Table(
        "adult", sqlalchemy.MetaData(), *columns, sqlalchemy.Column("education", sqlalchemy.Text), schema="census"
    )


def test_it_connects_and_answers(engine):
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM census.adult")).scalar() == 32561


def test_a_password_connects_too(server):
    engine = make_engine(server, password=password_of("ana"))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM census.adult")).scalar() == 32561
    engine.dispose()


def test_a_select_with_parameters(engine, adult):
    query = (
        sqlalchemy.select(sqlalchemy.func.count())
        .select_from(adult)
        .where(adult.c.age < 18, adult.c.education == "11th")
    )
    with engine.connect() as connection:
        assert connection.execute(query).scalar() == 180


def test_a_select_with_a_limit_and_an_order(engine, adult):
    query = sqlalchemy.select(adult.c.age).where(adult.c.education == "Doctorate").order_by(adult.c.age.desc()).limit(3)
    with engine.connect() as connection:
        ages = [row[0] for row in connection.execute(query)]
    assert len(ages) == 3
    assert ages == sorted(ages, reverse=True)


def test_a_group_by_answers_what_the_readme_shows(engine, adult):
    mean = sqlalchemy.func.round(sqlalchemy.func.avg(adult.c.age), 1)
    query = sqlalchemy.select(adult.c.education, mean).group_by(adult.c.education).order_by(mean.desc()).limit(2)
    with engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(query)] == [("7th-8th", 48.4), ("Doctorate", 47.7)]


def test_reflection_lists_schemas_tables_and_columns(engine):
    inspector = sqlalchemy.inspect(engine)
    assert set(inspector.get_schema_names()) == {"census", "income"}
    assert inspector.get_table_names(schema="census") == ["adult"]
    assert inspector.has_table("adult", schema="census")
    assert not inspector.has_table("airlines", schema="hidden")
    columns = inspector.get_columns("adult", schema="census")
    assert [column["name"] for column in columns] == COLUMNS
    assert isinstance(columns[0]["type"], sqlalchemy.types.BIGINT)


def test_a_table_is_reflected_and_queried(engine):
    adult = sqlalchemy.Table("adult", sqlalchemy.MetaData(), autoload_with=engine, schema="census")
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.select(sqlalchemy.func.max(adult.c.age))).scalar() == 90


def test_reflection_hides_what_the_principal_may_not_see(engine):
    inspector = sqlalchemy.inspect(engine)
    assert inspector.get_table_names(schema="hidden") == []
    assert "airlines" not in inspector.get_table_names()


def test_a_denial_is_readable(engine, adult):
    with engine.connect() as connection, pytest.raises(flight.FlightUnauthorizedError) as caught:
        connection.execute(sqlalchemy.select(adult.c.race))
    assert "column `census.adult.race` carries `special_category.race`, and `ana` has no READ on it" in str(
        caught.value
    )


def test_a_write_is_made_and_read_back(server, table_name):
    engine = make_engine(server, "wanda")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE TABLE scratch.{table_name} AS SELECT 1 AS a"))
        inserted = connection.execute(sqlalchemy.text(f"INSERT INTO scratch.{table_name} VALUES (2)"))
        assert inserted.scalar() == 1
        found = connection.execute(sqlalchemy.text(f"SELECT a FROM scratch.{table_name} ORDER BY a"))
        assert [row[0] for row in found] == [1, 2]
    engine.dispose()


def test_a_wrong_token_does_not_connect(own_server):
    engine = make_engine(own_server)
    engine = sqlalchemy.create_engine(engine.url.update_query_dict({"token": "slc_" + "A" * 43}))
    with pytest.raises(flight.FlightUnauthenticatedError):
        engine.connect()
