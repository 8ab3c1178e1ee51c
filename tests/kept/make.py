"""Make the kept folders: run once, with the code whose formats are to be kept.

    SENSORIUM_PRECISION=f32 PYTHONPATH=OLD/src:. python -m tests.kept.make

`OLD` is a checkout of the commit that these formats are of; the folders that are here now were
written by 46b051c. Also writes what that code answered (``answers.json``) and the public names that
it had (``names.json``). What is imported here is where that code has it. Whoever makes all anew
keeps nothing: a new format gets folders of its own.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import sensorium
from tests.kept.answers import ASKED, SAMPLE
from tests.tiny_encoder import make_tiny_encoder
from tests.training.multimodal import write_table
from tests.training.pictures import write_classes

HERE = Path(__file__).parent

KEPT = ("x_cat.jpg", "e_penguin.jpg", "c_pan.jpg", "c_igloo.jpg")

SAID = "At low tide the causeway can be walked.\n\nThe harbour bell rings twice before a storm.\n"

UNKEPT = (
    "training", "features", "checkpoints", "history.json", "*.png", "*.svg", "report.json",
    "report.md",
)  # fmt: skip
"""What a training leaves that nothing reads again."""


IMPORT = re.compile(r"^from (sensorium[\w.]*) import ([\w, ]+)$", re.MULTILINE)


def _run(*command: object) -> None:
    done = subprocess.run([sys.executable, "-m", "sensorium", *map(str, command)], check=False)
    assert done.returncode in (0, 1), command


def _collection(folder: Path, place: Path) -> None:
    from sensorium import Collection

    media = place / "media"
    media.mkdir()
    rows = ["path,caption_en,category"]
    for name, caption, category in zip(
        KEPT, ("Cat", "Penguin", "Frying pan", "Igloo"),
        ("animals", "animals", "kitchen", "buildings"), strict=True,
    ):  # fmt: skip
        shutil.copy(SAMPLE / "images" / name, media)
        rows.append(f"{name},{caption},{category}")
    shutil.copy(SAMPLE / "audio" / "a_bell.ogg", media)
    rows.append("a_bell.ogg,A bell,sounds")
    (media / "tide.txt").write_text(SAID, "utf-8")
    (media / "media.csv").write_text("\n".join(rows) + "\n", "utf-8")
    with Collection(folder / "library.sensorium", "mini+ear") as library:
        print(library.add(media / "media.csv", media / "tide.txt"))
        library.hash(16)


def _fusion(folder: Path, table: Path, method: str, target: str) -> None:
    from sensorium.training import FusionClassifier, FusionRegressor
    from sensorium.training.loop import Settings

    kind = FusionClassifier if target == "kind" else FusionRegressor
    model = kind(
        method, encoder={"image": "mini", "text": "mini", "audio": "mel"}, width=8, layers=1,
        heads=2, settings=Settings(epochs=6, batch_size=8, learning_rate=0.01),
    )  # fmt: skip
    rows = [json.loads(line) for line in table.read_text("utf-8").splitlines()]
    for row in rows:
        del row["price" if target == "kind" else "kind"]
        for name in ("photo", "sound"):
            row[name] = str(table.parent / row[name])
        for name in () if method == "early" else ("note",):  # weights would be many
            del row[name]
    model.fit(rows, target)
    model.save(folder)


def _hash(folder: Path) -> None:
    from sensorium.training.hashing.data import HashingData

    from sensorium.index.coding import HashCoder
    from sensorium.training.hashing.training import HashingSettings, train_hash
    from tests.training.vectors import blobs

    vectors, labels = blobs(6, 20, 48)
    data = HashingData.of({"image": vectors}, labels={"image": labels})
    trained = train_hash(data, HashingSettings((16, 32, 48), steps=3, batch_size=16), space="kept")
    folder.mkdir()
    trained.coder.save(folder / "learned.npz")
    HashCoder.fit({"image": vectors}, bits=48, method="itq").save(folder / "itq.npz")


def _captioner(folder: Path) -> None:
    from sensorium.training.generation.captioning import train_captioner
    from sensorium.training.generation.captioning_features import Design
    from sensorium.training.generation.decoding import Search
    from sensorium.training.generation.translation import Shape
    from sensorium.training.pairs import read_captioned

    from sensorium.training.loop import Settings
    from tests.training import tiny_generation

    with tempfile.TemporaryDirectory() as pictures:
        train_captioner(
            read_captioned(tiny_generation.table(Path(pictures), broken=False)), folder,
            encoder="mini", search=Search(beams=2, max_length=8),
            settings=Settings(epochs=20, batch_size=8, learning_rate=0.02),
            design=Design(
                vocabulary=300, shape=Shape(8, 1, 2, 0.1), neighbours=1, views=1, spatial=False
            ),
        )  # fmt: skip


def _translator(folder: Path, place: Path) -> None:
    from sensorium.evaluation.text_pairs import read_text_pairs
    from sensorium.training.generation.decoding import Search
    from sensorium.training.generation.translation import Shape, train_translator

    from sensorium.training.loop import Settings
    from tests.training.tiny_generation import COLOURS

    rows = [f"a {c} {t},le {t} {c}" for c in COLOURS for t in ("cat", "dog", "square")]
    (place / "texts.csv").write_text("\n".join(["en,fr", *rows]) + "\n", "utf-8")
    train_translator(
        read_text_pairs(place / "texts.csv", "en", "fr"), folder, vocabulary=300, encoder="mini",
        shape=Shape(16, 1, 2, 0.1), search=Search(beams=2, max_length=8), language="fr",
        settings=Settings(epochs=20, batch_size=8, learning_rate=0.02),
    )  # fmt: skip


def _contrastive(folder: Path, place: Path, tiny: Path) -> None:
    from tests.training import tiny_generation

    other = make_tiny_encoder(place / "other", seed=1, name="other")
    table = tiny_generation.table(place / "pictures", broken=False)
    _run(
        "train", "contrastive", table, "--image-tower", tiny, "--text-tower", other, "--out",
        folder, "--epochs", 2, "--batch-size", 8, "--dimension", 12, "--validation-share", 0.2,
    )  # fmt: skip


def _names() -> dict[str, list[str]]:
    """The public names of the old code: those that packages offer, and those in its pages."""
    package = Path(sensorium.__file__).parent
    found: dict[str, set[str]] = {}
    for path in package.rglob("__init__.py"):
        module = ".".join(["sensorium", *path.parent.relative_to(package).parts])
        found[module] = set(getattr(importlib.import_module(module), "__all__", []))
    root = package.parents[1]
    for page in [*root.glob("README*.md"), *root.glob("docs/**/*.md")]:
        for module, names in IMPORT.findall(page.read_text("utf-8")):
            found.setdefault(module, set()).update(names.split(", "))
    return {module: sorted(names) for module, names in sorted(found.items()) if names}


def main() -> None:
    """Make all, and write down what the code that made it answers."""
    with tempfile.TemporaryDirectory(prefix="kept-") as temporary:
        place = Path(temporary)
        made = place / "made"
        (made / "collection").mkdir(parents=True)
        _collection(made / "collection", place)
        _run(
            "train", "classifier", write_classes(place / "classes"), "--method", "linear-probe",
            "-o", made / "classifier",
        )  # fmt: skip
        table = write_table(place / "table", rows=24)
        _fusion(made / "fusion-linear", table, "linear", "kind")
        _fusion(made / "fusion-early", table, "early", "kind")
        _fusion(made / "fusion-number", table, "late", "price")
        make_tiny_encoder(made / "encoder", query_prefix="green dog ")
        _contrastive(made / "contrastive", place, made / "encoder")
        _hash(made / "hash")
        _captioner(made / "captioner")
        _translator(made / "translator", place)
        _run("evaluate", place / "classes", "--encoder", made / "encoder", "--output",
             made / "evaluation")  # fmt: skip
        for name in ASKED:
            shutil.rmtree(HERE / name, ignore_errors=True)
            shutil.copytree(made / name, HERE / name, ignore=shutil.ignore_patterns(*UNKEPT))
    answers = {name: asked(HERE / name) for name, asked in ASKED.items()}
    text = json.dumps(answers, indent=1, ensure_ascii=False)
    (HERE / "answers.json").write_text(text + "\n", "utf-8")
    (HERE / "names.json").write_text(json.dumps(_names(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
