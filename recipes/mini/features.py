"""Step 3: run the frozen towers over pictures and texts; the results are cached.

Drawings are seen plain, as a user's file would be, and in augmented views: on coloured ground,
turned, shifted, mirrored, recoloured. The views carry what is learnt from clean drawings over to
pictures that fill their frame.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageEnhance
from tokenizers import Tokenizer

from recipes.mini.convert_image import FEATURES, SIZE, TRUNK_SHAPE
from recipes.mini.convert_text import PREFIX
from recipes.mini.pairs import Pair
from sensorium.encoders.preprocessing import image_pixels
from sensorium.encoders.runtime import import_openvino
from sensorium.media import Image

# Drawings and cut-outs are seen whole, photos as the tower saw them in its own training: cropped.
# Padding is better for the former (README.md); bars beside a photo make the tower doubt.
FIT = "auto"
VIEWS = 2  # augmented views of each training picture beside the plain one
BATCH = 32
MAX_TURN = 15.0  # degrees

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Activations:
    """What the frozen image tower makes of one view of each picture.

    Attributes
    ----------
    trunk
        Output of the blocks that stay frozen, float16 (n, 112, 14, 14); a file, read as needed.
    features
        Pooled features of the published tower, float32 (n, 1280).
    """

    trunk: npt.NDArray[np.float16]
    features: Vectors


def activations(model: Path, pairs: Sequence[Pair], view: int, cache: Path) -> Activations:
    """Return activations of one view of each picture; view 0 is plain."""
    recipe = Path(__file__).read_bytes()
    key = _digest(model.read_bytes(), recipe, str(view), *(str(pair.image) for pair in pairs))
    trunk, features = cache / f"trunk-{key}.npy", cache / f"features-{key}.npy"
    if not features.is_file():  # it is written last
        _run(model, pairs, view, trunk, features)
    return Activations(np.load(trunk, mmap_mode="r"), np.load(features))


def _run(model: Path, pairs: Sequence[Pair], view: int, trunk: Path, features: Path) -> None:
    def pixels(index: int) -> npt.NDArray[np.uint8]:
        if view == 0:
            return image_pixels(Image(pairs[index].image), size=SIZE, fit=FIT)
        return augmented(pairs[index], np.random.default_rng((view, index)))

    tower = _compile(model)
    shape = (len(pairs), *TRUNK_SHAPE)
    maps = np.lib.format.open_memmap(trunk, "w+", np.float16, shape)
    pooled = np.zeros((len(pairs), FEATURES), np.float32)
    with ThreadPoolExecutor() as threads:
        for batch in _batches(range(len(pairs))):
            output = tower({"pixels": np.stack(list(threads.map(pixels, batch)))})
            maps[batch.start : batch.stop], pooled[batch] = output["trunk"], output["features"]
    maps.flush()
    part = features.with_suffix(".part.npy")
    np.save(part, pooled)
    part.replace(features)


def augmented(pair: Pair, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw one augmented view of a picture, uint8 (224, 224, 3)."""
    picture = pair.open()
    if pair.one_colour:
        shape = picture.getchannel("A")
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        picture = PIL.Image.new("RGBA", picture.size, (*colour, 255))
        picture.putalpha(shape)
    if not pair.directed and random.random() < 0.5:
        picture = picture.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)
    scale = random.uniform(0.6, 1.0) * SIZE / max(picture.size)
    squeeze = random.uniform(0.85, 1.15)
    picture = picture.resize(
        (
            max(1, round(picture.width * scale * min(1, squeeze))),
            max(1, round(picture.height * scale / max(1, squeeze))),
        ),
        PIL.Image.Resampling.BICUBIC,
    )
    turn = random.uniform(-MAX_TURN, MAX_TURN)
    picture = picture.rotate(turn, PIL.Image.Resampling.BICUBIC)
    ground = _gradient(random)
    place = (
        int(random.integers(0, max(1, SIZE - picture.width + 1))),
        int(random.integers(0, max(1, SIZE - picture.height + 1))),
    )
    ground.paste(picture, place, picture)
    for enhance in (PIL.ImageEnhance.Color, PIL.ImageEnhance.Contrast, PIL.ImageEnhance.Brightness):
        ground = enhance(ground).enhance(random.uniform(0.7, 1.3))
    return np.asarray(ground)


def _gradient(random: np.random.Generator) -> PIL.Image.Image:
    """A ground that runs from one random colour at the top to another at the bottom."""
    top, bottom = random.integers(0, 256, (2, 3))
    ramp = np.linspace(0, 1, SIZE)[:, None, None]
    colours = np.broadcast_to(top * (1 - ramp) + bottom * ramp, (SIZE, SIZE, 3))
    return PIL.Image.fromarray(colours.astype(np.uint8))


def sentence_vectors(
    model: Path, tokenizer: Tokenizer, texts: Iterable[str], cache: Path
) -> dict[str, Vectors]:
    """Return the text tower's unit vector, float32 (384,), of every text."""
    key = _digest(model.read_bytes())
    names, store = cache / f"sentences-{key}.json", cache / f"sentences-{key}.npy"
    known: dict[str, Vectors] = {}
    if names.is_file():
        known = dict(zip(json.loads(names.read_text("utf-8")), np.load(store), strict=True))
    wanted = sorted(set(texts), key=lambda text: (len(text), text))
    fresh = [text for text in wanted if text not in known]
    tower = _compile(model)
    for batch in _batches(range(len(fresh))):
        encoded = tokenizer.encode_batch([PREFIX + fresh[i] for i in batch])
        inputs = {
            "input_ids": np.array([e.ids for e in encoded]),
            "attention_mask": np.array([e.attention_mask for e in encoded]),
        }
        known.update(zip((fresh[i] for i in batch), np.array(tower(inputs)[0]), strict=True))
    if fresh:
        names.unlink(missing_ok=True)  # it says that the store is whole
        np.save(store, np.stack(list(known.values())))
        names.write_text(json.dumps(list(known), ensure_ascii=False), "utf-8")
    return {text: known[text] for text in wanted}


def _compile(model: Path) -> Any:
    """Load a tower in full precision, so that every machine trains on the same features."""
    options = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    return import_openvino().Core().compile_model(str(model), "CPU", options)


def _batches(indices: range) -> Iterator[range]:
    return (indices[start : start + BATCH] for start in range(0, len(indices), BATCH))


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]
