"""How well each place of a picture fits a word, by the map before an encoder's pooling.

As MaskCLIP does it (Zhou, Loy and Dai, "Extract Free Dense Labels from CLIP", ECCV 2022): what
follows the mean over places is applied to every place instead. Overlapping parts of the picture, of
half and of a third of its sides, are looked at, so that cells are small; where they overlap, scores
are averaged. A rival of masks by words (`segmentation.py`): needs ONNX, and an encoder that is a
folder whose graph takes such a mean.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import PIL.Image
from onnx import TensorProto, helper, numpy_helper

from sensorium.encoders import Encoder
from sensorium.encoders.ordinary import label_vectors
from sensorium.encoders.runtime import import_openvino
from sensorium.media import Modality
from sensorium.tasks.boxes.regions import grid
from sensorium.tasks.boxes.words import WordsDetector
from sensorium.tasks.masks.runs import resized

SIDE = 224
PARTS = grid(3)[1:]
"""Not the whole picture: its cells are larger than most things."""

BATCH = 9

Scores = npt.NDArray[np.float32]


class PatchMaps:
    """Scores of places for words.

    Parameters
    ----------
    encoder : Encoder
        One that comes with the package or is a folder.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._judge = WordsDetector(encoder)
        path = encoder.graph(Modality.IMAGE)
        assert path is not None, f"{encoder.name} has no graph of its own"
        core = import_openvino().Core()
        model = core.read_model(_without_pooling(path.read_bytes()))
        self._model = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def find(self, picture: PIL.Image.Image, labels: Sequence[str]) -> Scores:
        """Scores as `yes_no.scores` has them, shape (labels, height, width)."""
        width, height = picture.size
        asked = label_vectors(self._encoder, labels, self._encoder.prompts)
        edges = np.round(PARTS * np.array([width, height, width, height])).astype(int)
        sums = np.zeros((len(labels), height, width), np.float32)
        counts = np.zeros((height, width), np.float32)
        for start in range(0, len(edges), BATCH):
            some = edges[start : start + BATCH]
            for edge, cells in zip(some, self._cells(picture, some), strict=True):
                left, upper, right, lower = edge.tolist()
                side = round(len(cells) ** 0.5)
                own = self._judge.scores(cells, asked).T.reshape(-1, side, side)
                for number, levels in enumerate(own):
                    sums[number, upper:lower, left:right] += resized(
                        levels.astype(np.float32), right - left, lower - upper
                    )
                counts[upper:lower, left:right] += 1
        return sums / np.maximum(counts, 1)

    def _cells(self, picture: PIL.Image.Image, edges: npt.NDArray[np.integer]) -> Scores:
        """Vectors of the cells of some parts, shape (parts, cells, d)."""
        parts = [
            picture.resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC, tuple(map(float, edge)))
            for edge in edges
        ]
        found = self._model({"pixels": np.stack([np.asarray(part) for part in parts])})[0]
        return np.asarray(found, np.float32).reshape(len(parts), -1, found.shape[-1])


def _without_pooling(content: bytes) -> bytes:
    """A graph whose rows are places: every mean over height and width becomes more rows."""
    model: Any = onnx.load_from_string(content)
    nodes = []
    model.graph.initializer.append(
        numpy_helper.from_array(np.array([0, 0, -1], np.int64), "places/flat")
    )
    for node in model.graph.node:
        if node.op_type != "ReduceMean":
            nodes.append(node)
            continue
        # (n, c, h, w) -> (n, c, places) -> (n, places, c) -> (n * places, c)
        flat, last, rows = f"{node.output[0]}/flat", f"{node.output[0]}/last", node.output[0]
        nodes.append(helper.make_node("Reshape", [node.input[0], "places/flat"], [flat]))
        nodes.append(helper.make_node("Transpose", [flat], [last], perm=[0, 2, 1]))
        nodes.append(helper.make_node("Flatten", [last], [rows], axis=2))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    name = model.graph.output[0].name
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "d"]))
    return bytes(model.SerializeToString())
