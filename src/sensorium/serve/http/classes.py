"""Classes that are taught by a few items."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from sensorium.collection import Labelled
from sensorium.serve import classes
from sensorium.serve.answers import Answer
from sensorium.serve.http import declared
from sensorium.serve.http.depends import Id, OpenCollection, ServedState, needs

router = APIRouter(prefix="/api/collections/{collection}/classes", tags=["classes"])

Name = Annotated[str, Path(description="Of a classifier.", max_length=64, examples=["kind"])]


class Lesson(BaseModel):
    """Items of each label."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64, examples=["kind"])
    labels: dict[
        Annotated[str, Field(max_length=200)], Annotated[list[Id], Field(max_length=2000)]
    ] = Field(min_length=2, max_length=200, examples=[{"castle": [1, 2], "animal": [3, 4]}])


@router.get(
    "", summary="What was taught", dependencies=[needs("read")], responses=declared.LISTED_CLASSES
)
def listed(collection: OpenCollection) -> Answer:
    """Names, labels, and how many examples each has."""
    return Answer({"classes": classes.listed(collection)})


@router.post(
    "",
    summary="Teach classes by examples",
    dependencies=[needs("judge")],
    responses=declared.CLASSES,
)
def teach(
    served: ServedState, collection: OpenCollection, lesson: Annotated[Lesson, Body()]
) -> Answer:
    """Trains at once; one of the same name is replaced."""
    with served.turns:
        return Answer(classes.teach(collection, lesson.name, lesson.labels))


@router.get(
    "/{name}/examples",
    summary="What it was taught by",
    dependencies=[needs("read")],
    responses=declared.EXAMPLES,
)
def examples(collection: OpenCollection, name: Name) -> Answer:
    """Ids of items by label; those that were forgotten are left out."""
    return Answer({"labels": classes.examples_of(collection, name)})


@router.get(
    "/{name}/items",
    summary="Items by what was taught",
    dependencies=[needs("read")],
    responses=declared.LABELLED,
)
def items(
    served: ServedState,
    collection: OpenCollection,
    name: Name,
    where: Annotated[str | None, Query(max_length=10_000)] = None,
    label: Annotated[
        str | None,
        Query(max_length=200, description="Only items of it, the most probable first."),
    ] = None,
    unsure: Annotated[
        bool, Query(description="With label: the least probable first, to be looked at.")
    ] = False,
    k: Annotated[int, Query(ge=1, le=200)] = 1,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Answer:
    """A page of items with their most probable labels, and how many of all have which first."""
    with served.turns:
        found = served.labels.of(collection, name)
    if where is not None:
        found = found.among(collection.ids(where))
    counts = found.counts()
    if label is not None:
        found = found.of_label(label, unsure=unsure)
    page = [
        {"id": item, "labels": dict(labels)}
        for item, labels in found.page(offset, offset + limit, k)
    ]
    return Answer({"items": page, "total": len(found.items), "counts": counts})


@router.post(
    "/{name}/classify",
    summary="Label all items for good",
    dependencies=[needs("judge")],
    responses=declared.COUNTS,
)
def classify(
    served: ServedState,
    collection: OpenCollection,
    name: Name,
    where: Annotated[str | None, Body(embed=True, max_length=10_000)] = None,
) -> Answer:
    """Each gets its label as metadata of the classifier's name: ``where=`` finds it by that."""
    with served.turns:
        found = classes.label(collection, name, where)
    return Answer({"total": len(found), "counts": _counts(found)})


@router.delete(
    "/{name}",
    summary="Forget what was taught",
    dependencies=[needs("judge")],
    responses=declared.FORGOTTEN,
)
def forget(collection: OpenCollection, name: Name) -> Answer:
    """Labels that items have by it stay."""
    classes.forget(collection, name)
    return Answer({"deleted": name})


def _counts(found: list[Labelled]) -> dict[str, int]:
    return dict(Counter(one.labels[0][0] for one in found).most_common())
