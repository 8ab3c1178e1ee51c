"""What a picture shows in one name, by an encoder of pictures and texts: "a horse", or nothing.

No package was found that carries a captioner, so this is what stands without a hub or a server. Of
some 700 names of everyday things, people and places, the one is told that stands out most from
other words for the picture (`sensorium.tasks.yes_no`). It says nothing of what anything does, how
many there are, or whose they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.encoders import Encoder
from sensorium.encoders.ordinary import label_vectors, ordinary_media, ordinary_words
from sensorium.home import sensorium_home
from sensorium.media import Image, Modality
from sensorium.replacing import unfinished
from sensorium.tasks.asked import encoder_of_both
from sensorium.tasks.origin import Origin
from sensorium.tasks.yes_no import scores

NAMES = Path(__file__).with_name("names.txt")
"""The English column of `recipes/mini/words.csv`. On validation (69 stamps) they gave chrF 23.2,
with ImageNet's 1,000 classes beside them 22.3, and these classes alone 19.6."""

SCALE, BIAS = 0.406, -3.362
"""Log odds that a person's caption has the name in it = SCALE * its score + BIAS: fitted on the
validation splits of stamps, clip art and emoji (760 pictures), each set with the same weight."""

LEAST = 0.15
"""Probability under which nothing is told. On validation (69 stamps) 38% of the names from there on
stood in the caption, and 14% of those below."""

OTHERS = 4
"""Further names that are told."""

UNCOUNTED = frozenset((
    "food", "grass", "snow", "ice", "water", "milk", "coffee", "wine", "meat", "soup", "bread",
    "corn", "bamboo", "fire", "gravel", "furniture", "medicine", "blue", "black", "baseball",
    "rugby", "skating", "music", "rain", "lightning", "cheese", "butter", "honey", "rice", "tea",
    "juice", "money", "jewelry", "clothing", "fruit", "sand", "fog", "smoke", "football", "tennis",
    "basketball", "golf", "swimming", "skiing", "surfing", "fishing", "dancing", "running",
))  # fmt: skip
"""Names that go without an article."""


class NamingCaptioner:
    """Names what pictures show.

    Parameters
    ----------
    encoder : str or Encoder
        Of pictures and texts.

    Raises
    ------
    EncoderError
        When its space does not hold both.
    """

    languages = False
    min_side = 512

    def __init__(self, encoder: str | Encoder = "mini") -> None:
        self.encoder = encoder_of_both(encoder, "names for pictures")
        self.origin = Origin(
            f"names by {self.encoder.name}", self.encoder.space.fingerprint, "encoder"
        )
        self.names = NAMES.read_text("utf-8").splitlines()
        self._vectors: npt.NDArray[np.float32] | None = None

    def write(
        self, picture: PIL.Image.Image, language: str | None = None
    ) -> list[tuple[str, float]]:
        """Names with their probabilities, best first; none where nothing is likely."""
        if self._vectors is None:
            self._vectors = _kept(self.encoder, self.names)
        seen = self.encoder.encode([Image(np.asarray(picture))])
        words = ordinary_words(self.encoder, self.encoder.prompts)
        own, _ = scores(self._vectors, seen, words, ordinary_media(self.encoder, Modality.IMAGE))
        chances = 0.5 + 0.5 * np.tanh((SCALE * np.nan_to_num(own[0], nan=-np.inf) + BIAS) / 2)
        best = np.argsort(-chances, kind="stable")[: 1 + OTHERS]
        return [
            (with_article(self.names[row]), float(chances[row]))
            for row in best
            if chances[row] >= LEAST
        ]


def with_article(name: str) -> str:
    """A name as it stands in a caption: "a bus", "an owl", "scissors", "snow"."""
    plural = name.endswith("s") and not name.endswith(("ss", "us", "is"))
    if plural or name in UNCOUNTED:
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _kept(encoder: Encoder, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Vectors of names, from the home where they were computed before: it takes some seconds."""
    told = "\0".join((encoder.space.fingerprint, *encoder.prompts, *names))
    key = hashlib.sha256(told.encode()).hexdigest()[:16]
    path = sensorium_home() / "names" / f"{key}.npy"
    with suppress(OSError, ValueError, EOFError):  # not there, or damaged: made again
        found = np.load(path, allow_pickle=False)
        if found.shape == (len(names), encoder.space.dimension) and found.dtype == np.float32:
            return np.asarray(found)
    vectors = label_vectors(encoder, names, encoder.prompts)
    with suppress(OSError):  # in a home that cannot be written to they are computed each time
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(path) as part, part.open("wb") as file:
            np.save(file, vectors.astype(np.float32), allow_pickle=False)
    return vectors.astype(np.float32)
