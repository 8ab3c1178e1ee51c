"""The table of results in a model card, between two marks."""

import re
from pathlib import Path

import sensorium
from benchmarks.comparison import LEVEL, Difference, differences, scores
from benchmarks.rows import Row

#: The model card of the encoder that ships with the package.
CARD = Path(sensorium.__file__).parent / "encoders" / "mini" / "README.md"

#: The first rival's mark, the second's, and so on.
MARKS = "*†‡§¶"

START, END = "<!-- table -->", "<!-- /table -->"


def write_table(rows: list[Row], card: Path) -> None:
    """Replace what stands between the marks of a model card by the rows as a table.

    Raises
    ------
    ValueError
        The card lacks the marks.
    """
    text = card.read_text(encoding="utf-8")
    block = f"{START}\n{markdown(rows)}\n{END}"
    changed, count = re.subn(f"{START}.*?{END}", lambda _match: block, text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{card} needs one block between {START} and {END}, and has {count}")
    card.write_text(changed, encoding="utf-8")


def markdown(rows: list[Row]) -> str:
    """A Markdown table: a line for each case and direction, all its depths in one cell per system.

    Where a comparison is significant, the better of the two values bears the rival's mark, which
    the line below the table explains. Mean reciprocal ranks are left to the JSON.

    >>> print(markdown([Row("quality", "cats", "mini", "text to image R@1", 0.5)]))
    | test | metric | mini |
    |---|---|---|
    | cats | text to image R@1 | 0.500 |
    """
    shown = [row for row in scores(rows) if not row.metric.endswith("MRR")]
    compared = differences(rows)
    marks = _marks(compared)
    winners = _winners(compared, marks)
    systems = list(dict.fromkeys(row.system for row in shown))
    lines: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for row in shown:
        direction, _, depth = row.metric.partition(" R@")
        line = lines.setdefault((row.case, direction), {})
        mark = winners.get((row.case, row.metric, row.system), "")
        line.setdefault(depth, {})[row.system] = f"{row.value:.3f}{mark}"
    table = [f"| test | metric | {' | '.join(systems)} |", "|---|---|" + "---|" * len(systems)]
    for (case, direction), depths in lines.items():
        metric = f"{direction} R@{'/'.join(depths)}" if "" not in depths else direction
        cells = [
            " / ".join(values.get(system, "–") for values in depths.values()) for system in systems
        ]
        cells = ["" if set(cell) <= set("– /") else cell for cell in cells]
        table.append(f"| {case} | {metric} | {' | '.join(cells)} |")
    return "\n".join([*table, *_legend(compared, marks)])


def _marks(compared: list[Difference]) -> dict[str, str]:
    """The mark of each rival; after the last one they come doubled."""
    rivals = dict.fromkeys(difference.rival for difference in compared)
    return {
        rival: MARKS[number % len(MARKS)] * (1 + number // len(MARKS))
        for number, rival in enumerate(rivals)
    }


def _winners(compared: list[Difference], marks: dict[str, str]) -> dict[tuple[str, str, str], str]:
    """Marks by case, metric and system that is significantly better."""
    winners: dict[tuple[str, str, str], str] = {}
    for difference in compared:
        if difference.verdict:
            better = difference.system if difference.verdict == "better" else difference.rival
            place = (difference.case, difference.metric, better)
            winners[place] = winners.get(place, "") + marks[difference.rival]
    return winners


def _legend(compared: list[Difference], marks: dict[str, str]) -> list[str]:
    """What the marks mean, a paragraph below the table; nothing when there are none."""
    if not compared:
        return []
    system = compared[0].system
    rivals = ", ".join(f"{mark} {rival}" for rival, mark in marks.items())
    return [
        "",
        f"A mark beside a value of {system} says that it is better than the same value of: "
        f"{rivals}. Beside another system's value it says that this one is better than {system}.",
        "Compared are text to image and image to image R@1 and R@10 and accuracy, query by query, "
        f"by a paired randomisation test with p < {LEVEL} after Holm's correction over all tests "
        "against one rival; what bears no mark could not be told apart, or was not compared.",
    ]
