"""The towers of a dual encoder: pictures or texts to vectors, each from wherever it comes.

A tower in torch is a list of modules of sentence-transformers (a model of Transformers, pooling),
so that what is trained is saved in a format that exists. An encoder's folder (ONNX) is a tower,
too: nothing in it can be trained, what it gives can be projected.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.encoders import FolderEncoder
from sensorium.encoders.base import FeatureExtractor, Prepared, Role
from sensorium.encoders.folder_config import CONFIG
from sensorium.encoders.hub_cache import snapshot_of, split_revision
from sensorium.encoders.hub_loading import load_model
from sensorium.encoders.naming import require_known
from sensorium.encoders.pretrained import safe_loading
from sensorium.encoders.registry import shipped_encoders
from sensorium.encoders.space import Space
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.media import Image, Media, Modality, Text

try:
    import torch
    import transformers
    from sentence_transformers.base.modules import Normalize, Router, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors, trainers
    from tokenizers import models as tokenizer_models
    from torch import nn
except ImportError as error:
    raise MissingExtraError("sentence-transformers", "train") from error

POOLINGS = ("cls", "mean", "max", "pooler")

SIDE = 224
"""Pixels of the square of a new image tower whose configuration does not say."""

MAX_TOKENS = 64
"""Tokens of a new text tower's longest text; CLIP's captions had 77 (Radford et al. 2021)."""

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

_E5 = re.compile(r"(^|[/_-])e5([_-]|$)", re.IGNORECASE)
E5_PREFIX = "query: "
"""What E5 was trained with on both sides of symmetric tasks (Wang et al. 2024)."""

Features = Mapping[str, Any]
"""A prepared batch: tensors by the names of the model's arguments."""


class Tower(Protocol):
    """What both kinds of tower have.

    Attributes
    ----------
    name : str
    modality : Modality
    dimension : int
        Of its vectors.
    space : str
        Towers with the same are parts of one model: their vectors can be compared already. Empty
        where the tower stands alone.
    identity : str
        Changes when its vectors do.
    """

    name: str
    modality: Modality
    dimension: int
    space: str

    @property
    def identity(self) -> str:
        """Changes when its vectors do."""
        ...

    def encode(self, items: Sequence[Image | str]) -> npt.NDArray[np.float32]:
        """Encode pictures or texts as they come, in evaluation mode; shape (n, dimension)."""
        ...

    @property
    def extractor(self) -> FeatureExtractor:
        """What encodes many of them, captions in the role of queries."""
        ...


class FolderTower:
    """One modality of an encoder's folder, or of a shipped encoder such as ``mini``.

    Its vectors have unit length.
    """

    def __init__(self, encoder: FolderEncoder, name: str, modality: Modality) -> None:
        if modality not in encoder.space.modalities:
            known = " and ".join(encoder.space.modalities)
            raise UsageError(f"{name} encodes {known}; it is no {modality} tower")
        self.encoder = encoder
        self.name = name
        self.modality = modality
        self.dimension = encoder.space.dimension
        self.space = encoder.space.fingerprint if len(encoder.space.modalities) > 1 else ""

    @property
    def identity(self) -> str:
        """The fingerprint of the encoder's space."""
        return self.encoder.space.fingerprint

    def encode(self, items: Sequence[Image | str]) -> npt.NDArray[np.float32]:
        """See `Tower.encode`; captions as what is sought, which they are trained to be."""
        media = [Text(item) if isinstance(item, str) else item for item in items]
        return self.encoder.encode(media, role="query")

    @property
    def extractor(self) -> FeatureExtractor:
        """See `Tower.extractor`."""
        return self.encoder


