"""Building the index that suits a collection, and building it again when it has fallen behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from sensorium.collection.derived import (
    DamagedIndexError,
    folder_of,
    read_index,
    read_queries,
    remove_slot,
    sample_of,
    write_index,
    written,
)
from sensorium.collection.four_bits import KIND as FOUR_BITS
from sensorium.collection.four_bits import LEAST_ROWS, compare_everything, write_codes
from sensorium.collection.four_bits import SLOT as CODES
from sensorium.collection.queries import query_vectors
from sensorium.collection.store import Store, modalities_of
from sensorium.encoders import Encoder, Space
from sensorium.errors import UsageError
from sensorium.folders import write_json
from sensorium.index.base import Index, Vectors
from sensorium.index.codes import Coder
from sensorium.index.kinds import KINDS, build_index
from sensorium.index.learned import METHOD as LEARNED
from sensorium.index.learned import LearnedCoder
from sensorium.index.tuning import (
    EVERYTHING,
    Build,
    Masks,
    Measured,
    candidates,
    choose,
    measure,
    tune,
)
from sensorium.media import Media, Modality, Text, as_media

RECALL = 0.98
"""Share of the true ten nearest that an index must find, unless told otherwise."""

SAMPLE_ROWS = 50_000
"""Vectors that kinds of index are compared on; the chosen one is tuned on all."""

LEAST_QUESTIONS = 20

LEAST_LEARNT = 100
"""Questions of which every other one is learnt from, and no longer measured with."""

QUERIES = 200
"""Queries of each group that recall is measured with: the second digit is sure, the third not."""

AUTO_ROWS = 300_000
"""Vectors from which on looking at all takes longer than the budget of a search allows."""

STALE_SHARE = 0.2
"""An index is built again when this share of the collection is outside of it, or gone from it."""

STALE_ROWS = 20_000
"""Fewer vectors than this are compared in about 2 ms: no reason to build anything again."""

SUBJECTS = (
    "a cat", "a dog", "children", "a red car", "a birthday cake", "mountains", "a woman", "a ship",
    "a bowl of soup", "two people talking", "a yellow flower", "an old building", "a bicycle",
    "a map", "a bird", "a tree", "a musician", "a horse", "a computer", "an insect",
)  # fmt: skip
PLACES = (
    "{}", "{} in the snow", "{} at night", "{} on a table", "{} at the beach", "{} in a city",
    "a drawing of {}", "{} seen from above", "an old photograph of {}", "{} and the sky",
)  # fmt: skip
SUBJECTS_ZH = (
    "一只猫", "一条狗", "孩子们", "红色的汽车", "生日蛋糕", "高山", "一位女士", "船", "一碗汤",
    "花", "老建筑", "自行车", "地图", "鸟", "一棵树", "一匹马",
)  # fmt: skip
PLACES_ZH = ("{}", "雪地里的{}", "夜晚的{}", "桌上的{}", "海边的{}", "{}的图画", "城市里的{}")
"""Parts of questions that people ask of any collection; where its own captions are too few."""

CAPTION_FIELDS = ("caption", "caption_en", "caption_zh", "title", "description", "text", "alt")
"""Names that captions have in manifests and in the collections of others."""

TRAINED = "learned.npz"
"""A trained hash function, with all of its bits, among the index files. It is no index: it stays
when codes are made anew."""

TABLE = "lance"
"""The kind of index that a table of Lance keeps itself; see `lance_optimizing`."""

HASH_BITS = 256

Tell = Callable[[str], None]


@dataclass(frozen=True)
class OptimizeReport:
    """What `Collection.optimize` did.

    Attributes
    ----------
    kind : str
        The index that was chosen.
    chosen : Measured
        As it serves all vectors now.
    curve : list of Measured
        What it was chosen from, on a sample of the vectors where there are many.
    recall : float
        That was asked for.
    vectors : int
    seconds : float
    """

    kind: str
    chosen: Measured
    curve: list[Measured]
    recall: float
    vectors: int
    seconds: float


def optimize(
    store: Store,
    encoder: Encoder,
    *,
    recall: float = RECALL,
    kind: str | None = None,
    questions: Sequence[Any] | None = None,
    tell: Tell = lambda _: None,
) -> OptimizeReport:
    """See `Collection.optimize`."""
    if not 0 < recall <= 1:
        raise UsageError(f"recall is a share between 0 and 1, got {recall!r}")
    known = [name for name in KINDS if name != "hash"]  # made by `build_hash`, beside the others
    if kind is not None and kind not in (*known, TABLE):
        raise UsageError(f"unknown index {kind!r}; known: {', '.join((*known, TABLE))}")
    asked = [as_media(question) for question in questions or ()]
    if questions is not None and len(asked) < LEAST_QUESTIONS:
        raise UsageError(f"{LEAST_QUESTIONS} questions at least tell a recall, got {len(asked)}")
    if kind == TABLE or (kind is None and store.keeps_index(encoder.space)):
        return _in_table(store, encoder, recall, asked, tell)
    started = time.perf_counter()
    store.tidy()
    ids, vectors, state = _read(store, encoder.space.dimension)
    queries = questions_for(store, encoder, ids[1], vectors, asked)
    learnt, asked_of = _parted(queries)
    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(len(vectors))[:SAMPLE_ROWS])
    sample = vectors[rows] if len(rows) < len(vectors) else vectors
    masks = kinds_among(store, ids[0])
    of_sample = [mask if mask is None else mask[rows] for mask in masks]
    of_sample = [mask for mask in of_sample if mask is None or mask.any()]
    kinds = [
        pair
        for pair in candidates(len(sample))
        if (kind is None or pair[0] in (kind, "exact"))
        and (pair[0] != FOUR_BITS or store.finds_vectors)
    ]
    if not len(vectors) or not queries:
        kinds = []
    curve: list[Measured] = []
    for pair in kinds:
        if pair[0] == "hnsw" and kind is None and _suffices("ivf", curve, recall):
            continue  # a graph takes ten times as long to build, and more memory to be asked
        tell(f"measuring {pair[0]} {pair[1].get('refine', '')}".strip())
        curve.extend(measure(sample, asked_of, recall, _learning(learnt), [pair], of_sample))
    remaining = [point for point in curve if kind is None or point.kind == kind] or curve
    chosen = None
    while remaining and chosen is None:
        try:
            best = choose(remaining, recall, len(vectors))
        except ValueError:
            break
        if best.kind == "exact":
            break
        tell(f"building {best.kind} over {len(vectors):,} vectors")
        built, found = _build(vectors, best.kind, best.parameters, queries, recall, masks)
        # On many more vectors than the sample's the same kind may find less.
        if found.recall >= recall and best.kind == FOUR_BITS:
            chosen = found
            remove_slot(store.path, "vectors")
            write_codes(store, encoder.space, anew=True, measured={"recall": found.recall})
        elif found.recall >= recall:
            chosen = found
            _write(
                store, encoder.space.fingerprint, built, ids, state, chosen, curve, queries, recall
            )
            remove_slot(store.path, CODES)
        remaining = [p for p in remaining if _family(p) != _family(best)]
    if chosen is None:
        chosen = _exact(vectors, queries, recall, masks, curve)
        remove_slot(store.path, "vectors")
        remove_slot(store.path, CODES)
    is_exact = chosen.kind == "exact" and (kind == "exact" or len(vectors) >= LEAST_ROWS)
    compare_everything(store.path, is_exact)
    if kind == "exact":
        store.drop_index()
    report = OptimizeReport(
        kind=chosen.kind, chosen=chosen, curve=curve, recall=recall,
        vectors=len(vectors), seconds=time.perf_counter() - started,
    )  # fmt: skip
    _keep(store, report)
    return report


def _in_table(
    store: Store, encoder: Encoder, recall: float, asked: Sequence[Media], tell: Tell
) -> OptimizeReport:
    """See `lance_optimizing.optimize_table`; what this machine had is no longer asked."""
    if store.table_uri is None:
        raise UsageError(
            f"{store.path} is a file of SQLite: the index {TABLE!r} is one of collections in Lance"
        )
    from sensorium.collection.lance_optimizing import optimize_table

    report = optimize_table(store, encoder, recall, asked, tell)  # type: ignore[arg-type]
    for slot in ("vectors", CODES):
        remove_slot(store.path, slot)
    compare_everything(store.path, report.kind == "exact")
    _keep(store, report)
    return report


def build_hash(
    store: Store,
    encoder: Encoder,
    *,
    bits: int = HASH_BITS,
    method: str | None = None,
    rerank: int = 500,
    coder: Coder | None = None,
) -> None:
    """See `Collection.hash`; without a method, a trained hash function is taken if there is one."""
    from sensorium.index.coding import HashCoder  # FAISS is not imported by who needs no index
    from sensorium.index.hash import HashIndex

    ids, vectors, state = _read(store, encoder.space.dimension)
    if not len(vectors):
        raise UsageError(f"{store.path} holds no vectors yet: add some before they are hashed")
    modalities = modalities_of(store, ids[0])
    if coder is None and method in (None, LEARNED):
        coder = _trained_coder(store.path, encoder.space, bits, required=method is not None)
    if isinstance(coder, LearnedCoder) and coder.space not in ("", encoder.space.fingerprint):
        raise UsageError(
            f"the hash function was trained in the space {coder.space}, and {store.path} is in "
            f"{encoder.space}; train one on this collection: sensorium train hash"
        )
    if coder is None:
        parts = {name: vectors[modalities == name] for name in np.unique(modalities).tolist()}
        if Modality.TEXT in encoder.space.modalities and Modality.TEXT not in parts:
            parts[Modality.TEXT.value] = questions_for(store, encoder, ids[1], vectors)[0]
        usual = "itq" if bits <= encoder.space.dimension else "lsh"
        coder = HashCoder.fit(parts, bits=bits, method=method or usual)
    index = HashIndex.build(
        vectors, coder=coder, modality=modalities.tolist(), rerank=rerank, keep="sq8"
    )
    facts = {
        **state,
        "space": encoder.space.fingerprint,
        "kind": index.kind,
        "parameters": index.describe()["parameters"],
    }
    write_index(store.path, "hash", index, ids, facts)


def write_trained(collection: Path, coder: LearnedCoder) -> None:
    """Keep a trained hash function beside a collection."""
    folder = folder_of(collection)
    with written(folder):
        coder.save(folder / TRAINED)


def _trained_coder(
    collection: Path, space: Space, bits: int, *, required: bool
) -> LearnedCoder | None:
    path = folder_of(collection) / TRAINED
    mend = "train one: sensorium train hash"
    if not path.exists():
        if required:
            raise UsageError(f"no hash function was trained on {collection}; {mend}")
        return None
    try:
        coder = LearnedCoder.load(path)
    except (OSError, ValueError, KeyError, BadZipFile, UsageError) as error:
        if required:
            raise UsageError(f"{path} cannot be read ({error}); {mend}") from error
        return None
    if not required and coder.space not in ("", space.fingerprint):
        return None
    return coder.shorten(bits if required else min(bits, coder.bits))


def rebuild(store: Store, space: Space) -> bool:
    """Build the stored kind of index again, over what is there now.

    Returns
    -------
    bool
        False when there is no usable index whose kind could be taken.
    """
    try:
        old = read_index(store.path, "vectors", space.fingerprint)
    except DamagedIndexError:
        return False
    if old is None:
        return False
    ids, vectors, state = _read(store, space.dimension)
    queries = read_queries(old)
    recall = old.state["wanted"]
    built, chosen = _build(
        vectors,
        old.state["kind"],
        old.state["parameters"],
        queries,
        recall,
        kinds_among(store, ids[0]),
    )
    curve = [Measured(**point) for point in old.state["curve"]]
    _write(store, space.fingerprint, built, ids, state, chosen, curve, queries, recall)
    return True


def is_stale(in_index: int, dead: int, outside: int) -> bool:
    """Whether an index has fallen so far behind that building it again pays."""
    if not in_index:
        return outside >= AUTO_ROWS
    return max(outside, dead) > max(STALE_ROWS, STALE_SHARE * in_index)


def _exact(
    vectors: Vectors,
    queries: Sequence[Vectors],
    recall: float,
    masks: Masks,
    curve: Sequence[Measured],
) -> Measured:
    """Comparing all vectors, as it was measured; where it was on a sample alone, measured now."""
    if not curve:  # nothing to measure, or nothing to measure with
        return Measured("exact", {}, 1.0, 0.0, 4.0 * vectors.shape[1], 0.0, len(vectors))
    for point in curve:
        if point.kind == "exact" and point.vectors == len(vectors):
            return point
    index = build_index(vectors, {"kind": "exact"})
    return tune(index, vectors, queries, recall, masks=masks)[-1]


def kinds_among(store: Store, segment_ids: npt.NDArray[np.int64]) -> Masks:
    """Rows of each modality, which a search asks one after the other."""
    names = store.state().modalities
    if len(names) < 2 or not len(segment_ids):
        return EVERYTHING
    modalities = modalities_of(store, segment_ids)
    return [mask for name in names if (mask := modalities == name).any()]


def _suffices(kind: str, curve: Sequence[Measured], recall: float) -> bool:
    return any(point.kind == kind and point.recall >= recall for point in curve)


def _family(point: Measured) -> tuple[str, Any]:
    return point.kind, point.parameters.get("refine")


def _read(
    store: Store, dimension: int
) -> tuple[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], Vectors, dict[str, Any]]:
    with store.snapshot():
        state: dict[str, Any] = {
            "changes": store.state().changes.total,
            "removed": store.removed(0)[1],
        }
        segment_ids, item_ids, vectors = store.vectors(dimension)
        state["last_segment"] = int(segment_ids[-1]) if len(segment_ids) else 0
        state["sample"] = sample_of(segment_ids, vectors)
    return (segment_ids, item_ids), vectors, state


def _build(
    vectors: Vectors,
    kind: str,
    parameters: dict[str, Any],
    queries: Sequence[Vectors],
    recall: float,
    masks: Masks,
) -> tuple[Index, Measured]:
    # Lists and dials follow from the number of vectors; only what they hold is carried over.
    kept = {name: value for name, value in parameters.items() if name in ("refine", "links")}
    learnt, queries = _parted(queries)
    started = time.perf_counter()
    index = _learning(learnt)(vectors, {"kind": kind, **kept})
    seconds = time.perf_counter() - started
    return index, tune(index, vectors, queries, recall, seconds=seconds, masks=masks)[-1]


def _parted(queries: Sequence[Vectors]) -> tuple[list[Vectors], list[Vectors]]:
    """Questions that an index learns from, and others that its recall is measured with."""
    if not queries or len(queries[0]) < LEAST_LEARNT:
        return [], [*queries]
    return [queries[0][::2]], [queries[0][1::2], *queries[1:]]


def _learning(questions: Sequence[Vectors]) -> Build:
    """`build_index` for kinds that learn what is asked."""

    def build(vectors: Vectors, parameters: Mapping[str, Any]) -> Index:
        learnt = {"questions": questions} if parameters["kind"] == "ivf" else {}
        return build_index(vectors, {**parameters, **learnt})

    return build


def _write(
    store: Store,
    space: str,
    index: Index,
    ids: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    state: dict[str, Any],
    chosen: Measured,
    curve: Sequence[Measured],
    queries: Sequence[Vectors],
    recall: float,
) -> None:
    facts = {
        **state,
        "space": space,
        "kind": chosen.kind,
        "parameters": chosen.parameters,
        "recall": chosen.recall,
        "wanted": recall,
        "curve": [asdict(point) for point in curve],
    }
    write_index(store.path, "vectors", index, ids, facts, queries)
    store.forget_removed(state["removed"])


def _keep(store: Store, report: OptimizeReport) -> None:
    folder = folder_of(store.path)
    with written(folder):
        write_json(folder / "report.json", report)


def made_up_questions(seed: int = 0) -> list[str]:
    """Questions that people ask of any collection."""
    return _phrases(np.random.default_rng(seed))


def _phrases(rng: np.random.Generator) -> list[str]:
    """Questions of any collection, two of English to one of Chinese."""
    english = [place.format(subject) for subject in SUBJECTS for place in PLACES]
    chinese = [place.format(subject) for subject in SUBJECTS_ZH for place in PLACES_ZH]
    mixed = [*rng.permutation(english)[:140].tolist(), *rng.permutation(chinese)[:60].tolist()]
    return [str(text) for text in rng.permutation(mixed)]


def _captions(store: Store, item_ids: npt.NDArray[np.int64]) -> list[str]:
    """Captions of the first of some items that have any, each once."""
    texts: dict[str, None] = {}
    for item in store.items(item_ids[: 4 * QUERIES].tolist()).values():
        for name in CAPTION_FIELDS:
            text = item.metadata.get(name)
            if isinstance(text, str) and text.strip():
                texts.setdefault(text.strip())
                break
    return list(texts)[:QUERIES]


def questions_for(
    store: Store,
    encoder: Encoder,
    item_ids: npt.NDArray[np.int64],
    vectors: Vectors,
    asked: Sequence[Media] = (),
) -> list[Vectors]:
    """Groups of queries like those that will be asked: texts, and media near those that are there.

    Unless questions are given, texts are the collection's own captions, made-up ones where they are
    few. A stored vector
    itself would be found too easily; half way to another one it is a picture that is not there.
    """
    groups = []
    rng = np.random.default_rng(0)
    if asked:
        groups.append(query_vectors(encoder, asked))
    elif Modality.TEXT in encoder.space.modalities:
        texts = _captions(store, rng.permutation(np.unique(item_ids)))
        texts += _phrases(rng)[: max(0, QUERIES - len(texts))]
        groups.append(query_vectors(encoder, [Text(text) for text in texts]))
    if len(vectors) > 1:
        first, second = rng.integers(0, len(vectors), (2, QUERIES))
        mixed = 0.7 * vectors[first] + 0.3 * vectors[second]
        lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
        groups.append((mixed / np.maximum(lengths, 1e-12)).astype(np.float32))
    return groups
