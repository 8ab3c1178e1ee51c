from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from sensorium import Collection
from sensorium.dialogue.tools.asked import asked_of
from sensorium.dialogue.tools.toolbox import Toolbox
from sensorium.errors import UsageError


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("serach", {}, "no tool"),
        ("search", {"query": 3}, "query is a text"),
        ("search", {"query": "a", "limit": 3}, "no argument 'limit'"),
        ("search", {"k": 0}, "whole number from 1"),
        ("search", {"k": True}, "whole number"),
        ("search", {"modality": "pdf"}, "one of image"),
        ("search", {"like": [1, "2"]}, "whole number"),
        ("search", {"given": [1]}, "0 media were given"),
        ("search", {"query": "a", "after": "last summer"}, "a date is"),
        ("search", {"where": "1) OR (1"}, "unbalanced"),
        ("look", {}, "needs item"),
        ("look", {"item": 99_999}, "no item 99999"),
        ("look", [1], "an object of arguments"),
        ("label", {"query": "a", "items": [1]}, "when the person says so"),
    ],
)
def test_wrong_calls_are_told(collection: Collection, tool: str, arguments: Any, told: str) -> None:
    toolbox = Toolbox(collection)
    toolbox.begin()
    with pytest.raises(UsageError, match=told):
        toolbox.call(tool, arguments)


def test_null_is_left_out(collection: Collection) -> None:
    toolbox = Toolbox(collection)
    found, step = toolbox.call("search", {"query": "a horse", "modality": None, "k": 2})
    assert len(found.hits) == 2 and "modality" not in step.arguments


def test_models_are_told_what_may_be_called(collection: Collection) -> None:
    toolbox = Toolbox(collection)
    toolbox.begin()
    told = {one["function"]["name"]: one["function"]["parameters"] for one in toolbox.described()}
    assert "label" not in told and {"search", "count", "answer"} <= {*told}
    assert all(not schema["additionalProperties"] for schema in told.values())
    toolbox.begin(may_write=True)
    assert "label" in {one["function"]["name"] for one in toolbox.described()}


def test_what_is_asked_is_known_in_both_languages() -> None:
    asked = asked_of("长颈鹿")
    assert asked.english == "giraffe"
    assert [*asked.groups[0][:2]] == ["长颈鹿", "giraffe"]
    assert asked_of("castles").english == ""
    assert {"castles", "castle", "城堡"} <= {*asked_of("castles").groups[0]}


def test_a_file_is_found_by_its_name_in_the_other_language(tmp_path: Path) -> None:
    with Collection(tmp_path / "c.sensorium", encoder="mini") as collection:
        for name, color in (("windmill_3", "red"), ("IMG_0002", "blue")):
            PIL.Image.new("RGB", (64, 64), color).save(tmp_path / f"{name}.png")
        collection.add(tmp_path)
        found, _ = Toolbox(collection).call("search", {"query": "风车"})
    assert [Path(hit.path).name for hit in found.hits[:1]] == ["windmill_3.png"]
    assert not found.nothing
