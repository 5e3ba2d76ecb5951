"""Limits of a server: what is over them is refused as such, and the server serves on."""

import adbc_driver_manager
import pytest

from harness import adbc, endless, errors
from harness.deadline import wait_until
from harness.endless import Endless

BRISK = {option: "20" for option in adbc.TIMEOUTS}
COUNT = "SELECT count(*) FROM census.adult"


def exhausted(connection, sql):
    """The error, where the statement is refused for want of room; None where it runs."""
    try:
        adbc.rows(connection, sql)
    except adbc_driver_manager.Error as error:
        assert errors.code(error) == "ResourceExhausted", error
        return error
    return None


def test_a_statement_that_waits_too_long_for_a_place_is_told_when_to_try_again(start_server):
    server = start_server("[server]\nmax_statements = 1\nqueue_timeout_s = 1\n")
    with adbc.own_session(server, "ana") as busy, adbc.own_session(server, "dora") as other:
        with Endless(busy):
            error = wait_until(lambda: exhausted(other, COUNT), "a statement to be refused")
            assert "RetryInfo" in errors.details(error)
        assert adbc.value(other, COUNT) == 32561


def test_one_principal_does_not_take_every_place(start_server):
    server = start_server("[server]\nmax_statements = 4\nmax_statements_per_principal = 1\nqueue_timeout_s = 1\n")
    with adbc.own_session(server, "ana") as busy, adbc.own_session(server, "ana") as same:
        with Endless(busy):
            wait_until(lambda: exhausted(same, COUNT), "the same principal's second statement to be refused")
            with adbc.connect(server, "dora") as other:
                assert adbc.value(other, COUNT) == 32561


def test_a_query_that_hardly_ever_comes_up_for_air_keeps_nobody_waiting(start_server):
    server = start_server("[server]\nmax_statements_per_principal = 1\nqueue_timeout_s = 1\n")
    with adbc.own_session(server, "ana") as busy, adbc.own_session(server, "ana") as same:
        with Endless(busy, endless.STUBBORN) as running:
            wait_until(lambda: exhausted(same, COUNT), "the query to run")
            with adbc.connect(server, "dora", options=BRISK) as other:
                assert adbc.value(other, "SELECT 40 + 2") == 42
            error = running.cancel()
        assert error.status_code == adbc_driver_manager.AdbcStatusCode.CANCELLED
        wait_until(lambda: exhausted(same, COUNT) is None, "its place to be free again")


def test_a_statement_past_its_time_is_stopped(start_server):
    server = start_server("[server]\nstatement_timeout_s = 1\n")
    with adbc.own_session(server, "ana") as connection:
        with pytest.raises(adbc_driver_manager.Error) as caught:
            adbc.rows(connection, endless.SQL)
        assert errors.code(caught.value) == "DeadlineExceeded"
        assert adbc.value(connection, COUNT) == 32561


def test_a_result_over_the_limit_is_refused(start_server):
    server = start_server("[server]\nmax_result_mb = 1\n")
    with adbc.own_session(server, "ana") as connection:
        large = "SELECT a.education, b.occupation FROM census.adult a, census.adult b LIMIT 1000000"
        assert exhausted(connection, large)
        assert exhausted(connection, "SELECT education FROM census.adult LIMIT 10") is None


def test_a_statement_over_its_memory_is_refused_and_others_go_on(start_server):
    server = start_server("[server]\nmemory_per_principal_mb = 1\n")
    hungry = """SELECT array_agg(a.occupation || b.education)
                FROM census.adult a, (SELECT education FROM census.adult LIMIT 50) b"""
    with adbc.own_session(server, "ana") as connection:
        assert exhausted(connection, hungry)
        assert exhausted(connection, "SELECT age FROM census.adult LIMIT 1") is None
