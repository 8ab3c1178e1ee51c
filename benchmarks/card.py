"""The table of results in a model card, between two marks."""

import re
from pathlib import Path

import sensorium
from benchmarks.rows import Row

#: The model card of the encoder that ships with the package.
CARD = Path(sensorium.__file__).parent / "encoders" / "mini" / "README.md"

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

    >>> print(markdown([Row("quality", "cats", "mini", "text to image R@1", 0.5)]))
    | test | metric | mini |
    |---|---|---|
    | cats | text to image R@1 | 0.500 |
    """
    systems = list(dict.fromkeys(row.system for row in rows))
    lines: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for row in rows:
        direction, _, depth = row.metric.partition(" R@")
        line = lines.setdefault((row.case, direction), {})
        line.setdefault(depth, {})[row.system] = row.value
    table = [f"| test | metric | {' | '.join(systems)} |", "|---|---|" + "---|" * len(systems)]
    for (case, direction), depths in lines.items():
        metric = f"{direction} R@{'/'.join(depths)}" if "" not in depths else direction
        cells = [
            " / ".join(_cell(values, system) for values in depths.values()) for system in systems
        ]
        cells = ["" if set(cell) <= set("– /") else cell for cell in cells]
        table.append(f"| {case} | {metric} | {' | '.join(cells)} |")
    return "\n".join(table)


def _cell(values: dict[str, float], system: str) -> str:
    return f"{values[system]:.3f}" if system in values else "–"
