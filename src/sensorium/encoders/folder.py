"""Encoders stored as a folder: towers in ONNX or for LiteRT, a tokenizer and ``encoder.json``.

The format is described in docs/encoder-format.md. Nothing in it is executed or unpickled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder, Prepared, Role
from sensorium.encoders.capitals import in_small_letters
from sensorium.encoders.few_pieces import FewPieces, keep_table
from sensorium.encoders.folder_config import (
    CALIBRATIONS,
    CAPITALS,
    CONFIG,
    ENCODER,
    FILE_KEYS,
    INT8,
    LENGTHS,
    NOT_PREPROCESSING,
    ORDINARY,
    QUERY_PREFIX,
    TOWERS,
    WEIGHTS,
    is_litert,
    read_config,
)
from sensorium.encoders.inputs import Input
from sensorium.encoders.long_texts import cut, divided, in_turns, joined, pooled, tell
from sensorium.encoders.onnx_files import require_whole
from sensorium.encoders.preprocessing import image_pixels, placed_pixels
from sensorium.encoders.runtime import (
    Runtime,
    load_runtime,
    lowest_precision,
    runtime_for,
    runtime_name,
)
from sensorium.encoders.space import Space, hash_files
from sensorium.errors import EncoderError, MediaError
from sensorium.folders import require_regular
from sensorium.media import Audio, Image, Media, Modality, Text
from sensorium.media.decoding import decoding

SHIPPED = Path(__file__).parent
"""Encoders that come with the package are folders here."""

ORDINARY_BYTES = 1 << 28
"""Of such a file, at most; those that are shipped have some hundred thousand."""

PICTURES_AT_ONCE = 4
"""Pictures that a tower sees in one run, of larger batches.

