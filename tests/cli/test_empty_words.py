"""What is empty says so in every command: a wrong call, with what, which value and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

EMPTY_TEXT = "the text is empty ({0!r}): give at least one word"


@pytest.fixture
def picture(folder: Path) -> Path:
    return folder / "red.png"


@pytest.mark.parametrize("nothing", ["", " "])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "EMPTY", "-c", "LIBRARY"], EMPTY_TEXT),
        (["search", "EMPTY", "--text", "-c", "LIBRARY"], EMPTY_TEXT),
        (["search", "EMPTY", "--mode", "words", "-c", "LIBRARY"], EMPTY_TEXT),
        (["search", "red", "--without", "EMPTY", "-c", "LIBRARY"], "without takes words"),
        (["explain", "EMPTY", "PICTURE", "--encoder", "TINY"], EMPTY_TEXT),
        (["explain", "EMPTY", "PICTURE", "--text", "--encoder", "TINY"], EMPTY_TEXT),
        (["answer", "EMPTY", "PICTURE"], "the question is empty ({0!r}): ask something"),
        (["answer", "EMPTY", "-c", "LIBRARY"], EMPTY_TEXT),
        (["classify", "PICTURE", "--labels", "EMPTY"], "give labels separated by commas"),
        (["detect", "PICTURE", "--labels", "EMPTY"], "labels are words, got {0!r}: name one"),
        (["segment", "PICTURE", "--labels", "EMPTY"], "labels are words, got {0!r}: name one"),
        (["translate", "TINY", "EMPTY"], "there is no text to translate: give texts"),
        (["speak", "EMPTY", "--out", "NEW"], "nothing to say in {0!r} for the voice joe: give"),
    ],
    ids=lambda value: "-".join(value[:1]) if isinstance(value, list) else "",
)  # fmt: skip
def test_empty_words_are_a_wrong_call(
    run: Run, library: Path, tiny: Path, picture: Path, tmp_path: Path,
    words: list[str], said: str, nothing: str,
) -> None:  # fmt: skip
    stands = {
        "EMPTY": nothing, "LIBRARY": library, "PICTURE": picture, "TINY": tiny,
        "NEW": tmp_path / "said.wav",
    }  # fmt: skip
    done = run(*(stands.get(word, word) for word in words))
    assert (done.code, done.out) == (2, "")
    assert said.format(nothing) in done.err
    assert not (tmp_path / "said.wav").exists()


def test_an_empty_path_is_named(run: Run, tiny: Path, picture: Path) -> None:
    done = run("explain", "red", "", "--encoder", tiny)
    assert (done.code, done.err) == (2, "sensorium: the path is empty (''): name a file\n")
    done = run("classify", "", picture, "--labels", "red,blue", "--encoder", tiny)
    assert done.code == 1 and "skipped : the path is empty: name a file" in done.err
    assert len(done.lines) == 2  # the other one is labelled
