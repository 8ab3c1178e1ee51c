"""Every kind of recogniser on real speech: tiny models of each, a real one, a server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sensorium.cli.app import app
from sensorium.errors import EncoderError
from sensorium.media import Audio
from sensorium.tasks.hearing import find_recogniser
from sensorium.tasks.hearing.base import RATE, Samples, is_invented, spread, wav
from sensorium.tasks.hearing.ctranslate2_whisper import FasterWhisper
from sensorium.tasks.hearing.transcripts import Said
from sensorium.tasks.transcription import Transcriber
from tests.tasks.hearing import tiny_recognisers

pytest.importorskip("faster_whisper")

Weights = Callable[[str], Path]
SENTENCE = "The castle stands on a hill and the river runs behind it."


@pytest.fixture(scope="module")
def speech(weights_of: Weights) -> Samples:
    """A sentence of the packaged voice, a second of silence around it."""
    pytest.importorskip("onnxruntime")
    weights_of("voice-joe")
    from sensorium.tasks.speaking import load_speaker

    spoken = load_speaker("joe").speak(SENTENCE)
    said = Audio(spoken.samples, spoken.rate).load(RATE)
    rest = np.zeros(RATE, np.float32)
    return np.concatenate([rest, said, rest])


def check(found: list[Said], seconds: float) -> None:
    """Times lie within what was heard, in order."""
    last = 0.0
    for said in found:
        assert last <= said.start <= said.stop <= seconds + 0.01
        assert said.words
        starts = [word.start for word in said.words]
        assert starts == sorted(starts)
        assert all(said.start <= w.start <= w.stop <= said.stop + 1e-6 for w in said.words)
        assert all(0 <= w.confidence <= 1 for w in said.words)
        last = said.start


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


@pytest.mark.parametrize("name", ["whisper-base", "whisper-tiny.en"])
def test_the_packaged_voice_is_read_back(speech: Samples, weights_of: Weights, name: str) -> None:
    weights_of(name)
    transcript = Transcriber(name).transcribe(Audio(speech, RATE))
    check(list(transcript.segments), len(speech) / RATE)
    assert transcript.origin.model == name and transcript.language == "en"
    right, heard = words(SENTENCE), words(transcript.text)
    assert len(heard) == pytest.approx(len(right), abs=2)
    assert len({*right} - {*heard}) <= 1, transcript.text


@pytest.mark.parametrize("aligned", [False, True])
def test_whisper_of_transformers(
    speech: Samples, weights_of: Weights, tmp_path: Path, aligned: bool
) -> None:
    pytest.importorskip("transformers")
    folder = tiny_recognisers.whisper(
        tmp_path / "tiny", weights_of("whisper-base") / "tokenizer.json", aligned=aligned
    )
    transcript = Transcriber(str(folder)).transcribe(Audio(speech, RATE))
    assert {*words(transcript.text)} == {"cat"} and transcript.language == "en"
    check(list(transcript.segments), len(speech) / RATE)
    (said,) = transcript.segments
    assert said.confidence > 0.9 and 0.5 < said.start < 1.5
    assert transcript.origin.kind == "folder" and len(transcript.origin.revision) == 64


KINDS = ("wav2vec2", "hubert", "wavlm", "parakeet", "moonshine", "speecht5", "speech_to_text")
QUICK = ("wav2vec2", "moonshine")  # one that labels frames, one that writes


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in QUICK else pytest.mark.slow) for kind in KINDS],
)
def test_other_recognisers_of_transformers(speech: Samples, tmp_path: Path, kind: str) -> None:
    """What they write is what Transformers makes of the same samples, and has times."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    from tests.tasks.hearing import tiny_speech

    folder = getattr(tiny_speech, kind)(tmp_path / kind)
    samples = speech[RATE : 2 * RATE]  # the first second is silence
    found = find_recogniser(str(folder)).hear(samples, None)
    check(found, 1.0)
    features = transformers.AutoFeatureExtractor.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    given = features(samples, sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode():
        if kind in ("wav2vec2", "hubert", "wavlm", "parakeet"):
            model = transformers.AutoModelForCTC.from_pretrained(folder).eval()
            tokens = model(**given).logits[0].argmax(-1)
            blank = model.config.pad_token_id
            tokens = [one for one in torch.unique_consecutive(tokens).tolist() if one != blank]
            options = {"group_tokens": False} if kind != "parakeet" else {}
        else:
            model = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(folder).eval()
            tokens, options = model.generate(**given, max_new_tokens=14, do_sample=False)[0], {}
    expected = tokenizer.decode(tokens, skip_special_tokens=True, **options).split()
    assert expected and " ".join(one.text for one in found).split() == expected
    transcript = Transcriber(str(folder)).transcribe(Audio(speech, RATE))
    check(list(transcript.segments), len(speech) / RATE)
    assert transcript.origin.kind == "folder" and len(transcript.origin.revision) == 64
    (tmp_path / "said.wav").write_bytes(wav(speech, RATE))
    told = CliRunner().invoke(
        app, ["transcribe", str(tmp_path / "said.wav"), "--model", str(folder), "--json"]
    )
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["origin"]["revision"] == transcript.origin.revision


def test_a_recogniser_that_wants_a_prompt_is_refused(tmp_path: Path, speech: Samples) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "voxtral"}')
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(EncoderError, match="is a voxtral, which is not read: name a Whisper"):
        Transcriber(str(tmp_path)).transcribe(Audio(speech, RATE))