class TorchTower(nn.Module):  # type: ignore[misc]
    """Modules of sentence-transformers, from inputs to one vector each.

    Parameters
    ----------
    parts : sequence of Module
        The first takes the inputs, the last leaves ``sentence_embedding``.
    name : str
    modality : Modality
    prefix : str
        Put before each text.
    space : str
        See `Tower`.
    is_new : bool
        Whether its weights are random.
    """

    def __init__(
        self,
        parts: Sequence[Any],
        name: str,
        modality: Modality,
        *,
        prefix: str = "",
        space: str = "",
        is_new: bool = False,
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.name = name
        self.modality = modality
        self.prefix = prefix
        self.space = space
        self.is_new = is_new
        probe = "a" if modality == Modality.TEXT else Image(PIL.Image.new("RGB", (SIDE, SIDE)))
        self.dimension = 0
        self.dimension = self.encode([probe]).shape[1]

    @property
    def identity(self) -> str:
        """A digest of the weights, the pooling and the prefix."""
        import hashlib

        digest = hashlib.sha256(f"{self.prefix}{self.parts}".encode())
        for name, tensor in self.state_dict().items():
            values = tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy()
            digest.update(name.encode())
            digest.update(values.tobytes())
        return digest.hexdigest()[:16]

    @property
    def has_batch_norm(self) -> bool:
        """Whether a vector depends on the others of its batch while it is trained."""
        kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)
        return any(isinstance(module, kinds) for module in self.modules())

    def prepare(self, items: Sequence[Image | str]) -> Features:
        """Preprocess a batch: tokens, or pixels as the model was trained with.

        Raises
        ------
        MediaError
            When a picture cannot be read.
        """
        first = self.parts[0]
        joint = len(first.modalities) > 1
        inputs: list[Any] = []
        for item in items:
            if isinstance(item, str):
                inputs.append({"text": item} if joint else item)
            else:
                picture = item.load()
                inputs.append({"image": picture} if joint else picture)
        prompt = self.prefix or None
        found: Features = first.preprocess(inputs, prompt=prompt)
        return found

    def forward(self, features: Features) -> torch.Tensor:
        """Encode a prepared batch; float32 of shape (n, dimension)."""
        given = {
            key: value.to(self.device) if isinstance(value, torch.Tensor) else value
            for key, value in features.items()
        }
        for part in self.parts:
            given = part(given)
        vectors: torch.Tensor = given["sentence_embedding"]
        return vectors.float()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def encode(self, items: Sequence[Image | str]) -> npt.NDArray[np.float32]:
        """See `Tower.encode`."""
        was_training = self.training
        self.eval()
        with torch.inference_mode():
            vectors = self(self.prepare(items))
        self.train(was_training)
        return np.asarray(vectors.cpu().numpy(), np.float32)

    @property
    def extractor(self) -> FeatureExtractor:
        """See `Tower.extractor`."""
        return _TorchExtractor(self)


class _TorchExtractor(FeatureExtractor):
    """A tower in torch as the one encode loop takes it: decoding in threads, then the model."""

    def __init__(self, tower: TorchTower) -> None:
        self._tower = tower
        self.space = Space(
            tower.name, tower.dimension, (tower.modality,), {}, tower.identity, "none"
        )

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `FeatureExtractor.prepare`."""
        if isinstance(media, Image):
            return {"pixels": np.asarray(media.load())}
        assert isinstance(media, Text)
        return {"utf8": np.frombuffer(media.text.encode("utf-8", "replace"), np.uint8)}

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `FeatureExtractor.encode_prepared`."""
        if modality == Modality.IMAGE:
            return self._tower.encode([Image(item["pixels"]) for item in batch])
        return self._tower.encode([item["utf8"].tobytes().decode() for item in batch])


