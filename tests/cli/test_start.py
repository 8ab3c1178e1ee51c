"""What a command imports before it answers: what it uses, and not what only others do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from sensorium.cli import frame, plain_types
from sensorium.cli.app import app

CHILD = """
import json, sys
from sensorium.cli import main
try:
    main()
except SystemExit as ended:
    code = ended.code or 0
print(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""

NEVER = (
    "torch", "transformers", "pydantic", "pyarrow", "scipy", "faiss", "urllib.request", "ssl",
    "sensorium.training", "sensorium.serve", "sensorium.dialogue", "sensorium.tasks.captions",
    "sensorium.media.document", "sensorium.media.video", "openvino.tools.ovc",
)  # fmt: skip
"""What no search for words over pictures needs."""

NO_MODEL = ("openvino", "onnxruntime", "tokenizers")


def imported(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words], capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert told["code"] == 0, done.stderr
    return set(told["modules"])


@pytest.fixture(scope="module")
def library(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    from sensorium import Collection

    path = tmp_path_factory.mktemp("start") / "c.sensorium"
    with Collection(path) as collection:
        for picture in sorted((sample / "images").glob("x_panda*"))[:1]:
            collection.add(picture)
    return str(path)


def test_a_search_by_words_loads_no_model(library: str) -> None:
    modules = imported("search", "panda", "--mode", "words", "-c", library)
    assert modules.isdisjoint(NEVER) and modules.isdisjoint(NO_MODEL)
    assert "sensorium.cli.search" in modules and "sensorium.cli.app" not in modules


def test_a_search_by_meaning(library: str) -> None:
    """Nor what other commands are made of."""
    found = imported("search", "a panda", "--json", "-k", "3", "-c", library)
    assert found.isdisjoint(NEVER), found & {*NEVER}
    assert {"numpy", "sensorium.encoders.folder"} <= found


def test_help_loads_no_model() -> None:
    modules = imported("--help")
    assert modules.isdisjoint(NO_MODEL) and modules.isdisjoint(("torch", "pydantic", "scipy"))


def test_one_command_alone_is_the_same() -> None:
    """Each has the help, and the options, that it has among all."""
    whole = typer.main.get_command(app)
    commands: dict[str, Any] = whole.commands  # type: ignore[attr-defined]
    for name in frame.HOMES:
        alone: Any = typer.main.get_command(frame.app_for([name, "--help"]))
        assert list(alone.commands) == [name]
        ours, theirs = alone.commands[name], commands[name]
        assert ours.help == theirs.help
        assert [one.name for one in ours.params] == [one.name for one in theirs.params]
    assert frame.app_for([]) is app and frame.app_for(["index", "x"]) is app


LOOKS = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 10_000))
from sensorium.cli import main
main()
"""


@pytest.mark.parametrize(("command", "said"), [("search", "100000 True"), ("check", "700 False")])
def test_short_commands_look_for_garbage_seldom(command: str, said: str, library: str) -> None:
    words = [*(["panda", "--mode", "words"] if command == "search" else []), "-c", library]
    done = subprocess.run(
        [sys.executable, "-c", LOOKS, command, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == said


@pytest.mark.parametrize(
    ("value", "kind", "read"),
    [
        ("word", str, "word"), ("", str, ""), ("7", int, 7), ("-12", int, -12), ("0.5", float, 0.5),
        ("3", float, 3.0), (True, bool, True), (["a", "b"], list[str], ["a", "b"]),
        ((), list[str], []), ("nowhere.png", Path, Path("nowhere.png")),
    ],
)  # fmt: skip
def test_plain_values(value: object, kind: Any, read: object) -> None:
    found = plain_types.plain_value(value, kind)
    assert found == read and type(found) is type(read)


@pytest.mark.parametrize(
    ("value", "kind"),
    [("x", int), ("1_0", int), (" 1", int), ("1e3", float), ("nan", float), ("yes", bool),
     (None, str), (["1", "x"], list[int]), ("a", list[str]), (b"a", str)],
)  # fmt: skip
def test_the_rest_is_left_to_typer(value: object, kind: Any) -> None:
    assert plain_types.plain_value(value, kind) is None


def test_what_is_wrong_is_said_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        frame.app_for(["search"])(["search", "red", "-k", "many"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "integer" in told and "-k" in told
