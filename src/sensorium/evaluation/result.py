"""The result of an evaluation, and the JSON file that holds it (docs/evaluation.md)."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import sensorium
from sensorium.checksums import KEY, json_checksum, require_checksum
from sensorium.encoders import Encoder
from sensorium.errors import UsageError
from sensorium.evaluation.digests import digest_of
from sensorium.evaluation.intervals import Interval
from sensorium.folders import read_bytes, whole
from sensorium.media.skipped import Skipped

FORMAT = 2
"""Results of format 1 are read, too: of a collection, they ranked cosines as they are."""

RESULT_FILE = "result.json"

PACKAGES = ("numpy", "scipy", "pillow", "tokenizers", "openvino", "onnxruntime")
"""Packages whose version may change a number."""

PATH_ARGUMENTS = ("data", "collection", "queries", "qrels", "labels")
"""Arguments that name files; the others are plain values."""

NOT_DATA = ("labels",)
"""Parts of the data that are a choice of the user: two results that differ in them compare."""


TITLES = {
    "text_to_image": "text → image",
    "image_to_text": "image → text",
    "retrieval": "retrieval",
    "classification": "classification",
}
"""Measurements as people read them."""


MEASURED = {
    "pairs": ("text_to_image", "image_to_text"),
    "folder": ("classification",),
    "retrieval": ("retrieval",),
}
"""What an evaluation of each kind measures."""


@dataclass(frozen=True)
class Measurement:
    """One set of samples and what was measured on it.

    Attributes
    ----------
    scores : dict of str to Interval
        Name of a score, its value and 95% interval.
    samples : list of dict
        Queries or pictures in order, each with ``id``, ``digest`` (of the question and its right
        answer: equal digests are the same sample) and what came out for it.
    values : dict of str to list of float
        Per sample, by the name of the score that they are averaged into.
    worst : list of dict
        The samples with the worst outcome: ``sample`` (its row), ``right`` and ``hits``, each hit
        ``{"picture": name}`` or ``{"text": words}``.
    confusion : dict, optional
        ``classes``: names; ``counts``: rows are the right classes, columns the predicted ones.
    """

    scores: dict[str, Interval]
    samples: list[dict[str, Any]]
    values: dict[str, list[float]]
    worst: list[dict[str, Any]] = field(default_factory=list)
    confusion: dict[str, Any] | None = None


@dataclass(frozen=True)
class Result:
    """What an evaluation found, with all that is needed to run it again.

    Attributes
    ----------
    kind : str
        ``"pairs"``, ``"folder"`` or ``"retrieval"``.
    measurements : dict of str to Measurement
        ``text_to_image`` and ``image_to_text``; ``classification``; or ``retrieval``.
    arguments : dict of str to str
        What was asked for; paths are absolute.
    seed : int
        Of the resampling behind the intervals.
    encoder : dict
        Name, space, fingerprint, runtime, temperature and prompts.
    data : dict of str to str or int
        Digests (SHA-256) of the parts of the data, and counts of what was used.
    versions : dict of str to str
    skipped : list of Skipped
        What could not be used, and why.
    search : dict
        How a collection was asked: ``mode``, ``depth``, and ``index``, None where everything is
        compared. Empty for other kinds, and in results of format 1.
    """

    kind: str
    measurements: dict[str, Measurement]
    arguments: dict[str, str]
    seed: int
    encoder: dict[str, Any]
    data: dict[str, Any]
    versions: dict[str, str]
    skipped: list[Skipped] = field(default_factory=list)
    search: dict[str, Any] = field(default_factory=dict)

    @property
    def scores(self) -> dict[str, dict[str, Interval]]:
        """Scores by measurement and name: ``result.scores["text_to_image"]["success@1"]``."""
        return {name: found.scores for name, found in self.measurements.items()}

    @property
    def fingerprint(self) -> str:
        """Digest of all data that was used; equal ones may be compared."""
        return self.data["fingerprint"]  # type: ignore[no-any-return]

    def picture(self, name: str) -> Path:
        """The file of a picture that a sample, answer or hit names."""
        if self.kind == "folder":
            folder = self.arguments["data"]
        else:
            folder = os.path.dirname(  # noqa: PTH120
                self.arguments["data" if self.kind == "pairs" else "queries"]
            )
        return Path(os.path.join(folder, os.path.expanduser(name)))  # noqa: PTH111, PTH118


def describe_encoder(encoder: Encoder) -> dict[str, Any]:
    """What a result says of an encoder; loads its towers."""
    return {
        "name": encoder.space.name,
        "fingerprint": encoder.space.fingerprint,
        "dimension": encoder.space.dimension,
        "runtime": encoder.runtime,
        "temperature": encoder.temperature,
        "prompts": list(encoder.prompts),
        **({"queries": "encoded as what is sought"} if encoder.tells_queries_apart else {}),
    }


def describe_data(parts: Mapping[str, str], counts: Mapping[str, int]) -> dict[str, Any]:
    """Digests and counts of the data, and the fingerprint over the digests."""
    used = [text for name in sorted(parts) if name not in NOT_DATA for text in (name, parts[name])]
    return {"fingerprint": digest_of(*used), "digests": dict(parts), "counts": dict(counts)}


def describe_versions() -> dict[str, str]:
    """Versions of what takes part in computing a number."""
    found = {"sensorium": sensorium.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {"machine": f"{platform.system()} {platform.machine()}"}


def write_result(result: Result, folder: Path, place: Path | None = None) -> Path:
    """Write ``result.json`` into a folder, or into another `place` from where it will go there.

    Floats are written so that they are read back as the same ones; NaN cannot occur. The file is
    written whole or not at all, and carries a checksum.
    """
    path = (place or folder) / RESULT_FILE
    paths = {
        name: {"path": value, "relative": relative}
        for name, value in result.arguments.items()
        if name in PATH_ARGUMENTS and (relative := _relative(value, folder))
    }
    content = {
        "format": FORMAT,
        "kind": result.kind,
        "arguments": {**result.arguments, **paths},
        "seed": result.seed,
        "encoder": result.encoder,
        **({"search": result.search} if result.search else {}),
        "data": result.data,
        "versions": result.versions,
        "skipped": [asdict(item) for item in result.skipped],
        "measurements": {
            name: {
                "scores": {score: vars(value) for score, value in found.scores.items()},
                "worst": found.worst,
                **({"confusion": found.confusion} if found.confusion else {}),
                "values": found.values,
                "samples": found.samples,
            }
            for name, found in result.measurements.items()
        },
    }
    content[KEY] = json_checksum(json.loads(json.dumps(content)))
    with whole(path) as part:
        part.write_text(_layout(content) + "\n", "utf-8", errors="surrogateescape")
    return path


def read_result(path: str | os.PathLike[str]) -> Result:
    """Read a ``result.json``, or that of a folder.

    Raises
    ------
    UsageError
        When there is none, it is of another format, or not as it was written.
    """
    path = Path(path)
    path = path / RESULT_FILE if path.is_dir() else path
    try:
        content = json.loads(read_bytes(path).decode("utf-8", "surrogateescape"))
        if isinstance(content, dict):
            require_checksum(content)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such result") from error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{path}: cannot be read as the result of an evaluation ({reason})"
        ) from error
    if not isinstance(content, dict) or "measurements" not in content:
        raise UsageError(f"{path}: is not the result of an evaluation")
    if content.get("format") not in (1, FORMAT):
        raise UsageError(
            f"{path}: format {content.get('format')!r}; this version reads formats 1 and {FORMAT}"
        )
    try:
        result = Result(
            kind=content["kind"],
            measurements={
                name: Measurement(
                    scores={score: Interval(**value) for score, value in found["scores"].items()},
                    samples=found["samples"],
                    values=found["values"],
                    worst=found["worst"],
                    confusion=found.get("confusion"),
                )
                for name, found in content["measurements"].items()
            },
            arguments={
                name: _resolve(value, path.parent) if isinstance(value, dict) else value
                for name, value in content["arguments"].items()
            },
            seed=content["seed"],
            encoder=content["encoder"],
            data=content["data"],
            versions=content["versions"],
            skipped=[Skipped(**item) for item in content["skipped"]],
            search=content.get("search", {}),
        )
        _require_sound(result)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(
            f"{path}: is damaged or was edited ({error!r:.200}); run the evaluation again"
        ) from error
    return result


def has_checksum(file: Path) -> bool:
    """Whether a result that can be read was written since there are checksums."""
    return KEY in json.loads(read_bytes(file).decode("utf-8", "surrogateescape"))


def _require_sound(result: Result) -> None:
    """Check types and lengths: what a damaged or foreign result says is compared and drawn."""
    texts = (result.kind, *result.arguments, *result.arguments.values(), *result.versions.values())
    if not all(isinstance(text, str) for text in texts) or type(result.seed) is not int:
        raise TypeError("kind, arguments or versions are no texts, or the seed is no number")
    _require_types(result.encoder, name=str, fingerprint=str, runtime=str)
    _require_types(result.data, fingerprint=str, counts=dict, digests=dict)
    if not all(type(count) is int for count in result.data["counts"].values()):
        raise TypeError("a count of the data is no number")
    if result.kind == "retrieval" or result.search:
        _require_types(result.search or {"mode": ""}, mode=str)
    if not result.measurements or not {*result.measurements} <= {*MEASURED.get(result.kind, ())}:
        raise ValueError(f"{result.kind!r:.60} and what was measured do not go together")
    for name, found in result.measurements.items():
        for score in found.scores.values():
            if not all(map(_is_number, vars(score).values())):
                raise TypeError(f"a score of {name} is no number")
        for values in found.values.values():
            if not isinstance(values, list) or not all(map(_is_number, values)):
                raise TypeError(f"a value of {name} is no number")
        for row in (*found.samples, *found.worst):
            if not isinstance(row, dict):
                raise TypeError(f"a sample of {name} is no object")
        if not all(0 <= worst["sample"] < len(found.samples) for worst in found.worst):
            raise ValueError(f"the worst of {name} are no samples")
        if found.confusion is not None:
            _require_types(found.confusion, classes=list, counts=list)


def _require_types(values: Any, **types: type) -> None:
    for name, kind in types.items():
        if not isinstance(values[name], kind):
            raise TypeError(f"{name} is no {kind.__name__}: {values[name]!r:.60}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _relative(path: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return ""


def _resolve(value: dict[str, str], folder: Path) -> str:
    """Where a file is now: beside the result as it was then, or else where it was."""
    beside = os.path.abspath(folder / value["relative"])  # noqa: PTH100
    return beside if Path(beside).exists() else value["path"]


def _layout(value: Any, depth: int = 4, indent: str = "") -> str:
    """JSON whose outer levels have a line for each member, and whose inner ones have one line."""
    if not depth or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner = indent + " "
    if isinstance(value, list):
        if not isinstance(value[0], (dict, list)):
            return _layout(value, 0)
        members = [inner + _layout(member, 0) for member in value]
    else:
        members = [
            f"{inner}{_layout(str(key), 0)}: {_layout(member, depth - 1, inner)}"
            for key, member in value.items()
        ]
    start, end = "[]" if isinstance(value, list) else "{}"
    return "\n".join([start, ",\n".join(members), indent + end])
