"""What ``encoder.json`` may say, read and written; docs/encoder-format.md describes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensorium.encoders.litert_runtime import SUFFIX as LITERT_SUFFIX
from sensorium.encoders.preprocessing import FITS, RESAMPLES
from sensorium.encoders.runtime import PRECISIONS
from sensorium.encoders.space import hash_files
from sensorium.errors import EncoderError
from sensorium.folders import Format
from sensorium.media import Modality

CONFIG = "encoder.json"

ENCODER = Format(CONFIG, "encoder", "it is not an encoder", error=EncoderError)

ORDINARY = {"pictures": "background", "words": "words"}
"""Keys of ``encoder.json`` that name files of vectors; see `Encoder.ordinary`."""

CALIBRATIONS = "calibrations"
"""What makes probabilities of hits, see `Encoder.calibrations`; optional."""

WEIGHTS = "weights"
"""SHA-256 of the towers and the tokenizer, which is the space's identity: computed anyway whenever
an encoder is loaded, so that comparing it takes no time."""

QUERY_PREFIX = "query_prefix"
"""Of a text tower: put before what is sought, where that is not the prefix of what is searched."""

CAPITALS = "capitals"
"""Of a text tower: what becomes of words in capitals, "lower" where they are read in small letters
(`sensorium.encoders.capitals`); where it is missing they are read as they are written."""


LENGTHS = "lengths"
"""Of a text tower: numbers of tokens that it takes and no others, as LiteRT's do; texts are filled
up to the least that holds them."""

INT8 = "int8"
"""Of a tower: how many of its layers multiply in 8 bits (`sensorium.encoders.quantizing`)."""


TOWERS = (Modality.AUDIO, Modality.IMAGE, Modality.TEXT)
FILE_KEYS = {"model", "tokenizer"}
NOT_PREPROCESSING = {*FILE_KEYS, "precision", INT8, LENGTHS}


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write ``encoder.json`` when the other files are there, and note what is in them."""
    files = {
        folder / config[modality.value][key]
        for modality in TOWERS
        if modality.value in config
        for key in FILE_KEYS & {*config[modality.value]}
    }
    ENCODER.write(folder, {**config, WEIGHTS: hash_files(files)})


