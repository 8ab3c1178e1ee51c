"""Nothing is reported to anybody, and nothing is left in the home folder but what is Sensorium's.

Every command, and what is public in Python, each in a process in which nobody has loaded anything
yet: OpenVINO, say, reports its import and writes an id into the home folder when it is imported
as it comes, so that whoever imports it first decides for all.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Collection
from tests.media.small_pictures import encode, red_blue
from tests.tiny_encoder import make_tiny_encoder

ROOT = Path(__file__).parent.parent

PLOTTING = (".cache/matplotlib/", ".config/matplotlib/")
XDG = (".cache/", ".config/", ".local/share/", ".local/state/")
"""What others keep there can be cleaned away by whoever cleans such folders."""

LIBRARIES = ["sensorium.cli.app", "rich.table", "scipy.stats", "matplotlib.figure", "typer.core"]
"""What most commands load, before they do: loading it anew for each would take the longest."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def watched(
    jobs: Mapping[str, list[str] | str], home: Path, libraries: list[str]
) -> dict[str, dict[str, Any]]:
    """Run jobs in an empty home; see `tests.watched`."""
    home.mkdir()
    # Models are compiled once for all tests; and a home of Sensorium's own is another one.
    kept = ("PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "TMPDIR", "SENSORIUM_HOME")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {
        "HOME": str(home),
        # With keys that could be sent, and nobody that is to be asked.
        "OPENAI_API_KEY": "canary",
        "HF_TOKEN": "canary",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.watched"],
        input=json.dumps({"libraries": libraries, "jobs": jobs}),
        env=environment, cwd=home.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def require_quiet(
    found: Mapping[str, Mapping[str, Any]], home: Path, allowed: tuple[str, ...]
) -> None:
    loud = {
        name: facts
        for name, facts in found.items()
        if facts["asked"] or facts["loaded"] or facts["code"] not in (0, 1)
    }
    assert not loud, json.dumps(loud, indent=1)
    files = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
    assert not [file for file in files if not file.startswith(allowed)]


def public(module: str) -> str:
    """A job that takes every public name of a module."""
    names = importlib.import_module(module).__all__
    return f"import {module}\nfor name in {names!r}: getattr({module}, name)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with captions and classes, an encoder that gives a map, vectors, a collection."""
    return make_data(tmp_path_factory.mktemp("quiet"))


def make_data(folder: Path) -> Path:
    """What `commands` and `trainings` are given."""
    make_tiny_encoder(folder / "tiny")
    make_tiny_encoder(folder / "other", seed=1, name="other")
    rows = []
    for n, label in enumerate(("red", "blue") * 3):
        (folder / "classes" / label).mkdir(parents=True, exist_ok=True)
        path = folder / "classes" / label / f"{n}.png"
        path.write_bytes(encode(red_blue((40 + n, 40 + 3 * n)), "PNG"))
        rows.append((path, f"a {label} square", label))
    table = "\n".join(f"{path},{caption},{label}" for path, caption, label in rows)
    (folder / "pairs.csv").write_text(f"path,caption,label\n{table}\n")
    (folder / "rows.csv").write_text(f"picture,note,kind\n{table}\n{table}\n{table}\n")
    (folder / "texts.csv").write_text(
        "en,fr\n"
        + "".join(f"a {c} {t},le {t} {c}\n" for c in "abcdefghijkl" for t in ("cat", "dog", "cow"))
    )
    (folder / "text.txt").write_text("A text about a cat. " * 5)
    (folder / "queries.jsonl").write_text(
        '{"_id": "1", "text": "a red cat"}\n{"_id": "2", "text": "a blue dog"}\n'
    )
    (folder / "qrels.tsv").write_text(
        f"query-id\tcorpus-id\tscore\n1\t{rows[0][0]}\t1\n2\t{rows[1][0]}\t1\n"
    )
    with Collection(folder / "other.sensorium", folder / "tiny") as library:
        library.add_vectors(np.eye(30, 48), [f"/{n}" for n in range(30)])
    return folder


def commands(folder: Path) -> dict[str, list[str]]:
    """Every command but those that train in torch, in an order in which each finds its input."""
    tiny, other, library = folder / "tiny", folder / "other", folder / "c.sensorium"
    here = {
        name: folder / name for name in ("classes", "pairs.csv", "clf", "out", "eval", "text.txt")
    }
    picture = here["classes"] / "red" / "0.png"
    table = f"lance://{folder}/c.lance"
    lines: dict[str, list[Any]] = {
        "index": ["index", here["classes"], here["text.txt"], "-c", library, "--encoder", tiny],
        "index mini": ["index", here["classes"], here["text.txt"], "-c", folder / "m.sensorium"],
        "search": ["search", "a cat", "-c", library, "--sheet", folder / "sheet.png"],
        "search mini": ["search", "a cat", "-c", folder / "m.sensorium"],
        "search by a picture": ["search", picture, "-c", library],
        "info": ["info", "-c", library],
        "check": ["check", "-c", library],
        "train classifier": [
            "train", "classifier", here["classes"], "--encoder", tiny, "-o", here["clf"]
        ],
        "classify": ["classify", "--labels", "cat,dog", "-c", library],
        "classify files": ["classify", picture, "--labels", "cat,dog", "--encoder", tiny],
        "classify by a classifier": ["classify", picture, "--classifier", here["clf"]],
        "label": ["label", here["clf"], "-c", library],
        "optimize": ["optimize", "-c", folder / "other.sensorium"],
        "optimize hash": ["optimize", "--hash", "32", "-c", folder / "other.sensorium"],
        "search by hash": ["search", "cat", "--mode", "hash", "-c", folder / "other.sensorium"],
        "duplicates": ["duplicates", "-c", library],
        "export": ["export", here["out"], "-c", library],
        "import": ["import", here["out"], "-c", folder / "in.sensorium"],
        "evaluate": ["evaluate", here["pairs.csv"], "--encoder", tiny, "--out", here["eval"]],
        "evaluate classes": [
            "evaluate", here["classes"], "--encoder", tiny, "--out", folder / "eval2"
        ],
        "evaluate a collection": [
            "evaluate", "-c", library, "--queries", folder / "queries.jsonl",
            "--qrels", folder / "qrels.tsv", "--out", folder / "eval3",
        ],
        "evaluate again": ["evaluate", "--rerun", here["eval"]],
        "reembed": ["reembed", "--encoder", other, "-c", library],
        "prune": ["prune", "-c", library],
        "index into Lance": ["index", here["classes"], "-c", table, "--encoder", tiny],
        "versions": ["versions", "-c", table, "--keep", "first", "--forget", "1"],
        "detect": ["detect", picture],
        "detect any word": ["detect", picture, "--labels", "cat", "--encoder", tiny],
        "segment": ["segment", picture, "--labels", "cat"],
        "name": ["caption", picture],
        "explain": ["explain", "a cat", picture, "--encoder", tiny],
        "answer": ["answer", "What is the text about?", here["text.txt"]],
        "chat": ["chat", library, "show me cats", "--save", folder / "talk.json"],
        "summarize": ["summarize", here["text.txt"]],
        "speak": ["speak", "A cat.", "--out", folder / "said.wav"],
        "transcribe": ["transcribe", folder / "said.wav"],
        "models": ["models"],
        "plan": ["plan", "--rows", "1e6", "--seconds", "0.01"],
        "help": ["--help"],
    }  # fmt: skip
    return {name: [str(word) for word in line] for name, line in lines.items()}


def python(folder: Path) -> dict[str, str]:
    """What is public in Python, and what the commands do not begin with."""
    tiny = f"{folder / 'tiny'!s}"
    feature_reader = (
        "from sensorium import Image, load_encoder\n"
        "from sensorium.tasks.captions.visual_features import FeatureReader\n"
        "FeatureReader(load_encoder('mini'), 'mini', spatial=True)"
    )
    jobs = {
        module: public(module)
        for module in (
            "sensorium", "sensorium.encoders", "sensorium.media", "sensorium.collection",
            "sensorium.evaluation",
        )
    } | {
        "feature reader": feature_reader,
        "encoder": f"from sensorium import load_encoder\nload_encoder({tiny!r}).encode(['a cat'])",
        "mini": "from sensorium import load_encoder\nload_encoder('mini').runtime",
        "zero-shot": (
            "from sensorium import ZeroShotClassifier, load_encoder\n"
            f"ZeroShotClassifier(load_encoder({tiny!r}), ['a', 'b']).classify(['a cat'])"
        ),
    }  # fmt: skip
    if find_spec("fastapi") is not None:
        jobs["server"] = (
            "from pathlib import Path\n"
            "from starlette.testclient import TestClient\n"
            "from sensorium.serve.app import create_app\n"
            "from sensorium.serve.settings import Settings\n"
            f"app = create_app(Settings({{'a': Path({str(folder / 'other.sensorium')!r})}}))\n"
            "with TestClient(app, base_url='http://localhost') as client:\n"
            "    asked = client.post('/api/collections/a/search', json={'query': 'a cat'})\n"
            "    assert asked.status_code == 200, asked.text\n"
            "    assert client.get('/health').status_code == 200"
        )
    if find_spec("openvino") is None:
        del jobs["feature reader"]
    return jobs


def test_commands_and_classes_are_quiet(folder: Path, tmp_path: Path) -> None:
    if find_spec("scipy") is None or find_spec("matplotlib") is None:
        pytest.skip("extra `evaluate` is not installed")
    jobs: dict[str, list[str] | str] = {**python(folder), **commands(folder)}
    found = watched(jobs, tmp_path / "home", LIBRARIES)
    require_quiet(found, tmp_path / "home", PLOTTING)


def trainings(folder: Path) -> dict[str, list[str]]:
    """Commands that take torch, and what is done with what they wrote."""
    tiny, picture = folder / "tiny", folder / "classes" / "red" / "0.png"
    lines: dict[str, list[Any]] = {
        "train fusion": [
            "train", "fusion", folder / "rows.csv", "--target", "kind", "--encoder", tiny,
            "--out", folder / "fusion", "--epochs", "1",
        ],
        "predict": ["predict", folder / "fusion", folder / "rows.csv"],
        "train caption": [
            "train", "caption", folder / "captioned" / "pictures.csv", "--encoder", "mini",
            "-o", folder / "captioner", "--epochs", "1", "--vocabulary", "300",
        ],
        "caption": ["caption", folder / "captioner", picture],
        "train translation": [
            "train", "translation", folder / "texts.csv", "--encoder", tiny, "--vocabulary", "300",
            "-o", folder / "translator", "--epochs", "1",
        ],
        "translate": ["translate", folder / "translator", "a cat"],
        "train contrastive": [
            "train", "contrastive", folder / "pairs.csv", "--image-tower", tiny, "--text-tower",
            folder / "other", "--out", folder / "pair", "--epochs", "1", "--batch-size", "2",
            "--validation", folder / "pairs.csv",
        ],
        "use it": ["index", folder / "classes", "-c", folder / "p", "--encoder", folder / "pair"],
        "train hash": [
            "train", "hash", folder / "other.sensorium", "--steps", "2", "--bits", "32",
        ],
    }  # fmt: skip
    return {name: [str(word) for word in line] for name, line in lines.items()}


@pytest.mark.slow
def test_training_and_what_was_trained_are_quiet(folder: Path, tmp_path: Path) -> None:
    for library in ("torch", "transformers", "sentence_transformers", "peft", "sacrebleu"):
        pytest.importorskip(library)
    from tests.encoders import tiny_hub
    from tests.training import tiny_generation

    tiny_generation.table(folder / "captioned", broken=False)
    jobs: dict[str, list[str] | str] = {**trainings(folder)}
    jobs["sensorium.training"] = public("sensorium.training")
    for name in ("bert", "clip"):
        model = str(getattr(tiny_hub, name)(folder / name))
        jobs[name] = (
            f"from sensorium import load_encoder\nload_encoder({model!r}).encode(['a cat'])"
        )
    if find_spec("rapidocr") and find_spec("faster_whisper") and find_spec("soundfile"):
        import soundfile

        rng = np.random.default_rng(0)
        soundfile.write(folder / "noise.wav", rng.normal(size=16_000) / 10, 16_000)
        words = [folder / "noise.wav", folder / "classes", "--speech", "--ocr", "-c", folder / "w"]
        jobs["read and hear"] = ["index", *map(str, words)]
    libraries = ["torch", "transformers", "sentence_transformers", "accelerate", "datasets", "peft"]
    found = watched(jobs, tmp_path / "home", [name for name in libraries if find_spec(name)])
    require_quiet(found, tmp_path / "home", XDG)


def test_every_command_is_watched(folder: Path) -> None:
    from sensorium.cli.app import app
    from sensorium.cli.train import train_app

    def names(of: Any) -> set[str]:
        return {c.name or c.callback.__name__.strip("_") for c in of.registered_commands}

    lines = [*commands(folder).values(), *trainings(folder).values()]
    served = {"serve", "mcp", "shard"}  # they have no end: what they do is a job of Python's
    assert names(app) - served == {line[0] for line in lines} - {"train", "--help"}
    assert names(train_app) == {line[1] for line in lines if line[0] == "train"}


@pytest.mark.skipif(find_spec("openvino_telemetry") is None, reason="there is no telemetry")
def test_what_is_watched_is_seen(tmp_path: Path) -> None:
    """OpenVINO as it comes, and a request, are not quiet."""
    loud = {
        "openvino": "import openvino",
        "request": "import socket\nsocket.create_connection(('127.0.0.1', 9))",
    }
    found = watched(loud, tmp_path / "home", [])
    assert "openvino_telemetry" in found["openvino"]["loaded"]
    assert any("127.0.0.1" in one for one in found["request"]["asked"])
    assert list((tmp_path / "home" / "intel").iterdir())


def test_openvino_is_imported_in_one_place() -> None:
    """Whoever else imports it, first, would let it report."""
    for top in ("src", "recipes", "benchmarks"):
        for path in (ROOT / top).rglob("*.py"):
            if path.name == "runtime.py" and top == "src":
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                    names += [ast.unparse(one).strip("'\"") for one in node.args]
                for name in names:
                    assert name.split(".")[0] not in ("openvino", "optimum", "nncf"), path
