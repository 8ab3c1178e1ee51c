"""Translators learn, are measured beside the nearest text, and come back as they were."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("sacrebleu")

import torch

from sensorium import load_encoder
from sensorium.data.pairs import text_pairs
from sensorium.errors import EncoderError, UsageError
from sensorium.tasks.formats import TRANSLATOR
from sensorium.tasks.generating import Search
from sensorium.tasks.translation import load_translator
from sensorium.training.loop import Settings
from sensorium.training.new_models import Shape, train_tokenizer
from sensorium.training.translator import (
    new_translation,
    pretrained_translation,
    train_translator,
)
from tests.tiny_encoder import make_tiny_encoder
from tests.training import tiny_generation as tiny

COLOURS = {"red": "rouge", "green": "vert", "blue": "bleu", "pink": "rose", "white": "blanc"}
THINGS = {"cat": "chat", "dog": "chien", "square": "carré", "car": "char", "book": "livre"}
TEXTS = {f"a {c} {t}": [f"un {THINGS[t]} {COLOURS[c]}"] for c, t in product(COLOURS, THINGS)}
SEARCH = Search(beams=3, max_length=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("translation")


@pytest.fixture(scope="module")
def trained(folder: Path) -> tuple[Path, Any]:
    encoder = load_encoder(make_tiny_encoder(folder / "encoder"))
    translation = new_translation(
        text_pairs(TEXTS),
        vocabulary=320,
        shape=Shape(64, 1, 4, 0.0),
        label_smoothing=0.0,
        encoder=encoder,
    )
    report = train_translator(
        text_pairs(TEXTS), folder / "model", translation=translation, encoder=encoder,
        language="fr", search=SEARCH,
        settings=Settings(max_steps=80, batch_size=20, learning_rate=5e-3, validate_every=80),
    )  # fmt: skip
    return folder / "model", report


def test_unseen_combinations_are_translated(trained: tuple[Path, Any]) -> None:
    _, report = trained
    assert report.counts == {"train": 21, "validation": 2, "test": 2}
    assert report.scores["chrf"].estimate > report.baseline["chrf"].estimate
    assert all(one.text.startswith("un ") for one in report.examples)
    assert {one.name for one in report.examples} <= set(TEXTS)


def test_what_is_done_is_told(folder: Path, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    def said(what: str) -> Any:
        told[what] = []
        return lambda done, total: told[what].append((done, total))

    train_translator(
        text_pairs(TEXTS), tmp_path / "model", vocabulary=320, shape=Shape(32, 1, 2), said=said,
        encoder=load_encoder(make_tiny_encoder(folder / "encoder")), search=Search(1, 4),
        settings=Settings(max_steps=1, batch_size=20),
    )  # fmt: skip
    assert [*told] == [
        "learning word pieces and their vectors", "translating",
        "encoding texts, for the nearest known one",
    ]  # fmt: skip
    assert told["translating"] == [(2, 2)]


def test_a_folder_gives_the_translations_it_was_measured_with(trained: tuple[Path, Any]) -> None:
    folder, report = trained
    assert not (folder / "checkpoints").exists()
    translator = load_translator(folder)
    found = translator.translate([*(one.name for one in report.examples), " "])
    assert [one.text for one in found] == [*(one.text for one in report.examples), ""]
    assert translator.translate("a red cat")[0].text == "un chat rouge"
    assert len(translator.translate("a red cat", beams=5)[0].others) == 4
    with pytest.raises(UsageError, match="leave their codes out"):
        load_translator(folder, codes=("a", "b"))


def test_learnt_by_heart_when_it_is_trained_on(trained: tuple[Path, Any]) -> None:
    held_out = {one.name for one in trained[1].examples}
    found = load_translator(trained[0]).translate([text for text in TEXTS if text not in held_out])
    right = sum(one.text == TEXTS[one.source][0] for one in found)
    assert right >= 19  # of 21, and two that chose the weights


def test_the_loss_is_that_of_the_model(folder: Path) -> None:
    translation = new_translation(
        text_pairs(TEXTS), vocabulary=320, shape=Shape(32, 1, 2), label_smoothing=0.1
    )
    batch = translation.batch([*TEXTS][:4], [one[0] for one in TEXTS.values()][:4], 16)
    translation.module.eval()
    with torch.no_grad():
        ours, theirs = translation.module(**batch)["loss"], translation.model(**batch).loss
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
    translation.module.train()
    translation.module(**batch)["loss"].backward()
    assert all(p.grad is not None for p in translation.module.parameters() if p.requires_grad)


@pytest.mark.slow
def test_a_pretrained_model_is_fine_tuned(folder: Path, tmp_path: Path) -> None:
    encoder = load_encoder(make_tiny_encoder(folder / "encoder"))
    texts = {text: [text.replace("a ", "the ")] for text in TEXTS}
    report = train_translator(
        text_pairs(texts), tmp_path / "model",
        translation=pretrained_translation(tiny.bart(tmp_path / "bart")), encoder=encoder,
        settings=Settings(max_steps=40, batch_size=20, learning_rate=1e-2, validate_every=40),
        search=Search(2, 6),
    )  # fmt: skip
    history = json.loads((tmp_path / "model" / "history.json").read_text("utf-8"))
    assert history["losses"][-1] < 0.5 * history["losses"][0]
    assert all(one.text.startswith("the ") for one in report.examples)


def test_an_encoder_and_a_decoder_are_joined_with_a_tokenizer_each(tmp_path: Path) -> None:
    encoder, decoder = tiny.bert(tmp_path / "bert"), tiny.gpt2(tmp_path / "gpt2")
    translation = pretrained_translation(encoder=encoder, decoder=decoder)
    batch = translation.batch(["a red cat"], ["the red cat"], 8)
    assert batch["labels"].tolist() == [[5, 6, 12, 3]]  # without the begin that decoders are given
    assert float(translation.module(**batch)["loss"].detach()) > 0
    (tmp_path / "joined").mkdir()
    TRANSLATOR.write(tmp_path / "joined", translation.save(tmp_path / "joined"))
    again = load_translator(tmp_path / "joined").translate("a red cat", beams=2, max_length=5)
    assert again[0].text == translation.translate(["a red cat"], Search(2, 5))[0][0][0]


def test_what_cannot_be_loaded_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name both"):
        pretrained_translation(encoder="x")
    with pytest.raises(UsageError, match="name a model, or"):
        pretrained_translation("x", encoder="y", decoder="z")
    with pytest.raises(EncoderError, match="cannot be loaded for translation"):
        pretrained_translation(tiny.image_tower(tmp_path / "vit"))
    with pytest.raises(UsageError, match="knows no languages"):
        pretrained_translation(tiny.bart(tmp_path / "bart"), codes=("eng_Latn", "deu_Latn"))
    with pytest.raises(UsageError, match=r"neither translator\.json nor a model"):
        load_translator(folder)


def test_word_pieces_keep_every_text() -> None:
    texts = ["a red cat", "日本語、中文", "Füße – naïve", "🙂 x"]
    pieces = train_tokenizer(texts * 3, 300)
    for text in texts:
        ids = pieces(text)["input_ids"]
        assert ids[-1] == pieces.eos_token_id
        assert pieces.decode(ids, skip_special_tokens=True).strip() == text
    with pytest.raises(UsageError, match="too small"):
        train_tokenizer(texts, 100)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Search(beams=0), "beams is 0"),
        (lambda: Shape(width=30, heads=4), "no multiple of 4"),
        (lambda: Shape(dropout=1.0), "dropout is 1.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