def own_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a folder says of its encoder, without what is said of its writing."""
    written = {"format", "files", "checksum", WEIGHTS, "version"}
    return {key: value for key, value in config.items() if key not in written}


def is_litert(file: str) -> bool:
    return file.lower().endswith(LITERT_SUFFIX)


def _is_plain(file: object) -> bool:
    """Whether it is the name of a file in the folder, and no path."""
    return isinstance(file, str) and Path(file).name == file != ".." and "\0" not in file


def read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    config = ENCODER.read(folder, files=False)  # the large ones by `WEIGHTS`
    _require(path, "", config, _KEYS)
    if not all("{}" in prompt for prompt in config["prompts"]) or not config["prompts"]:
        raise EncoderError(f"{path}: prompts are one or more texts with {{}}")
    towers = [modality.value for modality in TOWERS if modality.value in config]
    if not towers:
        raise EncoderError(f"{path}: names no tower ('audio', 'image' or 'text')")
    for name in towers:
        _require(path, "", config, {name: dict})
        _require(path, f"{name}.", config[name], _TOWER_KEYS[name])
        for key in FILE_KEYS & {*config[name]}:
            file = config[name][key]
            if not _is_plain(file):
                raise EncoderError(f"{path}: {name}.{key} is a plain file name, got {file!r}")
            # Runtimes read others, too.
            if key == "model" and not file.lower().endswith((".onnx", LITERT_SUFFIX)):
                raise EncoderError(
                    f"{path}: {name}.model ends in .onnx or {LITERT_SUFFIX}, got {file!r:.80}"
                )
        for key, kind in _OPTIONAL.items():
            if config[name].get(key, 0) != 0:
                _require(path, f"{name}.", config[name], {key: kind})
        if not LEAST_CROP <= config[name].get("crop", 1) <= 1:
            raise EncoderError(f"{path}: {name}.crop is a share, got {config[name]['crop']!r}")
        if (precision := config[name].get("precision", PRECISIONS[0])) not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise EncoderError(f"{path}: {name}.precision is {precision!r}; known: {known}")
    if "image" in config and config["image"]["fit"] not in FITS:
        fit = config["image"]["fit"]
        raise EncoderError(f"{path}: image fit {fit!r}; known: {', '.join(FITS)}")
    if "image" in config and (resample := config["image"].get("resample")) not in (
        None,
        *RESAMPLES,
    ):
        known = ", ".join(RESAMPLES)
        raise EncoderError(f"{path}: image resample {resample!r}; known: {known}")
    if "text" in config and (capitals := config["text"].get(CAPITALS)) not in (None, "lower"):
        raise EncoderError(f"{path}: text {CAPITALS} is {capitals!r:.40}; known: lower")
    if "text" in config:
        _require_lengths(path, config["text"])
    for key in ORDINARY.values():
        file = config.get(key)
        if file is not None and not _is_plain(file):
            raise EncoderError(f"{path}: {key} is a plain file name, got {file!r:.80}")
    if config.get("sigmoid") is not None:
        _require(path, "", config, {"sigmoid": dict})
        _require(path, "sigmoid.", config["sigmoid"], {"scale": float, "bias": float})
    if config.get(CALIBRATIONS) is not None:
        _require(path, "", config, {CALIBRATIONS: dict})
        for pair, values in config[CALIBRATIONS].items():
            _require_calibration(path, pair, values)
    return config


def _require_lengths(path: Path, tower: dict[str, Any]) -> None:
    """Check numbers of tokens, the largest of which holds every text."""
    given = tower.get(LENGTHS)
    if given is None:
        return
    most = max(tower["max_tokens"], tower.get("pad_to") or 0)
    are_whole = isinstance(given, list) and all(
        type(one) is int and 0 < one <= _MOST["max_tokens"] for one in given
    )
    if not are_whole or not given or max(given) < most:
        raise EncoderError(
            f"{path}: text.{LENGTHS} are numbers of tokens, one of them at least {most}, "
            f"got {given!r:.80}"
        )


def _require_calibration(path: Path, pair: str, values: Any) -> None:
    """Check three finite numbers, the first two not below 0: nearer is never less probable."""
    if not {*pair.split("-")} <= {*Modality} or pair.count("-") != 1:
        raise EncoderError(
            f"{path}: {CALIBRATIONS} are of text-image and the like, got {pair!r:.80}"
        )
    are_numbers = isinstance(values, list) and len(values) == 3 and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in values
    )  # fmt: skip
    if not are_numbers or min(values[:2]) < 0:
        raise EncoderError(
            f"{path}: {CALIBRATIONS}.{pair:.40} is three numbers, two of them at least 0, "
            f"got {values!r:.80}"
        )


_KEYS: dict[str, type] = {"name": str, "dimension": int, "temperature": float, "prompts": list}
_MOST: dict[str, float] = {
    "dimension": 1 << 16, "size": 4096, "rate": 768_000, "seconds": 3600, "block": 1 << 24,
    "max_tokens": 1 << 20, "pad_to": 1 << 20, "oversize": 16,
}  # fmt: skip
"""What memory follows from, far above what any encoder has."""

_OPTIONAL: dict[str, type] = {
    "pad_id": int, "pad_to": int, "oversize": float, "crop": float,
    "prefix": str, QUERY_PREFIX: str, INT8: int,
}  # fmt: skip

LEAST_CROP = 0.1
"""Of a side: pictures are enlarged until the crop has the tower's size."""

_TOWER_KEYS: dict[str, dict[str, type]] = {
    "audio": {"model": str, "rate": int, "seconds": int, "block": int},
    "image": {"model": str, "size": int, "fit": str},
    "text": {"model": str, "tokenizer": str, "max_tokens": int},
}


def _require(path: Path, prefix: str, values: dict[str, Any], keys: dict[str, type]) -> None:
    """Check that keys are there and of their type, and that numbers which count are positive."""
    for key, kind in keys.items():
        if key not in values:
            raise EncoderError(f"{path}: {prefix}{key} is missing")
        value = values[key]
        is_right = isinstance(value, (int, float) if kind is float else kind)
        if kind is list:
            is_right = is_right and all(isinstance(element, str) for element in value)
        if not is_right or isinstance(value, bool):
            raise EncoderError(f"{path}: {prefix}{key} is no {kind.__name__}: {value!r:.80}")
        if (kind is int or key == "temperature") and not value > 0:
            raise EncoderError(f"{path}: {prefix}{key} is more than 0, got {value!r}")
        if kind in (int, float) and not abs(value) <= (most := _MOST.get(key, math.inf)):
            raise EncoderError(f"{path}: {prefix}{key} is at most {most:,}, got {value!r:.40}")
        if kind is float and not math.isfinite(value):
            raise EncoderError(f"{path}: {prefix}{key} is no number: {value!r}")
