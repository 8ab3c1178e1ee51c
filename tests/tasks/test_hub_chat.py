"""Models that one talks to, of a hub: each architecture tiny, asked from Python and the shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("transformers")

from sensorium.cli.app import app
from sensorium.errors import EncoderError, UsageError
from sensorium.media import Text
from sensorium.tasks.answering import load_answerer
from sensorium.tasks.captioning import load_captioner
from sensorium.tasks.chat import writing_model
from sensorium.tasks.origin import digest_of_folder
from sensorium.tasks.summarizing import load_summarizer
from sensorium.tasks.translation import load_translator
from tests.tasks import tiny_language, tiny_seers
from tests.training import tiny_generation

Make = Callable[[Path], Path]


@pytest.mark.parametrize("make", tiny_seers.SEERS, ids=lambda make: make.__name__)
def test_what_sees_captions_and_answers(
    make: Make, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensorium.tasks.captions.by_chat.MOST_TOKENS", 12)
    monkeypatch.setattr("sensorium.tasks.answers.served.MOST_TOKENS", 4)
    folder = make(tmp_path / "model")
    pictures = [sample / "images" / name for name in ("x_cat.jpg", "x_dog.jpg")]
    cat, dog, missing = load_captioner(folder).caption([*pictures, tmp_path / "nothing.png"])
    assert missing.error == "no such file" and not cat.error and not dog.error
    assert cat.score < 0 and cat.score != dog.score  # random weights, but the picture reaches them
    assert cat.origin is not None and cat.origin.revision == digest_of_folder(folder)
    told = CliRunner().invoke(
        app, ["caption", str(pictures[0]), "--model", str(folder), "--json"], catch_exceptions=False
    )
    assert told.exit_code == 0 and json.loads(told.stdout)["text"] == cat.text
    (answer,) = load_answerer(folder).answer("a red cat", pictures[0])
    assert answer.origin == cat.origin and answer.probability is None


@pytest.mark.parametrize("make", tiny_seers.WRITERS, ids=lambda make: make.__name__)
def test_what_writes_answers_summarizes_and_translates(
    make: Make, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensorium.tasks.answers.served.MOST_TOKENS", 6)
    monkeypatch.setattr("sensorium.tasks.summaries.written.TOKENS_A_SENTENCE", 1)
    folder = make(tmp_path / "model")
    text = Text("A red cat. This is a picture of it in German.")
    (answer,) = load_answerer(folder).answer("a red cat", text)
    assert answer.origin is not None and answer.origin.revision == digest_of_folder(folder)
    (summary,) = load_summarizer(folder).summarize(text)
    assert summary.origin == answer.origin and summary.windows == 1
    translator = load_translator(folder, target="German")
    (said,) = translator.translate("A red cat.", max_length=5)
    assert said.origin == answer.origin and said.source == "A red cat."
    with pytest.raises(UsageError, match="has to be told the language"):
        load_translator(folder)
    with pytest.raises(EncoderError, match="it takes no picture"):
        load_answerer(folder).answer("a red cat", sample / "images" / "x_cat.jpg")
    (tmp_path / "cat.txt").write_text("A red cat.", "utf-8")
    told = CliRunner().invoke(
        app, ["answer", "a red cat", str(tmp_path / "cat.txt"), "--model", str(folder), "--json"],
        catch_exceptions=False,
    )  # fmt: skip
    assert told.exit_code == 0, told.output


def test_what_a_model_writes_is_transformers(tmp_path: Path) -> None:
    import transformers

    folder = tiny_seers.llama(tmp_path / "llama")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    given = tokenizer("USER: You write.\na red cat ASSISTANT:", return_tensors="pt")
    out = model.generate(**given, max_new_tokens=8, do_sample=False)[0]
    expected = tokenizer.decode(out[given["input_ids"].shape[1] :], skip_special_tokens=True)
    found = writing_model(folder).write("a red cat", system="You write.", most_tokens=8)
    assert found == expected.strip()


def test_texts_that_are_too_long_are_refused(tmp_path: Path) -> None:
    model = writing_model(tiny_seers.qwen2(tmp_path / "qwen2"))
    with pytest.raises(EncoderError, match="reads 2048: take a shorter text"):
        model.write("cat " * tiny_seers.LENGTH)


def test_others_are_not_talked_to(tmp_path: Path, sample: Path) -> None:
    with pytest.raises(EncoderError, match="has no chat template"):
        writing_model(tiny_generation.gpt2(tmp_path / "gpt2"))
    with pytest.raises(UsageError, match="or one with a chat template"):
        load_answerer(tmp_path / "gpt2")
    # Without a template nothing says what it is asked, and it writes nothing of pixels alone.
    folder = tiny_seers.qwen2_vl(tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(EncoderError, match="writes nothing of a picture alone"):
        load_captioner(folder).caption(sample / "images" / "x_cat.jpg")
    assert load_summarizer(tiny_language.t5(tmp_path / "t5")).summarize(Text("a cat"))


def test_a_processor_that_cannot_be_loaded_says_so(tmp_path: Path) -> None:
    folder = tiny_seers.qwen2_vl(tmp_path / "model")
    (folder / "preprocessor_config.json").write_text("{", "utf-8")
    with pytest.raises(EncoderError, match="cannot be loaded as a model to talk to"):
        load_captioner(folder)
