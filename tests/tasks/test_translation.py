"""Translations: nothing of a long text is left out, and languages are told as models call them."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from sensorium.errors import UsageError
from sensorium.tasks.languages import name_of, two_letters
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.translation import joined, load_translator, translate_each
from tests.tasks.servers import Scripted

TEXT = "The castle stands on a hill. It was built in 1200.\n\nCats purr to show moods."


@pytest.mark.parametrize(
    ("said", "code", "name"),
    [
        ("de", "de", "German"), ("German", "de", "German"), ("deu_Latn", "de", "German"),
        ("de_DE", "de", "German"), ("pt-BR", "pt", "Portuguese"), ("zh", "zh", "Chinese"),
        ("zh_TW", "zh", "Traditional Chinese"), ("Klingon", "", "Klingon"),
    ],
)  # fmt: skip
def test_what_languages_are_called(said: str, code: str, name: str) -> None:
    assert (two_letters(said), name_of(said)) == (code, name)


def test_gaps_stay_as_they_are() -> None:
    text = "One. Two.\nThree.\n\n\nFour."
    spans = [(0, 4), (5, 9), (10, 16), (19, 24)]
    assert joined(text, spans, ["A.", "B.", "C.", "D."]) == "A. B.\nC.\n\nD."
    assert joined(text, spans[:2], ["一。", "二。"]) == "一。二。"


def test_a_server(script: Scripted) -> None:
    script.writes("Hallo.")
    translator = load_translator(f"{script.url}#m", source="en", target="de")
    (found,) = translator.translate(["Hello."])
    assert (found.text, found.windows) == ("Hallo.", 1)
    assert found.origin is not None and found.origin.kind == "server"
    told = script.asked[0].json["messages"][1]["content"]
    assert told == "Translate this text from English into German:\n\nHello."
    long = " ".join(f"Sentence number {n} is here." for n in range(200))
    (found,) = translator.translate([long])
    sent = [a.json["messages"][1]["content"].split("\n\n", 1)[1] for a in script.asked[1:]]
    assert " ".join(sent) == long and found.windows == len(sent) > 1
    with pytest.raises(UsageError, match="has to be told the language"):
        load_translator(f"{script.url}#m")


def test_documents(script: Scripted, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, "utf-8")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4 nothing")
    script.writes("Hallo.")
    translator = load_translator(f"{script.url}#m", target="German")
    good, bad, plain = translate_each(
        translator, [str(tmp_path / "a.txt"), tmp_path / "b.pdf", "Hello."]
    )
    assert (good.path, good.source, good.text) == (str(tmp_path / "a.txt"), TEXT, "Hallo.")
    assert bad.error and not bad.text and (plain.path, plain.text) == ("", "Hallo.")


def test_a_real_server(llama: str) -> None:
    (found,) = load_translator(llama, target="French").translate(["The cat sleeps."])
    assert found.text and found.origin is not None and found.origin.model == llama


def lent(translator: Any) -> Any:
    """The model itself, as long as it is held here."""
    with translator.lent() as model:
        return model


MODELS: dict[str, dict[str, Any]] = {
    "marian": {}, "m2m100": {"source": "en", "target": "German"}, "nllb": {"target": "German"},
    "mbart": {"source": "English", "target": "de_DE"}, "t5": {"source": "en", "target": "de"},
    "bart": {}, "pegasus": {},
}  # fmt: skip
QUICK = ("marian", "nllb")  # without languages of its own, and with them


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in QUICK else pytest.mark.slow) for kind in MODELS],
)
def test_every_kind_of_model(tmp_path: Path, kind: str) -> None:
    """Each window is whole sentences, none is left out, and short texts are not cut."""
    pytest.importorskip("transformers")
    if kind in ("marian", "m2m100"):
        pytest.importorskip("sentencepiece")
    from tests.tasks import tiny_language

    translator = lent(
        load_translator(getattr(tiny_language, kind)(tmp_path / kind), **MODELS[kind])
    )
    read: list[str] = []
    searched = translator.translation.searched

    def watched(texts: Any, *rest: Any) -> Any:
        read.extend(texts)
        return searched(texts, *rest)

    translator.translation.searched = watched
    long = " ".join(f"{TEXT} {n} more." for n in range(5))
    found, short, empty = translator.translate([long, "The cat.", " "], beams=2)
    prefix = "translate English to German: " if kind == "t5" else ""
    assert all(text.startswith(prefix) for text in read)
    assert found.windows > 1 and (short.windows, empty.text) == (1, "")
    assert all(translator.translation.pieces(text) <= translator.translation.max_length
               for text in read)  # fmt: skip
    words = {word for text in read for word in text.removeprefix(prefix).split()}
    assert words >= {*long.split()}
    assert "__de__" not in found.text and "deu_Latn" not in found.text
    assert found.text.count("\n\n") == 5 and found.origin is not None


def test_languages_that_models_know(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("sentencepiece")
    from tests.tasks import tiny_language

    nllb = tiny_language.nllb(tmp_path / "nllb")
    translator = lent(load_translator(nllb, codes=("deu_Latn", "fr")))
    tokenizer = translator.translation.source_tokenizer
    assert (tokenizer.src_lang, tokenizer.tgt_lang) == ("deu_Latn", "fra_Latn")
    begin = translator.translation.model.generation_config.forced_bos_token_id
    assert begin == tokenizer.convert_tokens_to_ids("fra_Latn")
    with pytest.raises(UsageError, match="knows no language 'xx'"):
        load_translator(nllb, target="xx")
    with pytest.raises(UsageError, match="name the one to translate to"):
        load_translator(nllb)
    several = tiny_language.marian(tmp_path / "marian", "deu", "fra")
    assert lent(load_translator(several, target="German"))._prefix == ">>deu<< "
    with pytest.raises(UsageError, match="it has deu, fra"):
        load_translator(several, target="Thai")
    with pytest.raises(UsageError, match="knows no languages"):
        load_translator(tiny_language.bart(tmp_path / "bart"), source="de", target="en")


@pytest.mark.slow
def test_what_does_not_end_is_written_again_with_room(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.tasks import tiny_language

    folder = tiny_language.t5(tmp_path / "t5")
    translator = lent(load_translator(folder))
    lengths: list[int] = []
    searched = translator.translation.searched

    def watched(texts: Any, search: Any, *rest: Any) -> Any:
        lengths.append(search.max_length)
        return searched(texts, search, *rest)

    translator.translation.searched = watched
    (found,) = translator.translate("The cat.", beams=1)
    assert not found.complete and lengths == [128, 512]
    lengths.clear()
    assert not translator.translate("The cat.", beams=1, max_length=8)[0].complete
    assert lengths == [8], "a length that was asked for is kept"


@pytest.mark.slow
def test_translators_share_their_model(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.tasks import tiny_language

    folder = tiny_language.t5(tmp_path / "t5")
    one: Any = load_translator(folder, target="de")
    same, other = load_translator(folder, target="de"), load_translator(folder, target="fr")
    assert lent(one) is lent(same) and lent(one) is not lent(other)
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append([t.text for t in one.translate(["The cat."])]))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and found[0] == found[1] == found[2]
    held = weakref.ref(lent(one))
    LOADED.unload()
    assert held() is None
    assert [t.text for t in one.translate(["The cat."])] == found[0], "it is loaded again"
