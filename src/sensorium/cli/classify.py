"""``sensorium classify``: what files, a collection, or the rows of a table are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.explain import (
    DrawOption,
    as_facts,
    explained_classes,
    explained_labels,
    require_png,
)
from sensorium.cli.label_sets import LABELLED, fit_label_sets, sets_of
from sensorium.cli.options import CollectionOption, JsonOption, WhereOption, opened
from sensorium.cli.predict import FUSION_FILE, predict
from sensorium.collection import Skipped
from sensorium.collection.staleness import states_of
from sensorium.data.files import Selection, select_files
from sensorium.encoders import DEFAULT_ENCODER, Encoder, load_encoder
from sensorium.errors import MediaError, UsageError
from sensorium.evaluation.report import Report, named
from sensorium.media import open_media
from sensorium.plain import plain_fields
from sensorium.tasks.conformal import ConformalLabels
from sensorium.tasks.origin import Origin, digest_of_folder
from sensorium.tasks.yes_no import answer
from sensorium.tasks.zero_shot import ZeroShotClassifier

if TYPE_CHECKING:
    from sensorium.explain import Explanation

Labels = list[tuple[str, float]]
Classify = Callable[[Any], Labels]


def classify(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders or globs; none: everything in the collection. For a fusion model: "
            "a table of new rows."
        ),
    ] = None,
    labels: Annotated[
        str,
        typer.Option(
            help="Labels separated by commas, e.g. cat,dog,'a red car'; one alone is answered by "
            "yes, no or cannot tell."
        ),
    ] = "",
    classifier: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A trained classifier or fusion model, instead of labels."
        ),
    ] = None,
    multi: Annotated[
        bool, typer.Option("--multi", help="Answer for each label by itself: any number may hold.")
    ] = False,
    none: Annotated[
        bool, typer.Option("--none", help="Let 'none of these' be an answer, too.")
    ] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="EXAMPLES",
            help="Print sets of labels that hold the true one as often as --coverage says; from "
            "labelled pictures: a folder per class, or a table.",
        ),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(help="Share of sets that hold the true label.", show_default="0.9"),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="JSON", help="Write what --calibrate found, for another --calibrate."
        ),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="Store the first label as metadata of the collection, for --where.",
        ),
    ] = None,
    contributions: Annotated[
        bool,
        typer.Option(
            "--contributions", help="Say what each modality contributed to a fusion (Shapley)."
        ),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the first label of each is because of.")
    ] = False,
    draw: DrawOption = None,
    k: Annotated[int, typer.Option("-k", help="Labels to print for each.")] = 3,
    collection: CollectionOption = None,
    where: WhereOption = None,
    encoder: Annotated[
        str | None, typer.Option(help="Encoder for files.", show_default=DEFAULT_ENCODER)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Label media by texts alone (zero-shot) or by a trained classifier, with probabilities."""
    names = [name.strip() for name in labels.split(",") if name.strip()]
    if bool(names) == (classifier is not None):
        raise UsageError(
            "give labels separated by commas (--labels cat,dog) or a trained classifier "
            "(--classifier FOLDER)"
        )
    if classifier is not None and (multi or encoder is not None):
        raise UsageError("--multi and --encoder go with --labels: a classifier has its own")
    if classifier is not None and (none or calibrate is not None):
        raise UsageError("--none and --calibrate go with --labels")
    if calibrate is None and (coverage is not None or keep is not None):
        raise UsageError("--coverage and --keep go with --calibrate and labelled examples")
    if calibrate is not None and (multi or len(names) == 1):
        raise UsageError("--calibrate takes two or more labels, of which one is the true one")
    if calibrate is not None and (explain or draw is not None):
        raise UsageError("--explain and --draw say why a label was given: leave out --calibrate")
    require_png(draw)
    is_fusion = classifier is not None and (classifier / FUSION_FILE).is_file()
    if contributions and not is_fusion:
        raise UsageError("--contributions goes with --classifier and a fusion model")
    if is_fusion:
        assert classifier is not None
        if (
            save is not None
            or where is not None
            or collection is not None
            or len(sources or ()) != 1
        ):
            raise UsageError("a fusion model predicts the rows of one table: name that alone")
        if draw is not None:
            raise UsageError("--draw goes with pictures, sounds and texts, not with tables")
        predict(classifier, Path((sources or [""])[0]), contributions, as_json, explain=explain)
        return
    if save is not None and (classifier is None or sources):
        raise UsageError("--save goes with --classifier and a collection: name no files")
    judged = classifier is None and (multi or len(names) == 1)
    chosen, states = Selection(), list[str]()
    fitted: ConformalLabels | None = None
    zero_shot: ZeroShotClassifier | None = None
    loaded: Encoder | None = None
    if sources:
        if where is not None or collection is not None:
            raise UsageError("--where and --collection go with a collection: name no files")
        chosen = _select(sources, classifier)
        if classifier is not None:
            rows = _by_classifier(classifier, chosen, k)
        else:
            loaded = load_encoder(encoder or DEFAULT_ENCODER)
            zero_shot = ZeroShotClassifier(loaded, names, abstain=none)
            if calibrate is not None:
                fitted = fit_label_sets(zero_shot, loaded, calibrate, coverage)
                k = len(zero_shot.labels)

            by_texts = zero_shot

            def by_names(media: Any) -> Labels:
                return by_texts.classify([media], k=k, multi=multi)[0]

            rows = _label_files(by_names, chosen)
    else:
        with opened(collection, encoder=encoder) as library:
            if classifier is None:
                loaded = library.encoder
                zero_shot = ZeroShotClassifier(loaded, names, abstain=none)
            if calibrate is not None:
                assert zero_shot is not None
                fitted = fit_label_sets(zero_shot, library.encoder, calibrate, coverage)
                k = len(zero_shot.labels)
            found = library.classify(
                classifier or names, k=k, multi=multi, where=where, save=save, abstain=none
            )
            if calibrate is not None:
                others = [item for item in found if item.modality != LABELLED]
                found = [item for item in found if item.modality == LABELLED]
                if others:
                    output.notices.print(f"{len(others)} left out that are no pictures")
            left_out = len(library) - len(found) if judged and where is None else 0
            if left_out:
                told = f"{left_out} left out that have neither a picture nor words to judge"
                output.notices.print(told)
            elif not found:
                output.notices.print(output.found_nothing(library), soft_wrap=True)
            states = states_of(found)
            output.print_stale(found, states, library.path)
        rows = [(item.path, item.labels) for item in found]
    origin = _origin(classifier, loaded) if as_json else None
    if fitted is not None:
        if keep is not None:
            fitted.save(keep)
        _print_sets(fitted, rows, chosen, origin, states)
        return
    if save is not None:
        output.notices.print(f"{len(rows)} labels stored as {save}")
    explanations: list[Explanation | None] = []
    if explain or draw is not None:
        explanations = _explained(rows, classifier, zero_shot, loaded, judged, chosen, draw)
    _print(rows, chosen, origin, judged, states, explanations)