def load_tower(
    name: str,
    modality: Modality,
    *,
    pooling: str | None = None,
    prefix: str | None = None,
    made: Path,
    captions: Sequence[str] = (),
) -> FolderTower | TorchTower:
    """Load or make a tower.

    Parameters
    ----------
    name : str
        A shipped encoder or an encoder's folder; a folder in the format of Transformers or
        sentence-transformers, or a hub id; or a ``.json`` file with the configuration of a model
        of Transformers (``model_type`` in it), which is made new.
    modality : Modality
        Image or text.
    pooling : {"cls", "mean", "max", "pooler"}, optional
        How a model's outputs become one vector. By default as its folder says, else the class
        token where a picture's model has one, else the mean.
    prefix : str, optional
        Put before each text; by default as the folder says, and E5's own for E5.
    made : Path
        Where a new tower is written; one that is there is taken as it is.
    captions : sequence of str
        A new text tower's vocabulary is learnt from these, unless a ``tokenizer.json`` lies
        beside its configuration.

    Raises
    ------
    UsageError
        When the encoder has no such tower, or the configuration is none.
    EncoderError
        When it cannot be loaded.
    """
    if modality not in (Modality.IMAGE, Modality.TEXT):
        raise UsageError(f"a tower takes images or text, not {modality}")
    if pooling is not None and pooling not in POOLINGS:
        raise UsageError(f"unknown pooling {pooling!r}; there are {', '.join(POOLINGS)}")
    path = Path(os.path.expanduser(name))  # noqa: PTH111
    if name in shipped_encoders() or (path / CONFIG).exists():
        encoder = FolderEncoder(shipped_encoders().get(name, path))
        if pooling is not None:
            raise UsageError(f"{name} is an encoder's folder: its pooling is part of its graph")
        tower = FolderTower(encoder, name, modality)
        if encoder.graph(modality) is None:
            raise UsageError(
                f"{name} is in LiteRT's format, behind which nothing can be put: take the encoder "
                "that it was exported from, and export what was trained"
            )
        return tower
    if path.suffix == ".json" and path.is_file():
        new = _made(path, modality, made, captions)
        return _plain(new, name, modality, pooling, prefix or "", is_new=True)
    require_known(name, [*shipped_encoders()], "tower")
    return _pretrained(name, modality, pooling, prefix)


def _pretrained(
    name: str, modality: Modality, pooling: str | None, prefix: str | None
) -> TorchTower:
    model = load_model(os.path.expanduser(name), device="cpu")  # noqa: PTH111
    if modality.value not in model.modalities:
        known = " and ".join(str(found) for found in model.modalities)
        raise UsageError(f"{name} encodes {known}; it is no {modality} tower")
    if prefix is None:
        prompts = model.prompts if modality == Modality.TEXT else {}
        prefix = prompts.get("query") or prompts.get("document") or ""
        if not prefix and modality == Modality.TEXT and _E5.search(Path(name).name):
            prefix = E5_PREFIX
    parts = [part for part in model if not isinstance(part, Normalize)]
    if isinstance(parts[0], Router):  # trained here before, say
        parts = [*parts[0].sub_modules[modality.value], *parts[1:]]
    joint = {"image", "text"} <= {*model.modalities}
    space = str(Path(name).absolute()) if Path(name).exists() else name
    says_how = (len(parts) > 1 and _is_configured(name)) or not _gives_tokens(parts[0])
    if pooling is None and says_how:
        return TorchTower(parts, name, modality, prefix=prefix, space=space if joint else "")
    return _pooled(parts[0], name, modality, pooling, prefix, is_new=False)


def _is_configured(name: str) -> bool:
    """Whether a model's files say how it pools; else sentence-transformers takes the mean."""
    path = Path(os.path.expanduser(name))  # noqa: PTH111
    if path.is_dir():
        return (path / "modules.json").is_file()
    folder = snapshot_of(*split_revision(name))
    return folder is not None and (folder / "modules.json").is_file()


def _gives_tokens(first: Any) -> bool:
    return getattr(first, "module_output_name", "") == "token_embeddings"


def _plain(
    folder: Path, name: str, modality: Modality, pooling: str | None, prefix: str, *, is_new: bool
) -> TorchTower:
    with safe_loading():
        first = Transformer(
            str(folder), model_kwargs={"use_safetensors": True, "dtype": torch.float32}
        )
    return _pooled(first, name, modality, pooling, prefix, is_new=is_new)


