"""Hub models of seven architectures load by one call and give their own library's vectors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sentence_transformers", reason="needs the extra hub: make hub")

import torch
import transformers
from sentence_transformers import SentenceTransformer

from sensorium import Audio, Collection, Image, Text, load_encoder
from sensorium.encoders.hub import HubEncoder, options_of
from sensorium.encoders.hub_loading import choose_dtype
from sensorium.encoders.registry import encoder_name
from sensorium.encoders.without_videos import without_videos
from sensorium.errors import EncoderError, MediaError
from tests.encoders import tiny_hub
from tests.media.recordings import tone
from tests.media.small_pictures import encode, red_blue

MODELS = ("clip", "siglip", "clap", "vit", "bert", "whisper", "qwen_vl")
HOLD = {"clap": {"audio", "text"}, "vit": {"image"}, "bert": {"text"}, "whisper": {"audio"}}
TEXTS = ["a red cat", "the photo of a blue square", "dog"]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("hub")
    for name in MODELS:
        getattr(tiny_hub, name)(root / name)
    return root


def pictures() -> list[Any]:
    return [red_blue(), red_blue().rotate(90).resize((50, 40)), red_blue().resize((33, 70))]


@pytest.mark.parametrize("name", MODELS)
def test_vectors_are_the_librarys(models: Path, name: str) -> None:
    encoder = load_encoder(models / name)
    with without_videos():
        library = SentenceTransformer(str(models / name), device="cpu")
    rate = 48_000 if name == "clap" else 16_000
    sounds = [tone(2, hertz, rate) for hertz in (200, 900)]
    given: dict[str, tuple[list[Any], list[Any]]] = {
        "text": ([Text(text) for text in TEXTS], TEXTS),
        "image": (
            [Image(encode(p, "PNG")) for p in pictures()],
            [p.convert("RGB") for p in pictures()],
        ),
        "audio": (
            [Audio(sound, rate) for sound in sounds],
            [{"array": sound, "sampling_rate": rate} for sound in sounds],
        ),
    }
    assert set(encoder.space.modalities) == HOLD.get(name, {"image", "text"})
    for modality, (ours, theirs) in given.items():
        if modality in encoder.space.modalities:
            wanted = library.encode(theirs, normalize_embeddings=True)
            if (name, modality) == ("siglip", "text"):
                continue  # it pads them otherwise than the model was trained
            found = encoder.encode(ours)
            np.testing.assert_allclose(found, wanted, atol=1e-5)
            assert found.shape == (len(ours), encoder.space.dimension)
            np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
        else:
            with pytest.raises(EncoderError, match=f"encodes .*, not {modality}"):
                encoder.encode(ours)


def test_clip_is_transformers_clip(models: Path) -> None:
    import transformers

    model = transformers.CLIPModel.from_pretrained(models / "clip").eval()
    processor = transformers.CLIPProcessor.from_pretrained(models / "clip")
    picture = pictures()[1].convert("RGB")
    inputs = processor(text=TEXTS[:1], images=[picture], return_tensors="pt")
    with torch.inference_mode():
        found = model(**inputs)
    wanted = torch.cat([found.text_embeds, found.image_embeds]).numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    ours = load_encoder(models / "clip").encode([TEXTS[0], picture])
    np.testing.assert_allclose(ours, wanted, atol=1e-5)
    assert load_encoder(models / "clip").temperature == pytest.approx(
        1 / float(model.logit_scale.exp()), rel=1e-5
    )


def test_siglip_is_transformers_siglip(models: Path) -> None:
    """Texts are padded to their full length, as the model was trained, alone and in a batch."""
    import transformers

    model = transformers.SiglipModel.from_pretrained(models / "siglip").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "siglip")
    tokens = tokenizer(TEXTS, padding="max_length", max_length=16, return_tensors="pt")
    with torch.inference_mode():
        found = model.get_text_features(input_ids=tokens["input_ids"])
    wanted = getattr(found, "pooler_output", found).numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    encoder = load_encoder(models / "siglip")
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS[:1]), wanted[:1], atol=1e-5)
    assert encoder.sigmoid is not None


def test_queries_have_their_prompt(models: Path, tmp_path: Path) -> None:
    library = SentenceTransformer(str(models / "bert"), device="cpu")
    library.prompts = {"query": "query : ", "document": "the "}
    library.save(str(tmp_path / "prompted"))
    encoder = load_encoder(tmp_path / "prompted")
    assert isinstance(encoder, HubEncoder)
    plain = load_encoder(models / "bert")
    np.testing.assert_allclose(
        encoder.encode_queries(["cat"]), plain.encode(["query : cat"]), atol=1e-5
    )
    np.testing.assert_allclose(encoder.encode(["cat"]), plain.encode(["the cat"]), atol=1e-5)
    assert encoder.space.fingerprint != plain.space.fingerprint


def test_fewer_dimensions(models: Path) -> None:
    whole = load_encoder(models / "bert").encode(TEXTS)
    encoder = load_encoder(f"{models / 'bert'}?dimension=8")
    short = whole[:, :8] / np.linalg.norm(whole[:, :8], axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode(TEXTS), short, atol=1e-5)
    assert encoder.space.dimension == 8
    with pytest.raises(EncoderError, match="has 32 dimensions, not 64 or more"):
        load_encoder(f"{models / 'bert'}?dimension=64")


def test_device_and_dtype_are_told(models: Path) -> None:
    if not torch.cuda.is_available():
        assert "no GPU is there; float32" in load_encoder(models / "bert").runtime
    half = load_encoder(f"{models / 'bert'}?dtype=bfloat16")
    assert "bfloat16 was asked for" in half.runtime
    cosines = (half.encode(TEXTS) * load_encoder(models / "bert").encode(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.99


def test_half_precision_of_an_older_gpu(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setenv("SENSORIUM_PRECISION", "bf16")  # whatever these tests run in
    assert choose_dtype(None, "cuda", str(models / "bert"))[0] == "float16"
    brain = shutil.copytree(models / "bert", tmp_path / "brain")
    config = json.loads((brain / "config.json").read_text())
    (brain / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    assert choose_dtype(None, "cuda", str(brain))[0] == "float32"


def test_full_precision_on_a_gpu(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    name = str(models / "bert")
    monkeypatch.setenv("SENSORIUM_PRECISION", "bf16")
    assert choose_dtype(None, "cuda", name)[0] == "bfloat16"
    monkeypatch.setenv("SENSORIUM_PRECISION", "f32")
    assert choose_dtype(None, "cuda", name)[0] == "float32"
    assert choose_dtype("float16", "cuda", name)[0] == "float16"  # what is said in the call wins


def test_qwen_vl_is_transformers_qwen_vl(models: Path) -> None:
    """The last token's state, of one picture and of one text, by Transformers alone."""
    with without_videos():
        processor = transformers.AutoProcessor.from_pretrained(models / "qwen_vl")
    model = transformers.AutoModel.from_pretrained(models / "qwen_vl").eval()
    encoder = load_encoder(models / "qwen_vl")
    picture = red_blue().convert("RGB")
    asked: list[tuple[Any, dict[str, Any]]] = [
        (Image(encode(picture, "PNG")), {"type": "image", "image": picture}),
        (Text("a red cat"), {"type": "text", "text": "a red cat"}),
    ]
    for media, content in asked:
        message = [{"role": "user", "content": [content]}]
        inputs = processor.apply_chat_template(
            message, tokenize=True, return_dict=True, return_tensors="pt"
        )
        with torch.inference_mode():
            state = model(**inputs).last_hidden_state[0, -1].numpy()
        np.testing.assert_allclose(
            encoder.encode([media])[0], state / np.linalg.norm(state), atol=1e-5
        )