What goes through its first layers is a hundred times a picture's size: with 32 in a run, indexing
takes 605 MB at its peak, with four 306. Four cost `mini`'s tower no more of a processor than 32 in
float32 and bfloat16 (13.9 ms a picture against 14.8, 7.6 against 8.2), and as much in 8 bits (5.6,
5.7); a ViT-B/32 3% more."""


class FolderEncoder(Encoder):
    """An encoder read from a folder.

    Parameters
    ----------
    folder : Path
        Holds ``encoder.json`` and the files it names.
    runtime : str, optional
        See `sensorium.encoders.runtime.runtime_for`.

    Raises
    ------
    EncoderError
        When ``encoder.json`` or a file it names is missing or malformed. Towers are loaded when
        they are first used.
    UsageError
        For an unknown runtime or precision, here or in the environment.
    """

    def __init__(self, folder: Path, runtime: str | None = None) -> None:
        self.folder = folder
        with ENCODER.reading(folder):
            self.config = read_config(folder)
        is_shipped = folder.parent == SHIPPED
        self.name: str = folder.name if is_shipped else str(folder.absolute())
        # Read now, so that a misspelt setting is said before anything is made.
        if runtime is None:
            runtime_name()
        for tower in TOWERS:
            if tower.value in self.config:
                runtime_for(self.config[tower.value]["model"], runtime)
        self._runtime_name = runtime
        lowest_precision()
        self._runtimes: dict[Modality, Runtime] = {}
        self._runs = 1
        self._loading = Lock()
        self._beginning = Lock()
        self._first: Thread | None = None
        towers = {m: self.config[m.value] for m in TOWERS if m.value in self.config}
        files = {folder / tower[key] for tower in towers.values() for key in FILE_KEYS & {*tower}}
        self._towers: dict[Modality, dict[str, Any]] = towers
        for path in sorted(files):
            if not path.is_file():
                raise EncoderError(f"{folder / CONFIG} names {path.name}, which is not there")
        try:
            weights = hash_files(files)
        except OSError as error:
            raise EncoderError(f"{folder}: cannot be read ({error})") from error
        if self.config.get(WEIGHTS, weights) != weights:
            names = ", ".join(sorted(path.name for path in files))
            raise EncoderError(
                f"{folder}: {names}: not as written; one of them was damaged or replaced. Take a "
                f'whole copy, or make it again; if it was on purpose, delete "{WEIGHTS}", '
                f'"files" and "checksum" from {CONFIG}'
            )
        self.space = Space(
            name=self.config["name"],
            dimension=self.config["dimension"],
            modalities=tuple(towers),
            preprocessing={
                modality.value: {k: v for k, v in tower.items() if k not in NOT_PREPROCESSING}
                for modality, tower in towers.items()
            },
            weights=weights,
        )
        self.temperature: float = self.config["temperature"]
        sigmoid = self.config.get("sigmoid")
        self.sigmoid: tuple[float, float] | None = (
            (sigmoid["scale"], sigmoid["bias"]) if sigmoid else None
        )
        self.prompts: Sequence[str] = self.config["prompts"]
        self.calibrations = {
            pair: (values[0], values[1], values[2])
            for pair, values in self.config.get(CALIBRATIONS, {}).items()
        }
        self.tells_queries_apart = QUERY_PREFIX in towers.get(Modality.TEXT, {})

    @property
    def runtime(self) -> str:
        """What executes each tower; loads those that are not loaded yet."""
        return ", ".join(f"{m}: {self._tower(m).description}" for m in self.space.modalities)

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `Encoder.prepare`."""
        tower = self._config(media.modality)
        if isinstance(media, Image):
            return {"pixels": image_pixels(media, **self._fitting())}
        if isinstance(media, Audio):
            rate, longest = tower["rate"], tower["seconds"]
            # A part has its own end; how long a file is, its header may not know.
            end = longest if media.span is None else min(longest, media.duration)
            return {"samples": media.clip(0, end).load(rate)[: longest * rate]}
        assert isinstance(media, Text)  # _config knows no fourth modality
        prefix = tower.get("prefix") or ""
        if role == "query":
            prefix = tower.get(QUERY_PREFIX) or prefix
            self._begin()
        else:
            _ = self._tokenizer  # of what is indexed there is more to come
        with decoding("", f"the text {media.text!r:.80} cannot be encoded"):
            text = self.as_read(media.text)
            encoded = self._cut(prefix + text)
            if encoded.overflowing and role == "query":
                parts = self._parts(prefix, text)
                return joined("input_ids", [np.array(ids, np.int64) for ids in parts])
        if not encoded.ids:  # control characters alone, say; the mean of nothing is no vector
            raise MediaError(f"the text {media.text!r:.80} holds nothing to encode")
        return {"input_ids": np.array(encoded.ids, dtype=np.int64)}

    def _begin(self) -> None:
        """Load the text tower, and run it once, while the tokenizer is read.

        Each takes a tenth of a second, the tower's outside of Python: that is half of the time that
        a first question takes.
        """

        def load() -> None:
            with suppress(Exception):  # whoever needs it is told
                tower = self._tower(Modality.TEXT)
                nothing = [{"input_ids": np.zeros(8, np.int64)}]
                tower.run(_COLLATE[Modality.TEXT](nothing, self._config(Modality.TEXT)))

        with self._beginning:
            if self._first is None and Modality.TEXT not in self._runtimes:
                first = Thread(target=load, name="first question", daemon=True)
                first.start()
                self._first = first  # others wait for it, which they cannot before it runs

    def _fitting(self) -> dict[str, Any]:
        tower = self._config(Modality.IMAGE)
        return {name: tower[name] for name in _FITTING if name in tower}

    def input_of(self, media: Media) -> Input | None:
        """See `Encoder.input_of`."""
        if isinstance(media, Image):
            return Input("pixels", *placed_pixels(media, **self._fitting()))
        if not isinstance(media, Audio):
            return None
        samples = self.prepare(media)["samples"]
        seconds = len(samples) / self._config(Modality.AUDIO)["rate"]
        return Input("samples", samples, (0, len(samples)), (0.0, seconds))

    def _parts(self, prefix: str, text: str) -> list[list[int]]:
        """The tokens of each part of a text that is longer than the tower takes."""
        most = self._towers[Modality.TEXT]["max_tokens"]
        tell(self.space.name, most)
        tokens = self._whole_tokenizer.encode(text, add_special_tokens=False).offsets
        room = most - len(self._tokenizer.encode(prefix).ids)
        return [self._tokenizer.encode(prefix + part).ids for part in cut(text, tokens, room)]

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `Encoder.encode_prepared`; the role is in what was prepared."""
        self._config(modality)
        if not batch:
            return np.empty((0, self.space.dimension), np.float32)
        if modality == Modality.TEXT and (parts := divided("input_ids", batch)) is not None:
            flat, counts = parts
            found = [self._unit_vectors(modality, some) for some in in_turns(flat)]
            weights = [len(part["input_ids"]) for part in flat]
            return pooled(np.concatenate(found), counts, weights)
        return self._unit_vectors(modality, batch)

    def _unit_vectors(
        self, modality: Modality, batch: Sequence[Prepared]
    ) -> npt.NDArray[np.float32]:
        if self._first is not None:
            self._first.join()
        tower = self._tower(modality)
        step = PICTURES_AT_ONCE if modality == Modality.IMAGE else len(batch)
        parts = [batch[start : start + step] for start in range(0, len(batch), step)]
        vectors = np.concatenate(
            [tower.run(_COLLATE[modality](part, self._config(modality))) for part in parts]
        )
        if vectors.shape != (len(batch), self.space.dimension):
            raise EncoderError(
                f"{self.folder}: the {modality} tower gave shape {vectors.shape}, "
                f"{CONFIG} promises (n, {self.space.dimension})"
            )
        if not np.isfinite(vectors).all():
            raise EncoderError(
                f"{self.folder}: the {modality} tower gave values that are no numbers"
            )
        # bf16 leaves lengths between 0.998 and 1.002; dot products are to be cosines.
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)

    def as_read(self, text: str) -> str:
        """See `Encoder.as_read`."""
        if CAPITALS not in self._towers.get(Modality.TEXT, {}):
            return text
        return in_small_letters(text, self._pieces)

    def tokens_in(self, prepared: Prepared) -> int | None:
        """See `Encoder.tokens_in`."""
        return len(prepared["input_ids"]) if "input_ids" in prepared else None

    def _pieces(self, word: str) -> int:
        return len(self._cut(word, add_special_tokens=False).ids)

    def _cut(self, text: str, add_special_tokens: bool = True) -> Any:
        """Cut a text, before the tokenizer is read by the few pieces of it that are needed."""
        if "_tokenizer" not in self.__dict__:
            cut = self._few and self._few.encode(text, add_special_tokens)
            if cut is not None:
                return cut
            if self._few is None and type(self._tokenizer.model).__name__ == "Unigram":
                keep_table(self._tokenizer_file)
        return self._tokenizer.encode(text, add_special_tokens=add_special_tokens)

    def ordinary(self, what: Literal["pictures", "words"]) -> npt.NDArray[np.float32] | None:
        """See `Encoder.ordinary`; in the files that ``encoder.json`` names.

        Raises
        ------
        EncoderError
            When they cannot be read, or are of another dimension.
        """
        if not (name := self.config.get(ORDINARY[what])):
            return None
        path = self.folder / name
        try:
            require_regular(path)
            vectors = np.load(path, allow_pickle=False).astype(np.float32)
            if path.stat().st_size > ORDINARY_BYTES or not np.isfinite(vectors).all():
                raise ValueError("it holds values that are no numbers, or too many")
        except (OSError, ValueError, EOFError, MemoryError, SyntaxError, TypeError) as error:
            raise EncoderError(f"{path}: cannot be read ({error})") from error
        if vectors.ndim != 2 or vectors.shape[1] != self.space.dimension:
            expected = f"(n, {self.space.dimension})"
            raise EncoderError(f"{path}: vectors of shape {vectors.shape}, expected {expected}")
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def side_by_side(self, runs: int) -> int:
        """See `Encoder.side_by_side`; towers that are loaded are loaded anew when next used."""
        with self._loading:
            if runs != self._runs:
                self._runs = runs
                self._runtimes.clear()
            return runs

    def graph(self, modality: Modality) -> Path | None:
        """See `Encoder.graph`."""
        tower = self._towers.get(modality)
        is_graph = tower is not None and not is_litert(tower["model"])
        return self._model(tower) if tower is not None and is_graph else None

    def _model(self, tower: dict[str, Any]) -> Path:
        """The file of a tower, which leads to no other."""
        path: Path = self.folder / tower["model"]
        if self.folder.parent != SHIPPED and not is_litert(path.name):
            require_whole(path)
        return path

    def _config(self, modality: Modality) -> dict[str, Any]:
        if modality not in self._towers:
            known = " and ".join(self.space.modalities)
            raise EncoderError(f"{self.space.name} encodes {known}, not {modality}")
        return self._towers[modality]

    def _tower(self, modality: Modality) -> Runtime:
        with self._loading:
            loaded = self._runtimes.get(modality)
            if loaded is None:
                path = self._model(self._config(modality))
                precision = self._config(modality).get("precision", "bf16")
                loaded = self._runtimes[modality] = load_runtime(
                    path, self._runtime_name, precision, self._runs,
                    self._config(modality).get(INT8, 0),
                )  # fmt: skip
            return loaded

    @cached_property
    def _few(self) -> FewPieces | None:
        most: int = self._towers[Modality.TEXT]["max_tokens"]
        return FewPieces.load(self._tokenizer_file, most)

    @property
    def _tokenizer_file(self) -> Path:
        file: str = self._towers[Modality.TEXT]["tokenizer"]
        return self.folder / file

    @cached_property
    def _tokenizer(self) -> Any:
        """Cuts texts off where the tower's tokens end."""
        tokenizer = self._read_tokenizer()
        tokenizer.enable_truncation(self._towers[Modality.TEXT]["max_tokens"])
        return tokenizer

    @cached_property
    def _whole_tokenizer(self) -> Any:
        """Cuts no text off; of its own, since a tokenizer's settings are everybody's."""
        tokenizer = self._read_tokenizer()
        tokenizer.no_truncation()
        return tokenizer

    def _read_tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        path = self._tokenizer_file
        try:
            with decoding(str(path), "no tokenizer that can be read"):
                tokenizer = Tokenizer.from_file(str(path))
        except MediaError as error:
            raise EncoderError(str(error)) from error
        tokenizer.no_padding()
        return tokenizer

    def __repr__(self) -> str:
        return f"FolderEncoder({str(self.folder)!r}, space={self.space})"


