"""Step 3: run the frozen towers over pictures and texts; the results are cached.

Drawings are seen plain, as a user's file would be, and in augmented views: on coloured ground,
turned, shifted, mirrored, recoloured. The views carry what is learnt from clean drawings over to
pictures that fill their frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino
import PIL.Image
import PIL.ImageEnhance
from tokenizers import Tokenizer

from recipes.mini.convert_image import FEATURES, SIZE
from recipes.mini.convert_text import PREFIX
from recipes.mini.pairs import Pair
from sensorium.encoders.preprocessing import image_pixels
from sensorium.media import Image

# Drawings and cut-outs are seen whole, photos as the tower saw them in its own training: cropped.
# Padding is better for the former (README.md); bars beside a photo make the tower doubt.
FIT = "auto"
VIEWS = 2  # augmented views of each training picture beside the plain one
BATCH = 32
MAX_TURN = 15.0  # degrees

Vectors = npt.NDArray[np.float32]


def image_features(model: Path, pairs: Sequence[Pair], view: int, cache: Path) -> Vectors:
    """Return pooled features, float32 (n, 1280), of one view of each picture; view 0 is plain."""
    recipe = Path(__file__).read_bytes()
    key = _digest(model.read_bytes(), recipe, str(view), *(str(pair.image) for pair in pairs))
    return _cached(cache / f"images-{key}.npy", lambda: _image_features(model, pairs, view))


def _image_features(model: Path, pairs: Sequence[Pair], view: int) -> Vectors:
    def pixels(index: int) -> npt.NDArray[np.uint8]:
        if view == 0:
            return image_pixels(Image(pairs[index].image), size=SIZE, fit=FIT)
        return augmented(pairs[index], np.random.default_rng((view, index)))

    result = np.zeros((len(pairs), FEATURES), np.float32)
    tower = _compile(model)
    with ThreadPoolExecutor() as threads:
        for batch in _batches(range(len(pairs))):
            result[batch] = tower({"pixels": np.stack(list(threads.map(pixels, batch)))})[0]
    return result


def augmented(pair: Pair, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw one augmented view of a picture, uint8 (224, 224, 3)."""
    picture = PIL.Image.open(pair.image).convert("RGBA")
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
    model: Path, tokenizer: Tokenizer, texts: Sequence[str], cache: Path
) -> dict[str, Vectors]:
    """Return the text tower's unit vector, float32 (384,), of every text."""
    unique = sorted(set(texts), key=lambda text: (len(text), text))
    key = _digest(model.read_bytes(), *unique)

    def compute() -> Vectors:
        tower = _compile(model)
        result = []
        for batch in _batches(range(len(unique))):
            encoded = tokenizer.encode_batch([PREFIX + unique[i] for i in batch])
            inputs = {
                "input_ids": np.array([e.ids for e in encoded]),
                "attention_mask": np.array([e.attention_mask for e in encoded]),
            }
            result.append(np.array(tower(inputs)[0]))
        return np.concatenate(result)

    return dict(zip(unique, _cached(cache / f"texts-{key}.npy", compute), strict=True))


def _compile(model: Path) -> openvino.CompiledModel:
    """Load a tower in full precision, so that every machine trains on the same features."""
    options = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    return openvino.Core().compile_model(str(model), "CPU", options)


def _batches(indices: range) -> Iterator[range]:
    return (indices[start : start + BATCH] for start in range(0, len(indices), BATCH))


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def _cached(path: Path, compute: Callable[[], Vectors]) -> Vectors:
    if not path.is_file():
        part = path.with_suffix(".part.npy")
        np.save(part, compute())
        part.replace(path)
    return np.asarray(np.load(path), np.float32)