def test_a_collection_by_a_hub_model(models: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(red_blue(), "PNG"))
    (tmp_path / "notes.txt").write_text("the red cat")
    (tmp_path / "a.wav").write_bytes(b"")
    with Collection(tmp_path / "c.sensorium", models / "clip") as library:
        assert library.add(tmp_path).added == 2
    with Collection(tmp_path / "c.sensorium") as library:
        assert library.search(Image(tmp_path / "a.png"))[0].score == pytest.approx(1, abs=1e-4)
    with (
        Collection(tmp_path / "v.sensorium", models / "vit") as library,
        pytest.raises((EncoderError, MediaError), match="not text"),
    ):
        library.add(tmp_path / "a.png")
        library.search("a cat")


def test_the_space_is_that_of_the_weights(models: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(models / "clip", tmp_path / "copy")
    same, again = load_encoder(models / "clip"), load_encoder(tmp_path / "copy")
    assert same.space.fingerprint == again.space.fingerprint
    tiny_hub.clip(tmp_path / "copy")
    config = json.loads((tmp_path / "copy" / "config.json").read_text())
    config["vision_config"]["hidden_act"] = "gelu"
    (tmp_path / "copy" / "config.json").write_text(json.dumps(config))
    assert load_encoder(tmp_path / "copy").space.fingerprint != same.space.fingerprint


def test_missing_weights_are_refused(models: Path, tmp_path: Path) -> None:
    """The library would take random numbers for them, and say so in its log alone."""
    from safetensors.torch import load_file, save_file

    tiny_hub.bert(tmp_path / "bert")
    weights = load_file(tmp_path / "bert" / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "bert" / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match=r"lack weights.*output\.dense\.weight"):
        load_encoder(tmp_path / "bert")


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(
        EncoderError, match=r"nobody/nothing is not on this machine.*HF_HUB_OFFLINE is set"
    ):
        load_encoder("nobody/nothing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EncoderError, match="cannot be loaded as an encoder"):
        load_encoder(tmp_path)
    with pytest.raises(EncoderError, match="no option colour"):
        options_of("a/b?colour=red")
    with pytest.raises(EncoderError, match="dimension is a number"):
        options_of("a/b?dimension=many")


def test_names(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models)
    assert encoder_name("google/siglip2?dimension=64") == "google/siglip2?dimension=64"
    assert encoder_name("clip") == str(models / "clip")


def test_one_that_sees_and_one_that_hears(models: Path, tmp_path: Path) -> None:
    """CLIP and CLAP in one collection: each question in the spaces it has a part in."""
    import soundfile

    for number, picture in enumerate(pictures()):
        picture.save(tmp_path / f"{number}.png")
    for hertz in (200, 900, 3000):
        soundfile.write(tmp_path / f"{hertz}.wav", tone(2, hertz, 48_000), 48_000)
    with Collection(tmp_path / "c.sensorium", f"{models / 'clip'}+{models / 'clap'}") as library:
        report = library.add(tmp_path)
        assert (report.added, report.skipped) == (6, [])
        assert {hit.modality for hit in library.search("a red dog", k=6)} == {"audio", "image"}
        seen = library.search(Image(tmp_path / "1.png"), k=6)
        assert (Path(seen[0].path).name, {hit.modality for hit in seen}) == ("1.png", {"image"})
        heard = library.search(Audio(tmp_path / "900.wav"), k=6)
        assert (Path(heard[0].path).name, {hit.modality for hit in heard}) == ("900.wav", {"audio"})
        assert heard[0].span == (0, 2)
