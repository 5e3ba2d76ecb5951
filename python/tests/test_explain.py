from __future__ import annotations

from html.parser import HTMLParser

import pytest
from adbc_driver_manager.dbapi import Connection
from answers import EXPLAINED
from flight_fake import FakeServer
from rows import ALL, HARD, REAL, decision

import sluice
from sluice import Explanation
from sluice._explain import is_explanation


def test_the_query_is_asked_about_and_not_run(server: FakeServer, connection: Connection) -> None:
    explanation = sluice.explain_governance(connection, "SELECT race FROM census.adult")
    assert list(explanation) == REAL["join"]
    assert explanation.sql == "SELECT race FROM census.adult"
    assert server.statements == ["EXPLAIN GOVERNANCE SELECT race FROM census.adult"]


def test_a_statement_that_explains_already_is_sent_as_it_is(server: FakeServer, connection: Connection) -> None:
    sluice.explain_governance(connection, "\n explain  governance SELECT 1")
    assert server.statements == ["explain  governance SELECT 1"]


@pytest.mark.parametrize(
    ("sql", "is_one"),
    [
        ("EXPLAIN GOVERNANCE SELECT 1", True),
        ("explain\n\tgovernance SELECT 1", True),
        ("EXPLAIN SELECT 1", False),
        ("SELECT 'EXPLAIN GOVERNANCE'", False),
        ("", False),
    ],
)
def test_explaining_statements_are_told_from_others(sql: str, is_one: bool) -> None:
    assert is_explanation(sql) is is_one


def test_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no column policy"):
        Explanation.of("SELECT 1", EXPLAINED.drop_columns(["policy"]))


def test_no_rows_are_an_explanation_too() -> None:
    explanation = Explanation.of("SELECT 1", EXPLAINED.slice(0, 0))
    assert len(explanation) == 0
    assert explanation.allowed
    assert str(explanation).startswith("No tag reaches this result")
    assert "<details" not in explanation._repr_html_()


def test_denied_rows_stand_in_the_way() -> None:
    assert not Explanation("", REAL["join"]).allowed
    assert {row.decision for row in Explanation("", REAL["join"]).denied} == {"deny"}
    assert Explanation("", HARD["no columns known"]).allowed


def test_it_is_a_sequence_of_decisions() -> None:
    explanation = Explanation("", REAL["join"])
    assert explanation[0].column == "education"
    assert [row.tag for row in explanation[:2]] == ["public", "special_category.race"]
    assert repr(explanation) == "<Explanation: 15 decisions, 9 denied>"


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("plain", ("s.t.c", "filter on x", "result column plain")),
        ("a → b", ("s.t.c", "filter on x", "result column a → b")),
        (None, ("s.t.c", "filter on x", "rows of the result")),
    ],
)
def test_steps_respect_names_with_arrows(name: str | None, steps: tuple[str, ...]) -> None:
    assert decision(name, operators=("filter on x",)).steps == steps


def test_a_path_of_another_form_is_split_all_the_same() -> None:
    row = sluice.Decision("c", "pii", "direct", "s.t.c", "READ", "allow", None, "s.t.c → somewhere new")
    assert row.steps == ("s.t.c", "somewhere new")


def test_text_groups_by_column() -> None:
    assert str(Explanation("", REAL["filtered"])).splitlines() == [
        "count(*)",
        "  ✕ deny   USE on special_category.race         census.adult.race → filter on race → result column count(*)",
        "rows of the result",
        "  ✕ deny   USE on special_category.race         census.adult.race → filter on race → rows of the result",
    ]


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("rows", ALL.values(), ids=ALL)
def test_html_is_balanced_and_holds_the_picture(rows: list[sluice.Decision]) -> None:
    explanation = Explanation("", rows)
    html = explanation._repr_html_()
    checker = _Balance()
    checker.feed(html)
    assert checker.open == []
    assert explanation._repr_svg_() in html
    assert html.count("<tr>") == len(rows) + 1