def _pooled(
    first: Any, name: str, modality: Modality, pooling: str | None, prefix: str, *, is_new: bool
) -> TorchTower:
    if pooling == "pooler":
        _take_pooler(first, name, modality)
        return TorchTower([first], name, modality, prefix=prefix, is_new=is_new)
    if pooling is None:
        has_class_token = any("cls_token" in key for key, _ in first.model.named_parameters())
        pooling = "cls" if modality == Modality.IMAGE and has_class_token else "mean"
    parts = [first, Pooling(first.get_embedding_dimension(), pooling)]
    return TorchTower(parts, name, modality, prefix=prefix, is_new=is_new)


def _take_pooler(first: Any, name: str, modality: Modality) -> None:
    first.modality_config = {
        modality.value: {"method": "forward", "method_output_name": "pooler_output"}
    }
    first.module_output_name = "sentence_embedding"
    probe = ["a"] if modality == Modality.TEXT else [PIL.Image.new("RGB", (SIDE, SIDE))]
    try:
        with torch.inference_mode():
            shape = first(first.preprocess(probe))["sentence_embedding"].shape
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(f"{name} has no pooler: choose another pooling") from error
    if len(shape) != 2:
        raise UsageError(f"the pooler of {name} gives maps of features: take the mean")


def _made(path: Path, modality: Modality, folder: Path, captions: Sequence[str]) -> Path:
    """Write a new model, with what prepares its inputs, as Transformers writes one."""
    if (folder / "config.json").is_file():
        return folder
    try:
        values = json.loads(path.read_text("utf-8"))
        kind = values.pop("model_type")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UsageError(
            f"{path}: a new tower's configuration is a JSON object with a model_type ({error!r})"
        ) from error
    try:
        if modality == Modality.TEXT:
            beside = path.with_name("tokenizer.json")
            size = int(values.get("vocab_size", 8000))
            tokenizer = (
                Tokenizer.from_file(str(beside)) if beside.is_file() else _learnt(captions, size)
            )
            longest = int(values.get("max_position_embeddings", MAX_TOKENS))
            processor = _fast(tokenizer, min(longest, MAX_TOKENS))
            values["vocab_size"] = len(processor)
            values["pad_token_id"] = processor.pad_token_id
        else:
            side = int(values.get("image_size", SIDE))
            processor = transformers.CLIPImageProcessor(
                size={"shortest_edge": side}, crop_size={"height": side, "width": side}
            )
        config = transformers.AutoConfig.for_model(kind, **values)
        model = transformers.AutoModel.from_config(config)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise UsageError(f"{path}: no tower can be made of it: {str(error)[:300]}") from error
    part = folder.with_name(folder.name + ".part")
    model.save_pretrained(part)
    processor.save_pretrained(part)
    part.replace(folder)
    return folder


def _learnt(captions: Sequence[str], size: int) -> Tokenizer:
    """Learn a vocabulary of byte pairs from captions (Sennrich et al. 2016).

    A WordPiece vocabulary, as BERT's, comes out different each time it is learnt.
    """
    if not captions:
        raise UsageError("a new text tower learns its vocabulary from captions: there are none")
    tokenizer = Tokenizer(tokenizer_models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(sorted(captions), trainer)
    begin, end = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", begin), ("[SEP]", end)]
    )
    return tokenizer


def _fast(tokenizer: Tokenizer, longest: int) -> Any:
    known = tokenizer.get_vocab()
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    given = {name: token for name, token in zip(names, SPECIAL, strict=True) if token in known}
    if "pad_token" not in given:
        pads = [token for token in ("<pad>", "[pad]") if token in known]
        if not pads:
            raise EncoderError("the tokenizer.json beside a new tower has no [PAD] or <pad> token")
        given["pad_token"] = pads[0]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=longest, **given
    )
