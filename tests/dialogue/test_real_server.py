"""Turns with a model on llama.cpp's server; what it says stands in `tests.tasks.tiny_talkers`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium import Collection, Dialogue
from sensorium.dialogue import Reply
from sensorium.errors import EncoderError
from sensorium.tasks.chat import ServedModel
from sensorium.tasks.conversing import Message, Served
from tests.tasks.servers import llama_server

pytest.importorskip("gguf")

from tests.tasks.tiny_talkers import tiny_talker

CONTEXT = 16_384
"""Of tokens that are bytes: what was found, and the names of the tools."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_talker(tmp_path_factory.mktemp("talker") / "talker.gguf", CONTEXT)


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[str]:
    with llama_server(model, context=CONTEXT) as url:
        yield url


def test_it_calls_a_tool_and_is_checked(collection: Collection, server: str) -> None:
    *pieces, reply = Dialogue(collection, model=server).stream("is anything black and white?")
    assert isinstance(reply, Reply) and not reply.trouble
    assert [step.tool for step in reply.steps][-1] == "search"
    assert reply.steps[-1].arguments == {"query": "a panda"}
    assert reply.text == "There is one panda [1]. It was painted by Rembrandt. [no evidence]"
    assert "".join(map(str, pieces)).strip() == reply.text and len(pieces) > 1
    assert [Path(one.path).stem for one in reply.citations] == ["x_panda"]


def test_it_streams(server: str) -> None:
    *pieces, message = Served(ServedModel(server)).next([{"role": "user", "content": "a panda"}])
    assert len(pieces) > 3 and isinstance(message, Message)
    assert "".join(map(str, pieces)) == message.text
    assert message.text == "There is one panda. It was painted by Rembrandt."


def test_who_sings_is_listened_to_no_longer(collection: Collection, server: str) -> None:
    """And the server has time for the next question: it was left, and stopped."""
    model = Served(ServedModel(server), most_tokens=CONTEXT)
    talk = Dialogue(collection, model=model)
    reply = talk.say("photos of pandas, and sing of them")
    assert reply.text == Dialogue(collection).say("photos of pandas, and sing of them").text
    assert not reply.trouble
    assert "one panda" in talk.say("is anything black and white?").text


def test_one_that_takes_too_long(collection: Collection, server: str) -> None:
    model = Served(ServedModel(server, timeout=0.1), most_tokens=CONTEXT)
    with pytest.raises(EncoderError, match=r"longer than 0\.1 seconds|timed out"):
        [*model.next([{"role": "user", "content": "sing for ever"}])]
    patient = Dialogue(collection, model=server)
    assert not patient.say("is anything black and white?").trouble


def test_more_than_it_reads_is_told(collection: Collection, model: Path) -> None:
    with llama_server(model, context=256) as url:
        talk = Dialogue(collection, model=url)
        reply = talk.say("photos of pandas")
    assert re.search("exceeds the available context size", reply.trouble)
    assert reply.text == Dialogue(collection).say("photos of pandas").text


def test_of_too_much_it_is_told_the_evidence_alone(collection: Collection, model: Path) -> None:
    with llama_server(model, context=6144) as url:
        talk = Dialogue(collection, model=url)
        long = "is anything black and white? " + "I wonder " * 40
        said = [talk.say(f"{long} {n}") for n in range(4)]
    assert not any(reply.trouble for reply in said)
    assert all("There is one panda [1]." in reply.text for reply in said)
