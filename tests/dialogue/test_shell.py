"""`sensorium chat` with a language model behind a scripted server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sensorium.cli.app import app
from tests.dialogue.test_with_model import number_of
from tests.tasks.servers import Asked, Say, Scripted, scripted_server, streamed

PANDAS = "How many photos of pandas are there?"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setattr("sensorium.encoders.server.FIRST_PAUSE", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with scripted_server() as script:
        yield script


def writes(behind: str = "") -> Say:
    """One panda, with the number that its photo has in the evidence, and more."""

    def say(asked: Asked) -> tuple[int, bytes]:
        return 200, streamed(f"There is a panda [{number_of(asked, 'x_panda')}].{behind}")

    return say


def chat(collection: Path, script: Scripted, *more: str) -> Result:
    model = f"{script.url}#scripted"
    return CliRunner().invoke(app, ["chat", str(collection), PANDAS, "--model", model, *more])


def test_what_a_model_writes_is_shown_and_what_nothing_says_is_told(
    talked_about: Path, script: Scripted
) -> None:
    script.say = writes(" Rembrandt painted\x1b it.")
    told = chat(talked_about, script)
    assert told.exit_code == 0
    assert told.stdout == "There is a panda [1]. Rembrandt painted\\x1b it. [no evidence]\n"
    assert "no evidence: Rembrandt painted" in told.stderr
    as_json = json.loads(chat(talked_about, script, "--json").stdout)
    assert len(as_json["unfounded"]) == 1 and as_json["count"] == 1


def test_where_the_model_fails_the_own_answer_is_shown_and_why(
    talked_about: Path, script: Scripted
) -> None:
    script.say = lambda asked: (500, b"out of memory")
    told = chat(talked_about, script)
    assert told.exit_code == 1 and "1 picture" in told.stdout
    assert "did not answer to its end" in told.stderr and "500" in told.stderr


def test_a_conversation_goes_on_with_a_model(
    talked_about: Path, script: Scripted, tmp_path: Path
) -> None:
    script.say = writes()
    kept = tmp_path / "talk.json"
    assert chat(talked_about, script, "--save", str(kept)).exit_code == 0
    assert chat(talked_about, script, "--resume", str(kept)).exit_code == 0
    said = [message["content"] for message in script.asked[-1].json["messages"]]
    assert "There is a panda." in said  # the number is one of that turn