def label(
    classifier: Path,
    collection: CollectionOption = None,
    where: WhereOption = None,
    k: Annotated[int, typer.Option("-k")] = 1,
    save: str | None = None,
    as_json: JsonOption = False,
) -> None:
    """What ``classify --classifier`` was called for a collection."""
    classify(
        classifier=classifier, collection=collection, where=where, k=k, save=save, as_json=as_json
    )


def predict_rows(
    model: Path,
    table: str,
    contributions: Annotated[bool, typer.Option("--contributions")] = False,
    as_json: JsonOption = False,
) -> None:
    """What ``classify --classifier`` was called for a fusion model."""
    predict(model, Path(table), contributions, as_json)


def _by_classifier(folder: Path, chosen: Selection, k: int) -> list[tuple[str, Labels]]:
    from sensorium.tasks.classification import load_classifier

    trained = load_classifier(folder)
    return _label_files(lambda media: trained.classify([media], k=k)[0], chosen)


def _select(sources: list[str], classifier: Path | None) -> Selection:
    if classifier is None:
        return select_files(sources, "image", "only pictures are labelled by names")
    from sensorium.tasks.classification import read_config

    modality = read_config(classifier)["modality"]
    return select_files(sources, modality, f"this classifier is one of {modality}")


def _label_files(classify_one: Classify, chosen: Selection) -> list[tuple[str, Labels]]:
    rows = []
    for path in chosen.paths:
        try:
            rows.append((str(path), classify_one(open_media(path))))
        except MediaError as error:
            chosen.skipped.append(Skipped(str(path), error.reason))
    return rows


