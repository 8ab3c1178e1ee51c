from __future__ import annotations

from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.dialogue.tools.asked import asked_of
from sensorium.dialogue.tools.named_places import items_from


@pytest.mark.parametrize(
    ("words", "names", "rest"),
    [
        ("castles in france", ["x_chateaudeChambord"], "castles"),
        ("the German ones", ["x_neuschwansteinCastle"], ""),
        ("法国的城堡", ["x_chateaudeChambord"], "城堡"),
        ("chambord, france", ["x_chateaudeChambord"], ""),
    ],
)
def test_places_are_told_from_what_is_sought_there(
    collection: Collection, words: str, names: list[str], rest: str
) -> None:
    found = items_from(collection, asked_of(words))
    assert found is not None and found.rest == rest
    assert [Path(one.path).stem for one in collection.items(ids=[*found.ids])] == names


@pytest.mark.parametrize("words", ["castles", "turkey", "castles in Japan", "Germany and France"])
def test_what_names_no_place_of_the_collection_is_from_nowhere(
    collection: Collection, words: str
) -> None:
    assert items_from(collection, asked_of(words)) is None
