"""In the shell, too, and in a process of its own: nobody is asked whom only a file names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sensorium.encoders import trust
from tests.cli.conftest import run as run  # a fixture
from tests.encoders.strangers import Server, rename
from tests.encoders.strangers import collection as collection
from tests.encoders.strangers import home as home
from tests.encoders.strangers import server as server


def test_in_the_shell(
    run: Any, server: Server, collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename(collection, server.name)
    done = run("search", "a secret question", "-c", collection)
    assert done.code == 3 and server.name in done.err and server.requests == []
    assert run("info", "-c", collection).code == 0
    assert run("search", "a", "-c", collection, "--mode", "words").code == 0
    assert server.requests == []
    done = run("search", "a question", "-c", collection, "--encoder", server.name)
    assert "re-embed" in done.err  # another space: the server was asked, as it was named
    assert server.requests
    monkeypatch.setattr(trust, "_named", set())
    assert "names the encoder" not in run("search", "a question", "-c", collection).err


def test_trusting_in_the_shell(
    run: Any, server: Server, collection: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename(collection, server.name)
    done = run("models", "--trust", f"mini+{server.name}")
    assert (done.code, done.out) == (0, f"files may name {server.name} from now on\n")
    assert server.requests == []  # trusting asks nobody
    assert (home / trust.FILE).read_text() == f"{server.name}\n"
    monkeypatch.setattr(trust, "_named", set())
    assert "re-embed" in run("search", "a question", "-c", collection).err
    assert server.requests
    assert run("models", "--trust", "mini").code == 2


@pytest.mark.parametrize(
    "named", ["None", pytest.param("'stranger/model'", marks=pytest.mark.slow)]
)
def test_the_hub_gets_no_request(
    named: str, collection: Path, server: Server, tmp_path: Path
) -> None:
    """Unless the model is named here: then it is asked for, which shows that it could be."""
    rename(collection, "stranger/model")
    server.sends_on = (404, "")
    program = (
        "import sys; from sensorium import Collection\n"
        "from sensorium.errors import SensoriumError\n"
        f"try: Collection(sys.argv[1], {named}).search('a secret question')\n"
        "except SensoriumError as error: print(error)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(collection)],
        env={
            **os.environ, "HF_ENDPOINT": server.url.removesuffix("/v1"), "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path / "hub"),
        },
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if named == "None":
        assert "nobody has named it on this machine" in done.stdout
        assert "False" in done.stdout and server.requests == []
    else:
        assert "stranger/model cannot be fetched from" in done.stdout
        assert server.requests  # for the model alone; none that tells about who asks
        assert all("stranger/model" in path for _, path, _, _ in server.requests)