def _explained(
    rows: list[tuple[str, Labels]],
    classifier: Path | None,
    zero_shot: ZeroShotClassifier | None,
    encoder: Encoder | None,
    judged: bool,
    chosen: Selection,
    draw: Path | None,
) -> list[Explanation | None]:
    """Why each has its first label; a heat map of it where there is one alone."""
    if draw is not None and len(rows) != 1:
        raise UsageError(f"--draw draws one explanation, and {len(rows)} were labelled: name one")
    labelled = [(path, labels[0][0]) for path, labels in rows]
    if classifier is not None:
        found, unread = explained_classes(classifier, labelled)
    else:
        assert zero_shot is not None and encoder is not None
        found, unread = explained_labels(zero_shot, encoder, labelled, judged)
    chosen.skipped.extend(unread)
    if draw is not None and found[0] is not None:
        found[0].draw(draw)
    return found


def _origin(classifier: Path | None, encoder: Encoder | None) -> Origin:
    """Which model labels: a trained classifier, or an encoder by names."""
    if classifier is not None:
        return Origin(str(classifier), digest_of_folder(classifier), "folder")
    assert encoder is not None
    return Origin(encoder.name, encoder.space.fingerprint, "encoder")


def _print(
    rows: list[tuple[str, Labels]],
    chosen: Selection,
    origin: Origin | None,
    judged: bool,
    states: Sequence[str],
    explanations: Sequence[Explanation | None],
) -> None:
    if origin is None:
        because = [one.told() if one is not None else "" for one in explanations]
        output.print_labels(rows, judged=judged, because=because)
    facts = [{"path": path, "labels": dict(best), **_answers(best, judged)} for path, best in rows]
    for fact, explanation in zip(facts, explanations, strict=bool(explanations)):
        fact |= as_facts(explanation)
    _print_rest(facts, chosen, origin, states)


def _print_sets(
    fitted: ConformalLabels,
    rows: list[tuple[str, Labels]],
    chosen: Selection,
    origin: Origin | None,
    states: Sequence[str],
) -> None:
    sets = sets_of(fitted, rows)
    if origin is None:
        output.print_label_sets(rows, sets)
        output.notices.print(
            f"sets that hold the true label of {fitted.coverage:.4g} of pictures like the "
            f"{fitted.examples} examples",
            soft_wrap=True,
        )
    facts: list[dict[str, Any]] = [
        {"path": path, "set": labels, "labels": dict(best), "coverage": fitted.coverage}
        for (path, best), labels in zip(rows, sets, strict=True)
    ]
    _print_rest(facts, chosen, origin, states)


def _print_rest(
    facts: list[dict[str, Any]], chosen: Selection, origin: Origin | None, states: Sequence[str]
) -> None:
    """What follows the labels: kinds of files passed over, the facts as JSON, what was skipped."""
    if origin is None:
        output.print_ignored(chosen.ignored)
    else:
        for fact in facts:
            fact["origin"] = plain_fields(origin)
    for fact, state in zip(facts, states, strict=bool(states)):
        fact["state"] = state
    skipped = chosen.skipped
    output.print_report(Report((), [*facts, *named(skipped)], skipped), origin is not None)
    if not facts:
        raise typer.Exit(EXIT_PARTLY)


def _answers(labels: Labels, judged: bool) -> dict[str, Any]:
    if not judged:
        return {}
    answers = [{"label": x, "probability": p, "answer": answer(p)} for x, p in labels]
    return {"answers": answers}
