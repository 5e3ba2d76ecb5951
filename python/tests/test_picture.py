from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from rows import ALL, HARD, REAL, decision

from sluice import Decision, Explanation
from sluice._flow import Graph, Node, graph
from sluice._glyphs import cells, elide, mono_width, sans_width, wrap
from sluice._order import crossings, order, spread
from sluice._picture import NOTHING, draw
from sluice._placed import CARD_GAP, LINE_HEIGHT, Placed, operator_lines
from sluice._style import DECISION_COLOURS

SVG = "{http://www.w3.org/2000/svg}"

every = pytest.mark.parametrize("rows", ALL.values(), ids=ALL)


def parsed(rows: list[Decision]) -> ElementTree.Element:
    return ElementTree.fromstring(draw(rows))


def texts(root: ElementTree.Element) -> Iterator[tuple[float, float, float, str]]:
    """Each text with where it begins, ends and stands, by the estimate of widths."""
    for element in root.iter(f"{SVG}text"):
        text = "".join(element.itertext())
        size = float(element.attrib["font-size"])
        width = mono_width(text, size) if "monospace" in element.attrib["font-family"] else sans_width(text, size)
        x = float(element.attrib["x"]) - (width / 2 if element.attrib["text-anchor"] == "middle" else 0)
        yield x, x + width, float(element.attrib["y"]), text


@every
def test_every_text_is_inside_the_picture(rows: list[Decision]) -> None:
    root = parsed(rows)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for left, right, baseline, text in texts(root):
        assert left > 0, text
        assert right < width, text
        assert 0 < baseline < height, text


@every
def test_no_text_stands_on_another(rows: list[Decision]) -> None:
    placed = sorted(texts(parsed(rows)), key=lambda text: text[2])
    for index, (left, right, baseline, text) in enumerate(placed):
        for left2, right2, baseline2, text2 in placed[index + 1 :]:
            if baseline2 - baseline >= 9:
                break
            assert right <= left2 or right2 <= left, (text, text2)


@every
def test_nodes_of_a_layer_are_apart(rows: list[Decision]) -> None:
    placed = Placed(graph(rows, 40))
    for layer in placed.graph.layers[1:-1]:
        for upper, lower in pairwise(layer):
            assert upper.y + upper.height / 2 < lower.y - lower.height / 2
    for upper_card, lower_card in pairwise(placed.graph.tables):
        end = placed.table_top[upper_card] + placed.table_height(upper_card)
        assert placed.table_top[lower_card] - end >= CARD_GAP - 0.001
    for (left, width), (next_left, _) in pairwise(zip(placed.left, placed.width, strict=True)):
        assert left + width + 80 <= next_left


@every
def test_the_rows_of_the_result_fill_its_card(rows: list[Decision]) -> None:
    placed = Placed(graph(rows, 40))
    last = placed.rows[-1]
    bottom = last.node.y - LINE_HEIGHT / 2 + last.height
    assert bottom == pytest.approx(placed.result_top + placed.result_height - 4)


@every
def test_edges_go_from_one_layer_to_the_next(rows: list[Decision]) -> None:
    built = graph(rows, 40)
    for edge in built.edges:
        assert edge.head.layer == edge.tail.layer + 1
        assert edge.tail in built.layers[edge.tail.layer]
        assert edge.head in built.layers[edge.head.layer]


@every
def test_every_decision_is_drawn_from_a_source_to_the_result(rows: list[Decision]) -> None:
    built = graph(rows, 40)
    for row in rows:
        assert sum(row in port.decisions for port in built.layers[0]) == 1
        assert sum(row in output.decisions for output in built.outputs) == 1
        for tail_layer in range(len(built.layers) - 1):
            carrying = [edge for edge in built.edges if edge.tail.layer == tail_layer and row in edge.decisions]
            assert carrying, (row, tail_layer)
            assert {edge.decision for edge in carrying} == {row.decision}


@every
def test_pictures_are_the_same_each_time(rows: list[Decision]) -> None:
    assert draw(rows) == draw(list(rows))


@every
def test_pictures_can_be_rendered(rows: list[Decision]) -> None:
    try:
        import cairosvg
    except (ImportError, OSError) as missing:
        # The package looks for a library of the system when it is imported.
        pytest.skip(f"nothing draws here: {missing}")
    assert cairosvg.svg2png(bytestring=draw(rows).encode()).startswith(b"\x89PNG")


@every
def test_pictures_hold_nothing_that_acts_on_the_page(rows: list[Decision]) -> None:
    names = {element.tag.removeprefix(SVG) for element in parsed(rows).iter()}
    assert names <= {"svg", "g", "title", "rect", "path", "circle", "text", "tspan"}
    assert not re.search(r'\s(id|class|style|on\w+|href)="', re.sub(r">[^<]*<", "><", draw(rows)))


@every
def test_ordering_moves_nodes_and_loses_none(rows: list[Decision]) -> None:
    before, after = graph(rows, 40), graph(rows, 40)
    order(after)

    def names(built: Graph) -> list[list[str]]:
        return [sorted(node.text for node in layer) for layer in built.layers]

    assert names(before) == names(after)
    assert [node.text for node in before.outputs] == [node.text for node in after.outputs]


@pytest.mark.parametrize("decided", DECISION_COLOURS)
def test_an_edge_has_the_colour_of_its_decision(decided: str) -> None:
    flow = "direct" if decided in ("allow", "deny") else "indirect"
    curves = [path for path in parsed([decision("c", decided, flow)]).iter(f"{SVG}path") if "C" in path.attrib["d"]]
    assert [curve.attrib["stroke"] for curve in curves] == [DECISION_COLOURS[decided]]


