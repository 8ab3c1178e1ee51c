"""What pictures and words are in general: what one picture and one label are judged against.

"Is this a cat?" has no answer in a cosine alone. Some labels are near to any picture, some pictures
near to any label, and only what is left when both are taken off tells whether they go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.encoders.background import background
from sensorium.encoders.base import Encoder
from sensorium.errors import EncoderError, UsageError
from sensorium.media import Image, Modality, Text

Vectors = npt.NDArray[np.float32]

WORDS = (
    "animal", "farm animal", "dog", "kitten", "foal", "zebra", "calf", "yak", "lamb", "pig",
    "camel", "deer", "antelope", "elephant", "lion", "cheetah", "wolf", "brown bear", "red panda",
    "monkey", "orangutan", "lemur", "chipmunk", "mouse", "guinea pig", "badger", "mongoose",
    "hedgehog", "bat", "whale", "sea lion", "chick", "rooster", "goose", "peacock", "sparrow",
    "swallow", "falcon", "parrot", "woodpecker", "penguin", "crane bird", "pelican", "nest", "fish",
    "shark", "tuna", "clownfish", "octopus", "starfish", "shrimp", "coral reef", "tortoise",
    "lizard", "gecko", "frog", "dinosaur", "wasp", "moth", "mosquito", "grasshopper", "cicada",
    "spider web", "plant", "tulip", "orchid", "lily", "tree", "bamboo", "grass", "mushroom",
    "garden", "meadow", "food", "pear", "lemon", "strawberry", "pineapple", "kiwi", "vegetable",
    "carrot", "cabbage", "cucumber", "corn", "nut", "cake", "hamburger", "noodles", "soup", "meat",
    "chocolate", "coffee", "milk", "wine", "meal", "sports car", "school bus", "fire engine",
    "motorcycle", "tricycle", "steam locomotive", "tractor", "crane machine", "fighter jet",
    "airship", "spaceship", "boat", "ferry", "anchor", "engine", "road", "bridge", "harbor",
    "building", "cottage", "fortress", "skyscraper", "mosque", "monastery", "monument", "fountain",
    "gate", "dome", "window", "fence", "wind turbine", "power plant", "factory", "school", "museum",
    "stadium", "shop", "hotel", "tent", "tomb", "well", "hill", "cliff", "gravel", "beach", "wave",
    "river", "ice", "snow", "cloud", "sunset", "star", "planet", "fire", "landscape", "village",
    "man", "baby", "old man", "hand", "crowd", "bride", "nurse", "police officer", "farmer",
    "astronaut", "singer", "orchestra", "king", "robot", "mask", "saw", "pliers", "nail", "rake",
    "scissors", "spoon", "bowl", "glass", "frying pan", "oven", "toaster", "level", "chain", "box",
    "suitcase", "umbrella", "broom", "toothbrush", "spray bottle", "needle", "scale", "microscope",
    "magnifying glass", "clock", "hourglass", "furniture", "chair", "bed", "cabinet", "lamp",
    "lantern", "curtain", "sink", "fan", "laptop", "screen", "mobile phone", "headphones",
    "battery", "notebook", "envelope", "pencil", "paintbrush", "drawing", "coin", "ring", "medal",
    "balloon", "doll", "dice", "ball", "baseball", "tennis racket", "rugby", "skating", "swing",
    "shirt", "trousers", "sweater", "hat", "glove", "boot", "sunglasses", "musical instrument",
    "violin", "flute", "drum", "bell", "gun", "shield", "bomb", "buddha", "heart", "square", "blue",
    "black", "x-ray", "sign", "mailbox", "medicine", "stretcher", "brain",
)  # fmt: skip
"""Names of what pictures show, of many kinds: every third of `recipes/mini/words.csv`. Against all
742 the ROC area on validation was 0.002 better, against a sixth of them 0.003 worse."""

WORDS_ASKED = 4
"""Step through `WORDS` for reference questions: 62 tell the tail of chance among 200 pictures, and
a server encodes them in one request."""

JUDGED = (Modality.IMAGE, Modality.TEXT)
"""Of these is known what they are in general."""

DRAWINGS = Path(__file__).with_name("drawings.webp")
"""64 drawings of things, of Openclipart (public domain), put together by `recipes/mini/yes_no.py`:
the ordinary pictures of encoders that bring no vectors of such."""

DRAWINGS_IN_A_ROW = 8


def label_vectors(encoder: Encoder, labels: Sequence[str], prompts: Sequence[str]) -> Vectors:
    """One vector for each label: the normalised mean over prompts (Radford et al. 2021, 3.1.4).

    Returns
    -------
    ndarray of float32, shape (len(labels), d)
    """
    # By itself, before there are other words around it: "a picture of HORSE" is not in capitals.
    read = [encoder.as_read(label) for label in labels]
    filled = [Text(prompt.replace("{}", label)) for label in read for prompt in prompts]
    asked = encoder.encode(filled, role="query")  # labels are what is sought among stored vectors
    vectors = asked.reshape(len(labels), len(prompts), -1).mean(axis=1)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def ordinary_words(encoder: Encoder, prompts: Sequence[str]) -> Vectors:
    """Vectors of `WORDS`, in the prompts that labels are put into.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Encoded once in a process; those of `mini` come with it.
    """
    key = (encoder.space.fingerprint, *prompts)
    if key not in _words:
        shipped = _shipped_words(encoder, prompts)
        _words[key] = label_vectors(encoder, WORDS, prompts) if shipped is None else shipped
    return _words[key]


def ordinary_media(encoder: Encoder, modality: str) -> Vectors:
    """Vectors of ordinary pictures, or of ordinary passages.

    Parameters
    ----------
    encoder : Encoder
    modality : str
        ``"image"`` or ``"text"``.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Encoded once in a process; those pictures that come with an encoder are not encoded.

    Raises
    ------
    UsageError
        For any other modality: nothing is known of what sounds are in general.
    """
    if modality == Modality.TEXT:
        return background(encoder)[str(Modality.TEXT)]
    if modality not in JUDGED:
        raise UsageError(
            f"whether a label holds is told of pictures and texts, not of {modality}: "
            "give two or more labels that exclude each other"
        )
    key = encoder.space.fingerprint
    if key not in _pictures:
        shipped = encoder.ordinary("pictures")
        _pictures[key] = encoder.encode(drawings()) if shipped is None else shipped
    return _pictures[key]


def reference_questions(encoder: Encoder, modality: str) -> Vectors | None:
    """Vectors of ordinary questions of a modality: what a collection has for them is chance.

    Words are those that come with an encoder, or every `WORDS_ASKED`th is encoded, once in a
    process; pictures are those that come with it. None of anything else.

    Returns
    -------
    ndarray of float32, shape (n, d), or None
    """
    if modality == Modality.IMAGE:
        return encoder.ordinary("pictures")
    if modality != Modality.TEXT or Modality.TEXT not in encoder.space.modalities:
        return None
    key = (encoder.space.fingerprint,)
    if key not in _words:
        shipped = _shipped_words(encoder, encoder.prompts)
        asked = [Text(word) for word in WORDS[::WORDS_ASKED]]
        _words[key] = encoder.encode(asked, role="query") if shipped is None else shipped
    return _words[key]


_words: dict[tuple[str, ...], Vectors] = {}
_pictures: dict[str, Vectors] = {}


def drawings() -> list[Image]:
    """The pictures of `DRAWINGS`."""
    with PIL.Image.open(DRAWINGS) as file:
        sheet = file.convert("RGB")
    side = sheet.width // DRAWINGS_IN_A_ROW
    return [
        Image(np.asarray(sheet.crop((left, top, left + side, top + side))))
        for top in range(0, sheet.height, side)
        for left in range(0, sheet.width, side)
    ]


def _shipped_words(encoder: Encoder, prompts: Sequence[str]) -> Vectors | None:
    """Vectors of `WORDS` in these prompts that come with an encoder; None where there are none."""
    if [*prompts] != [*encoder.prompts]:
        return None
    vectors = encoder.ordinary("words")
    if vectors is not None and len(vectors) != len(WORDS):
        raise EncoderError(
            f"{encoder.name} brings vectors of {len(vectors)} ordinary words, not {len(WORDS)}"
        )
    return vectors
