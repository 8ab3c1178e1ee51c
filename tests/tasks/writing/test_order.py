"""Lines of a picture in the order of reading, by their boxes alone."""

from __future__ import annotations

import math
import random
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.tasks.writing.order import Line, narrow, passages_of

SIGN = 0.55  # of a line's height, the width of a letter


def line(left: float, upper: float, text: str, height: float = 40.0) -> Line:
    width = SIGN * height * sum(2 if ord(sign) > 0x2E80 else 1 for sign in text)
    corners = [[left, upper], [left + width, upper], [left + width, upper + height],
               [left, upper + height]]  # fmt: skip
    return Line(text, 0.99, np.array(corners, np.float64))


def turned(lines: list[Line], degrees: float) -> list[Line]:
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return [Line(one.text, one.sure, one.corners @ turn) for one in lines]


def texts(*lines: Line, degrees: float = 0) -> list[str]:
    """Passages, which must be the same whatever the order of the lines."""
    given = turned(list(lines), degrees)
    found = [passage.text for passage in passages_of(given)]
    random.Random(1).shuffle(given)
    assert [passage.text for passage in passages_of(given)] == found
    return found


LEFT = ["The pear trees were", "pruned in March and", "a shed was built."]
RIGHT = ["Bees were stolen from", "the lower orchard, and", "police was informed."]


def column(left: float, upper: float, rows: list[str], pitch: float = 55) -> list[Line]:
    return [line(left, upper + pitch * n, row) for n, row in enumerate(rows)]


@pytest.mark.parametrize("degrees", [0, 3, -8, 90, 180, -87])
@pytest.mark.parametrize("shift", [0, 20, 130])
def test_two_columns(degrees: float, shift: float) -> None:
    lines = [*column(60, 80, LEFT), *column(620, 80 + shift, RIGHT)]
    assert texts(*lines, degrees=degrees) == [" ".join(LEFT), " ".join(RIGHT)]


def test_three_columns_below_a_heading() -> None:
    heading = line(60, 0, "The whole orchard in the year of the great frost", 60)
    columns = [column(60 + 600 * n, 80, rows) for n, rows in enumerate((LEFT, RIGHT, LEFT[::-1]))]
    foot = line(60, 300, "Signed by all the members of the orchard's committee " * 2)
    found = texts(heading, *chain(*columns), foot)
    assert found == [
        heading.text, " ".join(LEFT), " ".join(RIGHT), " ".join(LEFT[::-1]), foot.text.strip()
    ]  # fmt: skip


@pytest.mark.parametrize("degrees", [0, 4])
def test_small_beside_large(degrees: float) -> None:
    lines = [line(40, 92, "Total amount", 30), line(500, 50, "250 euros", 90)]
    assert texts(*lines, degrees=degrees) == ["Total amount 250 euros"]


def test_a_receipt() -> None:
    items = [
        ("Apples", "2.50"),
        ("Pears and plums", "13.20"),
        ("Bread", "1.99"),
        ("Total", "17.69"),
    ]
    labels = column(40, 100, [label for label, _ in items])
    values = [line(700 - SIGN * 40 * len(v), 100 + 55 * n, v) for n, (_, v) in enumerate(items)]
    expected = " ".join(f"{label} {value}" for label, value in items)
    assert texts(*labels, *values) == [expected]
    # A value that is missing, and one in larger letters.
    large = Line("17.69", 0.99, values[3].corners * 1.2 - [140, 60])
    found = texts(*labels, values[0], values[2], large)
    assert found == ["Apples 2.50 Pears and plums Bread 1.99 Total 17.69"]


def test_a_table_of_three_columns() -> None:
    rows = [("Name of item", "Amount", "Price"), ("Green apples", "12", "3.00"),
            ("Yellow pears", "7", "4.50")]  # fmt: skip
    cells = [
        line(40 + 500 * n, 55 * k, text) for k, row in enumerate(rows) for n, text in enumerate(row)
    ]
    assert texts(*cells) == [" ".join(cell for row in rows for cell in row)]


def test_a_form_and_a_paragraph() -> None:
    form = [line(40, 0, "Name:"), line(400, 0, "Anna Sandberg"), line(40, 55, "Born:"),
            line(400, 55, "1 May 1980")]  # fmt: skip
    text = column(40, 300, LEFT)
    assert texts(*form, *text) == ["Name: Anna Sandberg Born: 1 May 1980", " ".join(LEFT)]


def test_chinese() -> None:
    lines = [
        *column(40, 0, ["今天天气很好", "我们去公园"]), line(40, 200, "金额"),
        line(400, 200, "100.00元"), *column(40, 400, ["用Python", "写程序"]),
    ]  # fmt: skip
    assert texts(*lines) == ["今天天气很好我们去公园", "金额 100.00元", "用Python 写程序"]


def test_pieces_of_one_line() -> None:
    lines = [
        line(40, 0, "The pear trees"),
        line(40 + 14.4 * 22, 2, "were pruned"),
        *column(40, 55, RIGHT),
    ]
    assert texts(*lines) == ["The pear trees were pruned " + " ".join(RIGHT)]


def test_hyphens_at_line_ends() -> None:
    assert texts(
        *column(40, 0, ["The orchard had an infor-", "mal market and a well-", "known band."])
    ) == ["The orchard had an informal market and a well-known band."]


def test_a_long_text_becomes_several_passages() -> None:
    lines = column(40, 0, [f"This is line number {n} of a long page of it." for n in range(60)])
    found = passages_of(lines)
    assert all(len(passage.text) <= 480 for passage in found) and len(found) < 10
    assert " ".join(passage.text for passage in found) == " ".join(one.text for one in lines)


def test_writing_from_top_to_bottom_stays_apart() -> None:
    tall = Line("VERTICAL", 0.99, np.array([[40, 0], [40, 300], [0, 300], [0, 0]], np.float64))
    assert sorted(texts(tall, *column(100, 0, LEFT))) == [" ".join(LEFT), "VERTICAL"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Hello， world！", "Hello, world!"), ("２５０ euros", "250 euros"),
        ("总额：２５０元（含税）", "总额：250元（含税）"), ("Ａ４纸，一张", "A4纸，一张"),
        ("~", "~"),
    ],
)  # fmt: skip
def test_full_width_signs(text: str, read: str) -> None:
    assert narrow(text) == read


@pytest.mark.slow
def test_many_lines_take_little_time() -> None:
    lines = [line(700 * (n % 3), 45 * (n // 3) * 3, f"message number {n}") for n in range(3000)]
    found = passages_of(lines)
    assert sum(len(passage.lines) for passage in found) == 3000


PLACES = st.integers(0, 2000)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(PLACES, PLACES, st.integers(8, 200), st.text("ab中 1-:", min_size=1)),
        max_size=25,
    ),
    st.floats(-180, 180),
)  # fmt: skip
def test_every_line_is_read_once(boxes: list[tuple[int, int, int, str]], degrees: float) -> None:
    lines = turned([line(x, y, text, height) for x, y, height, text in boxes], degrees)
    found = [id(one) for passage in passages_of(lines) for one in passage.lines]
    assert sorted(found) == sorted(map(id, lines))
