"""Examples stay whole, whatever is known of them."""

from __future__ import annotations

import pytest

from sensorium.data.examples import Examples
from sensorium.errors import UsageError
from sensorium.media import Modality
from sensorium.media.skipped import Skipped

ROWS = Examples(
    ["a", "b", "a"], [1, 2, 1], texts=[["x", "y"], ["x"], ["z"]], modality=Modality.AUDIO,
    skipped=[Skipped("c", "broken")],
)  # fmt: skip


def test_what_is_known_goes_with_them() -> None:
    labelled = Examples(["a", "b"], [1, 2], ["u", "v"], words={"u": ["U"], "v": ["V", "W"]})
    taken = labelled.take([1], [Skipped("a", "why not")])
    assert (taken.names, taken.sources, taken.labels) == (["b"], [2], ["v"])
    assert (taken.texts, taken.groups, taken.words) == ([], [], {"v": ["V", "W"]})
    assert taken.skipped == [Skipped("a", "why not")] and not labelled.skipped
    assert labelled.take([0, 1]) == labelled and len(labelled.take([])) == 0


def test_rows_of_one_name_are_gathered() -> None:
    assert ROWS.pairs == [("a", "x"), ("a", "y"), ("b", "x"), ("a", "z")]
    found = ROWS.gathered()
    assert (found.names, found.sources) == (["a", "b"], [1, 2])
    assert found.texts == [["x", "y", "z"], ["x"]]
    assert (found.modality, found.skipped) == (ROWS.modality, ROWS.skipped)
    assert found.gathered() == found


def test_groups_are_by_name_or_by_first_text() -> None:
    found = ROWS.gathered()
    assert found.grouped().groups == ["x", "x"]
    assert found.grouped({"a": "1", "b": "2"}).groups == ["1", "2"]
    with pytest.raises(UsageError, match="b has no group"):
        found.grouped({"a": "1"})
    with pytest.raises(UsageError, match="two examples are called a"):
        ROWS.grouped()