_FITTING = ("size", "fit", "resample", "crop", "oversize")


def _collate_images(
    batch: Sequence[Prepared], tower: dict[str, Any]
) -> dict[str, npt.NDArray[Any]]:
    return {"pixels": np.stack([item["pixels"] for item in batch])}


def _collate_sounds(
    batch: Sequence[Prepared], tower: dict[str, Any]
) -> dict[str, npt.NDArray[Any]]:
    lengths = np.array([len(item["samples"]) for item in batch], np.int64)
    blocks = -(-int(lengths.max()) // tower["block"])
    samples = np.zeros((len(batch), blocks * tower["block"]), np.float32)
    for row, item in enumerate(batch):
        samples[row, : lengths[row]] = item["samples"]
    return {"samples": samples, "lengths": lengths}


def _collate_texts(batch: Sequence[Prepared], tower: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
    longest = max(len(item["input_ids"]) for item in batch)
    longest = max(longest, tower.get("pad_to", 0))
    longest = min((one for one in tower.get(LENGTHS, ()) if one >= longest), default=longest)
    ids = np.full((len(batch), longest), tower.get("pad_id", 0), np.int64)
    mask = np.zeros((len(batch), longest), np.int64)
    for row, item in enumerate(batch):
        tokens = item["input_ids"]
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return {"input_ids": ids, "attention_mask": mask}


_COLLATE: dict[
    Modality, Callable[[Sequence[Prepared], dict[str, Any]], dict[str, npt.NDArray[Any]]]
] = {
    Modality.AUDIO: _collate_sounds,
    Modality.IMAGE: _collate_images,
    Modality.TEXT: _collate_texts,
}


def collated(
    modality: Modality, batch: Sequence[Prepared], tower: dict[str, Any]
) -> dict[str, npt.NDArray[Any]]:
    """What a tower takes, of what `FolderEncoder.prepare` made for each item of a batch.

    Parameters
    ----------
    modality : Modality
    batch : sequence of Prepared
    tower : dict
        Its part of ``encoder.json``.

    Returns
    -------
    dict of str to ndarray
        Names of the tower's inputs and arrays, batch first.
    """
    return _COLLATE[modality](batch, tower)