def test_what_is_denied_is_drawn_over_what_is_allowed() -> None:
    strokes = [path.attrib["stroke"] for path in parsed(REAL["stored"]).iter(f"{SVG}path") if "C" in path.attrib["d"]]
    last_allowed = max(index for index, stroke in enumerate(strokes) if stroke == DECISION_COLOURS["allow"])
    assert last_allowed < strokes.index(DECISION_COLOURS["deny"])


def test_dashes_tell_flows_apart() -> None:
    rows = [decision("c"), decision("d", flow="indirect", source="s.t.d"), decision(None, flow="row", source="s.t.e")]
    curves = [path for path in parsed(rows).iter(f"{SVG}path") if "C" in path.attrib["d"]]
    assert len({curve.attrib.get("stroke-dasharray") for curve in curves}) == 3


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        (REAL["allowed"], "Allowed"),
        (REAL["everything"], "Refused: 4 columns"),
        (REAL["filtered"], "Refused: 1 column and the rows"),
        (HARD["only rows"], "Refused: the rows"),
        (HARD["no columns known"], "Allowed, and recorded"),
        (HARD["many denied"], "Refused: 120 columns"),
        ([], NOTHING),
    ],
)
def test_the_title_sums_up(rows: list[Decision], title: str) -> None:
    assert parsed(rows).attrib["aria-label"] == title


def test_a_denied_column_says_what_is_missing() -> None:
    found = [text for *_, text in texts(parsed(REAL["everything"]))]
    assert found[found.index("race", found.index("result")) + 1] == "no READ on special_category.race"


def test_without_decisions_there_is_a_sentence() -> None:
    assert [text for *_, text in texts(parsed([]))] == [NOTHING]


def test_columns_that_are_too_many_are_drawn_as_one_and_denied_ones_are_kept() -> None:
    built = graph(HARD["many columns"], 40)
    names = [node.text for node in built.outputs]
    assert len(names) == 41
    assert "160 more columns" in names
    assert {f"c{index}" for index in range(200) if index % 37 == 5} <= set(names)
    sources = {column.name for table in built.tables for column in table.columns}
    assert "160 more columns" in sources
    assert "country" in sources


def test_denied_columns_that_are_too_many_become_one_that_is_denied() -> None:
    more = next(node for node in graph(HARD["many denied"], 40).outputs if node.kind == "more")
    assert more.text == "80 more columns"
    assert more.verdict == "deny"


def test_operators_in_another_order_elsewhere_make_no_cycle() -> None:
    built = graph(HARD["crossing operators"], 40)
    found = [node.text for layer in built.layers[1:-1] for node in layer if node.kind == "operator"]
    assert sorted(found) == ["filter on x", "filter on x", "union", "union"]


def test_ways_that_need_not_cross_do_not_cross() -> None:
    rows = [decision(f"c{n}", source=f"s.t.c{9 - n}", operators=(f"filter on k{n * 7 % 10}",)) for n in range(10)]
    built = graph(rows, 40)
    order(built)
    place = {node: index for layer in built.layers for index, node in enumerate(layer)}
    assert crossings(built, place) == 0
    assert [node.text for node in built.layers[1]] == [f"filter on k{n * 7 % 10}" for n in range(10)]


def test_crossings_are_counted() -> None:
    built = graph([decision("a", source="s.t.x"), decision("b", source="s.t.y"), decision("c", source="s.t.z")], 40)
    place: dict[Node, float] = {node: index for index, node in enumerate(built.outputs)}
    place |= {port: -index for index, port in enumerate(built.layers[0])}
    assert crossings(built, place) == 3


def test_rows_stand_last() -> None:
    assert graph(REAL["join"], 40).outputs[-1].kind == "rows"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("filter on sex", ("filter", ["sex"])),
        ("group by a, b", ("group by", ["a, b"])),
        ("aggregate over race", ("aggregate", ["race"])),
        ("view crm.v", ("view", ["crm.v"])),
        ("recursive query tree", ("recursive query", ["tree"])),
        ("union", ("union", [])),
        ("something new on x", ("something new on x", [])),
    ],
)
def test_operators_are_a_verb_and_columns(text: str, shown: tuple[str, list[str]]) -> None:
    assert operator_lines(text) == shown


@pytest.mark.parametrize("limit", [5, 8, 13])
@pytest.mark.parametrize("text", ["", "short", "a_rather_long_name_of_a_column", "列の名前がとても長い場合", "é" * 30])
def test_elided_text_fits_and_keeps_both_ends(text: str, limit: int) -> None:
    short = elide(text, limit)
    assert cells(short) <= limit
    if cells(text) <= limit:
        assert short == text
    else:
        assert short[0] == text[0]
        assert short[-1] == text[-1]


def test_wide_characters_take_two_places() -> None:
    assert cells("a列") == 3
    assert cells("e\u0301") == 1


def test_lists_of_names_are_wrapped() -> None:
    assert wrap("a, b, c", 24, 3) == ["a, b, c"]
    assert wrap("first_column, second_column, third_column", 24, 3) == [
        "first_column,",
        "second_column,",
        "third_column",
    ]
    assert wrap(", ".join(f"column_{index}" for index in range(20)), 24, 3)[-1] == "… 16 more"


def test_positions_are_as_wanted_where_there_is_room() -> None:
    assert spread([0, 10, 30], [1, 1, 1], [5, 5]) == [0, 10, 30]


def test_positions_share_what_room_there_is() -> None:
    assert spread([0, 0, 0], [1, 1, 1], [10, 10]) == pytest.approx([-10, 0, 10])
    assert spread([0, 0], [3, 1], [8]) == pytest.approx([-2, 6])


def test_a_saved_picture_is_the_picture(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "picture.svg"
    explanation = Explanation("SELECT 1", REAL["join"])
    explanation.save(path)
    assert path.read_text("utf-8") == explanation._repr_svg_()
