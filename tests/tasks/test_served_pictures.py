"""Pictures on a real server: llama.cpp with a model that takes them, and with one that does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sensorium.cli.app import app
from sensorium.errors import EncoderError
from sensorium.tasks.answering import load_answerer
from sensorium.tasks.captioning import load_captioner


@pytest.mark.slow
def test_a_real_server_looks_at_pictures(seeing_llama: str, sample: Path, tmp_path: Path) -> None:
    pictures = [sample / "images" / name for name in ("x_cat.jpg", "x_dog.jpg")]
    captioner = load_captioner(seeing_llama)
    cat, dog, missing = captioner.caption([*pictures, tmp_path / "nothing.png"])
    assert missing.error == "no such file"
    # Its tower is random: that captions differ shows that the model is given each picture.
    assert cat.text and dog.text and cat.text != dog.text
    assert cat.origin is not None and cat.origin.kind == "server"
    told = CliRunner().invoke(
        app, ["caption", str(pictures[0]), "--model", seeing_llama, "--json"]
    )  # fmt: skip
    assert told.exit_code == 0 and json.loads(told.stdout)["text"] == cat.text
    found = load_answerer(seeing_llama).answer("What is in the picture?", pictures)
    assert not found.skipped and len({answer.text for answer in found}) == 2
    told = CliRunner().invoke(
        app, ["answer", "What is in the picture?", str(pictures[1]), "--model", seeing_llama]
    )
    assert told.exit_code == 0 and found[1].text.split()[0] in told.stdout


def test_a_real_server_without_eyes_says_so(llama: str, sample: Path) -> None:
    with pytest.raises(EncoderError, match="image input is not supported"):
        load_captioner(llama).caption(sample / "images" / "x_cat.jpg")
