"""A trained dual encoder as a folder that `load_encoder` reads.

Where both towers are encoders' folders, the result is one, too, and needs no torch. Where both are
torch's, it is a model of sentence-transformers with a route for each modality. Of one of each, the
one in torch is exported.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.checksums import note_files
from sensorium.data.sources import Picture
from sensorium.encoders.folder_config import CONFIG, write_config
from sensorium.encoders.hub import NOTES, TRAINING, HubEncoder
from sensorium.errors import MissingExtraError
from sensorium.folders import FILES, all_files, faults_of_disk, make_folder, write_json
from sensorium.media import Modality
from sensorium.replacing import hidden_beside

try:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Router

    from sensorium.models.dual_encoder import DualEncoder, Projection
    from sensorium.models.towers import FolderTower, TorchTower, Tower
except ImportError as error:
    raise MissingExtraError("sentence-transformers", "train") from error

NOTES_FORMAT = 1

CHECKED = 8
"""Pictures that an exported image tower is compared with its original on."""

LAST = ("modules.json", CONFIG)
"""Files that make a folder an encoder: put in place when all others are there."""


def needs_export(image: Tower, text: Tower) -> bool:
    """Whether one of the towers has to be written as ONNX."""
    return isinstance(image, FolderTower) != isinstance(text, FolderTower)


def write_dual_encoder(
    folder: Path,
    model: DualEncoder,
    image: FolderTower | TorchTower,
    text: FolderTower | TorchTower,
    *,
    pictures: Sequence[Picture],
    scores: Mapping[str, float],
) -> None:
    """Write what was trained into a folder, as an encoder.

    Parameters
    ----------
    folder : Path
        Its folder ``training`` stays as it is.
    model : DualEncoder
    image, text : FolderTower or TorchTower
    pictures : sequence of Picture
        An image tower in torch beside a text tower in ONNX is checked with the first few.
    scores : mapping
        Of the validation, to be written down.
    """
    make_folder(folder)
    model = model.cpu().eval()
    for tower in (image, text):  # locked ones are no part of the model
        if isinstance(tower, TorchTower):
            tower.cpu().eval()
    learnt = _learnt(model)
    with hidden_beside(folder / NOTES) as target, faults_of_disk(folder):
        target.mkdir()
        if isinstance(image, TorchTower) and isinstance(text, TorchTower):
            _write_torch(target, model, image, text)
        else:
            _write_onnx(target, model, image, text, folder.name, learnt, pictures)
        notes = {
            **learnt,
            "loss": model.loss.kind,
            "towers": {
                "image": {"name": image.name, "identity": image.identity},
                "text": {"name": text.name, "identity": text.identity},
            },
            "scores": dict(scores),
        }
        described = {"format": NOTES_FORMAT, "kind": "contrastive", **notes}
        described[FILES] = note_files(target, all_files(target))
        write_json(target / NOTES, described, checksum=True)
        for path in sorted(target.iterdir(), key=lambda path: path.name in LAST):
            old = folder / path.name
            if old.is_dir():
                shutil.rmtree(old)
            path.replace(old)


def _learnt(model: DualEncoder) -> dict[str, Any]:
    scale = float(model.loss.scale.detach())
    found: dict[str, Any] = {"temperature": 1 / scale, "prompts": ["{}"]}
    if model.loss.kind == "sigmoid":
        found["sigmoid"] = {"scale": scale, "bias": float(model.loss.bias.detach())}
    return found


def _write_torch(target: Path, model: DualEncoder, image: TorchTower, text: TorchTower) -> None:
    routes = {
        "image": [*image.parts, *model.image_projection.dense()],
        "text": [*text.parts, *model.text_projection.dense()],
    }
    mappings: Any = {(None, name): name for name in routes}
    router = Router(routes, allow_empty_key=False, route_mappings=mappings)
    whole = SentenceTransformer(modules=[router, Normalize()], prompts=_prompts(text), device="cpu")
    whole.save(str(target), create_model_card=False)


def _prompts(text: TorchTower) -> dict[str, str]:
    return {"query": text.prefix, "document": text.prefix}


def _write_onnx(
    target: Path,
    model: DualEncoder,
    image: FolderTower | TorchTower,
    text: FolderTower | TorchTower,
    name: str,
    learnt: Mapping[str, Any],
    pictures: Sequence[Picture],
) -> None:
    from sensorium.encoders.projected import write_projected

    config: dict[str, Any] = {"name": name}
    config["dimension"] = int(model.image_projection.out.out_features)
    config |= learnt
    sources, licenses = {}, []
    sides = ((image, model.image_projection), (text, model.text_projection))
    for tower, projection in sides:
        modality = str(tower.modality)
        if isinstance(tower, FolderTower):
            layers = projection.layers()
            config[modality] = write_projected(tower.encoder, tower.modality, layers, target)
            licenses.append(tower.encoder.config.get("license"))
        else:
            config[modality] = _export(target, tower, projection, pictures)
        sources[tower.name] = tower.identity
    config["sources"] = sources
    if known := list(dict.fromkeys(filter(None, licenses))):
        config["license"] = " AND ".join(known)
    write_config(target, config)


def _export(
    target: Path, tower: TorchTower, projection: Projection, pictures: Sequence[Picture]
) -> dict[str, Any]:
    """Write a tower in torch as ONNX; returns its part of ``encoder.json``."""
    from sensorium.encoders.export.onnx import export

    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        parts = [*tower.parts, *projection.dense(), Normalize()]
        prompts = _prompts(tower) if tower.modality == Modality.TEXT else None
        SentenceTransformer(modules=parts, prompts=prompts, device="cpu").save(
            str(place / "torch"), create_model_card=False
        )
        checks = []
        if tower.modality == Modality.IMAGE:
            for number, picture in enumerate(pictures[:CHECKED]):
                checks.append(place / f"{number}.png")
                picture.open().load().save(checks[-1])
        encoder = HubEncoder(place / "torch", device="cpu", dtype="float32")
        export(encoder, place / "onnx", images=checks)
        config: dict[str, Any] = json.loads((place / "onnx" / CONFIG).read_text("utf-8"))
        for path in (place / "onnx").iterdir():
            if path.name != CONFIG:
                shutil.move(path, target / path.name)
    found: dict[str, Any] = config[str(tower.modality)]
    return found


__all__ = ["TRAINING", "needs_export", "write_dual_encoder"]
