"""What a frozen encoder sees in pictures, as short sequences that a text decoder can attend to.

Every encoder gives its vector, a sequence of one. Encoders stored as a folder with a convolutional
tower also give a feature map: what stands right before the tower averages over places, so that a
decoder can tell what is where, and two things from one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageEnhance

from sensorium.data.encoding import encode_examples
from sensorium.data.sources import Picture, picture_of
from sensorium.encoders import Encoder
from sensorium.encoders.base import FeatureExtractor, Prepared, Role
from sensorium.encoders.runtime import compile_for_cpu, import_openvino, runtime_name
from sensorium.errors import EncoderError
from sensorium.media import Image, Media, Modality
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped

VECTOR = "vector"
"""Name of the features that every encoder has: its vector."""

MAP = "map"
"""Name of the features that convolutional towers have: their last map. Of a tower with several
trunks, as `mini` has, it is that of the first one."""

GRID = 3
"""Feature maps are averaged to this many cells a side: nine tokens, not 49, for a fifth of the
time, and as good for captions of one thing."""

MAX_TURN = 12.0
"""Degrees an augmented view is turned by, at most."""

LEAST_AREA = 0.6
"""Share of the picture that an augmented view shows, at least."""

Tokens = npt.NDArray[np.float16]


@dataclass(frozen=True)
class VisualFeatures:
    """Features of pictures that could be read.

    Attributes
    ----------
    rows : list of int
        Which of the pictures that were given.
    tokens : dict of str to ndarray of float16, shape (len(rows), tokens, width)
        By source: `VECTOR` and, where there is one, `MAP`.
    skipped : list of Skipped
    """

    rows: list[int]
    tokens: dict[str, Tokens]
    skipped: list[Skipped] = field(default_factory=list)

    def take(self, places: Sequence[int] | npt.NDArray[np.intp]) -> dict[str, Tokens]:
        """Tokens of some pictures by source."""
        return {source: tokens[places] for source, tokens in self.tokens.items()}


class FeatureReader(FeatureExtractor):
    """Reads the features of an encoder; all those of a picture together are its vector.

    Parameters
    ----------
    encoder : Encoder
        One whose space holds pictures.
    name : str, optional
        What `load_encoder` calls it, where its space has another name.
    spatial : bool
        Whether a feature map is read where the encoder has one. That needs OpenVINO; with ONNX
        Runtime, and of hub models, there is the vector alone.

    Attributes
    ----------
    shapes : dict of str to (int, int)
        Tokens of each source, and their width.

    Raises
    ------
    EncoderError
        When the encoder does not encode pictures.
    """

    def __init__(self, encoder: Encoder, name: str | None = None, *, spatial: bool = True) -> None:
        if Modality.IMAGE not in encoder.space.modalities:
            known = " and ".join(encoder.space.modalities)
            raise EncoderError(f"{encoder.space.name} encodes {known}; captions need pictures")
        self.encoder = encoder
        self.name = name or encoder.space.name
        self.shapes = {VECTOR: (1, encoder.space.dimension)}
        self._tower: Any = None
        self._running = Lock()
        model = encoder.graph(Modality.IMAGE) if spatial else None
        if model is not None and runtime_name() == "openvino":
            self._tower, width = _with_feature_map(model)
            if width:
                self.shapes[MAP] = (GRID * GRID, width)
        self.space = replace(
            encoder.space,
            dimension=sum(tokens * width for tokens, width in self.shapes.values()),
            modalities=(Modality.IMAGE,),
            preprocessing={**encoder.space.preprocessing, "features": self.shapes},
            normalization="none",
        )

    def read(
        self,
        pictures: Sequence[Any],
        names: Sequence[str] | None = None,
        *,
        view: int = 0,
        progress: Progress | None = None,
    ) -> VisualFeatures:
        """Read features of pictures; one that cannot be read is skipped and named.

        Parameters
        ----------
        pictures : sequence
            See `sensorium.data.encoding.encode_examples`.
        names : sequence of str, optional
            What a report calls each.
        view : int
            0 is the picture as it is. Every other number is a view of its own, cropped, turned
            and recoloured at random, the same each time: training on several makes a decoder
            bear with pictures it has not seen.
        progress : callable, optional
            Called with (done, total).
        """
        if view:
            pictures = [
                Picture(f"{view}:{number}", partial(_view, picture, view, number))
                for number, picture in enumerate(pictures)
            ]
        encoded = encode_examples(self, pictures, names, progress=progress)
        empty = np.empty((0, self.space.dimension), np.float16)
        values = np.concatenate([empty, *encoded.segments], dtype=np.float16, casting="same_kind")
        tokens, start = {}, 0
        for source, (count, width) in self.shapes.items():
            part = values[:, start : (start := start + count * width)]
            tokens[source] = np.ascontiguousarray(part).reshape(len(values), count, width)
        return VisualFeatures(encoded.rows, tokens, encoded.skipped)

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `FeatureExtractor.prepare`."""
        return self.encoder.prepare(media, role)

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `FeatureExtractor.encode_prepared`."""
        if MAP not in self.shapes:
            return self.encoder.encode_prepared(modality, batch, role)
        pixels = np.stack([prepared["pixels"] for prepared in batch])
        with self._running:
            outputs = self._tower({0: pixels})
            vectors, maps = np.array(outputs[0]), np.array(outputs[1])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.concatenate([vectors, _gridded(maps)], axis=1)


def _view(picture: Any, view: int, number: int) -> Image:
    random = np.random.default_rng((view, number))
    return Image(augmented(picture_of(picture).load(), random))


def augmented(picture: PIL.Image.Image, random: np.random.Generator) -> PIL.Image.Image:
    """Draw one augmented view: a crop, turned a little, its colours shifted; never mirrored.

    Mirrored, an arrow or a letter would be another one.
    """
    width, height = picture.size
    side, squeeze = np.sqrt(random.uniform(LEAST_AREA, 1)), np.exp(random.uniform(-0.15, 0.15))
    across = max(1, min(width, round(width * side * squeeze)))
    down = max(1, min(height, round(height * side / squeeze)))
    left = int(random.integers(0, width - across + 1))
    top = int(random.integers(0, height - down + 1))
    ground = picture.getpixel((0, 0))
    view = picture.crop((left, top, left + across, top + down)).rotate(
        random.uniform(-MAX_TURN, MAX_TURN), PIL.Image.Resampling.BICUBIC, fillcolor=ground
    )
    for enhance in (PIL.ImageEnhance.Color, PIL.ImageEnhance.Contrast, PIL.ImageEnhance.Brightness):
        view = enhance(view).enhance(random.uniform(0.7, 1.3))
    return view


def _with_feature_map(model: Path) -> tuple[Any, int]:
    """Compile a tower so that it also gives the map that it averages; 0 channels: it has none."""
    openvino = import_openvino()
    graph = openvino.Core().read_model(str(model))
    output = next(_averaged(graph), None)
    if output is None:
        return None, 0
    graph.add_outputs([output])
    # In full precision, and one batch like the other, as sensorium.encoders.runtime has it.
    options = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    return compile_for_cpu(graph, options), int(output.get_partial_shape()[1].get_length())


def _averaged(graph: Any) -> Iterator[Any]:
    """Outputs of shape (n, channels, height, width) that a mean over height and width reads."""
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "ReduceMean":
            continue
        source = node.input_value(0)
        axes = node.input_value(1).get_node()
        shape = source.get_partial_shape()
        if (
            axes.get_type_name() == "Constant"
            and shape.rank.is_static
            and shape.rank.get_length() == 4
            and shape[1].is_static
            and sorted(int(axis) % 4 for axis in np.ravel(axes.get_data())) == [2, 3]
        ):
            yield source


def _gridded(maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Average maps (n, channels, height, width) over cells, to (n, GRID ** 2 * channels)."""
    n, channels, height, width = maps.shape
    cells = np.empty((n, GRID, GRID, channels), np.float32)
    for row in range(GRID):
        for column in range(GRID):
            # Cells overlap by a line where the side is no multiple, as in adaptive pooling.
            rows = slice(row * height // GRID, -(-(row + 1) * height // GRID))
            columns = slice(column * width // GRID, -(-(column + 1) * width // GRID))
            cells[:, row, column] = maps[:, :, rows, columns].mean((2, 3))
    return cells.reshape(n, -1)