@pytest.mark.parametrize("kind", ["parakeet_ctc", "parakeet_tdt"])
def test_models_of_onnx_asr(speech: Samples, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("onnx_asr")
    folder = getattr(tiny_recognisers, kind)(tmp_path / kind)
    transcript = Transcriber(str(folder)).transcribe(Audio(speech, RATE))
    check(list(transcript.segments), len(speech) / RATE)
    heard = words(transcript.text)
    assert heard[:3] == ["a", "red", "cats"]
    assert {*heard} <= {"a", "red", "cats", "cat"}  # where the sound ends, a word may
    second, third = transcript.segments[0].words[1:3]  # the first begins where it is loud
    apart = 0.08 if kind == "parakeet_ctc" else 0.32
    assert third.start - second.start == pytest.approx(apart, abs=0.001)
    assert second.confidence > 0.99


class Handler(BaseHTTPRequestHandler):
    """Answers as OpenAI's interface does; told by the test what."""

    answer: dict[str, Any]
    asked: list[bytes]

    def do_POST(self) -> None:
        type(self).asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        content = json.dumps(type(self).answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    handler = type("Answering", (Handler,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/v1#whisper-1", handler
        running.shutdown()


def test_a_server(speech: Samples, server: tuple[str, type[Handler]]) -> None:
    url, handler = server
    handler.answer = {
        "text": "A castle. Thanks for watching!",
        "language": "en",
        "segments": [
            {"start": 0.2, "end": 2.0, "text": " A castle.", "avg_logprob": -0.2},
            {
                "start": 2.0,
                "end": 2.5,
                "text": " Thanks!",
                "avg_logprob": -1.5,
                "no_speech_prob": 0.8,
            },
        ],
    }
    transcript = Transcriber(url, "en").transcribe(Audio(speech, RATE))
    assert transcript.text == "A castle." and transcript.language == "en"
    assert transcript.origin.kind == "server" and transcript.origin.model.endswith("#whisper-1")
    check(list(transcript.segments), len(speech) / RATE)
    (body,) = handler.asked
    assert b"timestamp_granularities" not in body  # Transformers' server refuses what it lacks
    assert b"RIFF" in body and b'name="language"\r\n\r\nen' in body
    handler.answer = {"text": "A castle on a hill."}
    assert Transcriber(url).transcribe(Audio(speech, RATE)).text == "A castle on a hill."
    handler.answer = {"text": "A", "segments": [{"text": "A"}]}
    with pytest.raises(EncoderError, match="a segment without times"):
        Transcriber(url).transcribe(Audio(speech, RATE))


def test_a_server_is_not_asked_about_silence(server: tuple[str, type[Handler]]) -> None:
    url, handler = server
    noise = np.random.default_rng(0).normal(size=3 * RATE).astype(np.float32) * 0.1
    assert Transcriber(url).transcribe(Audio(noise, RATE)).segments == ()
    assert handler.asked == []


def test_names_tell_what_reads_them(tmp_path: Path) -> None:
    kinds = {
        "base": "FasterWhisper",
        "large-v3": "FasterWhisper",
        "whisper-tiny.en": "FasterWhisper",
        "Systran/faster-whisper-small": "FasterWhisper",
        "openai/whisper-tiny": "TransformersWhisper",
        "facebook/wav2vec2-base-960h": "TransformersSpeech",
        "onnx-community/whisper-tiny": "OnnxAsr",
        "istupakov/parakeet-tdt-0.6b-v3-onnx": "OnnxAsr",
        "nemo-parakeet-tdt-0.6b-v3": "OnnxAsr",
    }
    pytest.importorskip("onnx_asr")
    for name, kind in kinds.items():
        assert type(find_recogniser(name)).__name__ == kind, name
    (tmp_path / "model.bin").touch()
    assert isinstance(find_recogniser(str(tmp_path)), FasterWhisper)


def test_a_folder_that_is_no_model_says_so(tmp_path: Path, speech: Samples) -> None:
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        Transcriber(str(tmp_path)).transcribe(Audio(speech, RATE))


def test_what_whisper_says_of_itself() -> None:
    assert is_invented(-1.2, 0.7) and is_invented(-0.1, 0.0, 3.0)
    assert not is_invented(-1.2, 0.1) and not is_invented(-0.6, 0.9, 1.5)


def test_words_without_times_share_the_seconds() -> None:
    (said,) = spread("a longer text", 3.0, "en")
    assert [w.text for w in said.words] == ["a", "longer", "text"]
    assert said.words[0].start == 0 and said.words[-1].stop == pytest.approx(3.0)
    assert spread("", 3.0, "en") == []


def test_wav_files_are_what_was_heard() -> None:
    samples = np.sin(np.arange(RATE) / 20).astype(np.float32) * 0.5
    np.testing.assert_allclose(Audio(wav(samples, RATE)).load(RATE), samples, atol=1e-4)
