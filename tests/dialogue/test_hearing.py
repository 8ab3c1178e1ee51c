from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensorium import Collection, Dialogue
from sensorium.dialogue.tools.toolbox import Toolbox
from sensorium.media import Text


def test_passages_are_compared_by_the_vectors_that_are_stored(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = Toolbox(collection)
    toolbox.call("passages", {"query": "the roof"})  # ordinary words are encoded once
    encoder, encoded = collection.encoder, list[str]()
    encode = encoder.encode_queries

    def counted(items: Any, **options: Any) -> Any:
        items = [*items]
        encoded.extend(one.text if isinstance(one, Text) else str(one) for one in items)
        return encode(items, **options)

    monkeypatch.setattr(encoder, "encode_queries", counted)
    found, _ = toolbox.call("passages", {"query": "the barn has a new roof"})
    assert encoded == ["the barn has a new roof"]
    assert Path(found.citations[0].path).name == "minutes.txt"


def test_what_a_text_that_is_named_says_about_something(collection: Collection) -> None:
    reply = Dialogue(collection).say("what do the minutes say about the barn?")
    assert "roof of the barn" in reply.citations[0].quote
    reply = Dialogue(collection).say("what does the minutes text say about the roof?")
    assert "roof of the barn" in reply.citations[0].quote


def test_a_further_conversation_encodes_no_caption_again(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Dialogue(collection).say("photos of horses")
    encoder, encoded = collection.encoder, list[int]()
    encode = encoder.encode_queries

    def counted(items: Any, **options: Any) -> Any:
        items = [*items]
        encoded.append(len(items))
        return encode(items, **options)

    monkeypatch.setattr(encoder, "encode_queries", counted)
    Dialogue(collection).say("photos of horses")
    assert sum(encoded) <= 1  # the question itself, at most
