"""Captions from what a frozen encoder sees, and from what similar pictures are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.encoders.registry import load_recorded
from sensorium.errors import MissingExtraError, SpaceMismatchError, UsageError
from sensorium.folders import read_tensors, write_tensors
from sensorium.media.progress import Progress
from sensorium.tasks.captions.captioner import Candidates, Found
from sensorium.tasks.captions.consensus import consensus
from sensorium.tasks.captions.memory import Memory, keys
from sensorium.tasks.captions.visual_features import FeatureReader, Tokens, VisualFeatures
from sensorium.tasks.formats import CAPTIONER

try:
    import torch
    import transformers

    from sensorium.encoders.pretrained import load_pretrained
    from sensorium.models.captioning import FeatureCaptioner
    from sensorium.tasks.generating import Search, decoded, label_pieces, text_pieces
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

BATCH_SIZE = 32

CONTEXT_LENGTH = 96
"""Word pieces of neighbours' captions that are read."""

BETWEEN = " | "
"""Stands between the captions of two neighbours."""

FEATURES = "features.safetensors"

MEMORY = "memory.npz"

RETRIEVED = 10
"""Neighbours' captions that the best text is chosen with; Devlin et al. (2015) took more, of COCO's
hundreds of thousands."""


class FeatureCaptions:
    """A decoder that reads what a frozen encoder sees.

    Parameters
    ----------
    module : FeatureCaptioner
    tokenizer : PreTrainedTokenizer
    reader : FeatureReader
    memory : Memory, optional
        Captions of the training's pictures.
    neighbours : int
        Captions of similar pictures that the decoder sees; 0 for none.
    trust : float
        Weight of what similar pictures are called, beside what the decoder holds probable, when
        the best text is chosen (`consensus`); 0 leaves the order of beam search.
    """

    def __init__(
        self,
        module: FeatureCaptioner,
        tokenizer: Any,
        reader: FeatureReader,
        memory: Memory | None = None,
        neighbours: int = 0,
        trust: float = 0.0,
    ) -> None:
        if neighbours and memory is None:
            raise UsageError(f"{neighbours} neighbours need the captions of known pictures")
        self._module = module
        self.tokenizer = tokenizer
        self.reader = reader
        self.memory = memory
        self.neighbours = neighbours
        self.trust = trust

    @property
    def module(self) -> FeatureCaptioner:
        """See `CaptionModel.module`."""
        return self._module

    def inputs(
        self, tokens: Mapping[str, Tokens], neighbours: Sequence[Sequence[str]] | None
    ) -> dict[str, Any]:
        """Arguments of the module for pictures: features, and captions of their neighbours."""
        device = next(self._module.parameters()).device
        features = {
            source: torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)
            for source, values in tokens.items()
            if source in self._module.sources
        }
        if not neighbours or not any(neighbours):
            return {"features": features}
        texts = [BETWEEN.join(captions) for captions in neighbours]
        context, mask = text_pieces(self.tokenizer, texts, CONTEXT_LENGTH)
        return {
            "features": features, "context": context.to(device), "context_mask": mask.to(device)
        }  # fmt: skip

    def labels(self, captions: Sequence[str], max_length: int) -> torch.Tensor:
        """Word pieces of right captions."""
        labels = label_pieces(self.tokenizer, captions, self._module.seq2seq, max_length)
        return labels.to(next(self._module.parameters()).device)

    def context_of(
        self, features: VisualFeatures, groups: Sequence[str] | None = None
    ) -> list[list[str]] | None:
        """Captions of each picture's neighbours; None for a decoder that sees none."""
        if not self.neighbours or self.memory is None:
            return None
        queries = keys(features.tokens, self.memory.centres)
        found = self.memory.neighbours(queries, self.neighbours, groups)
        return [[self.memory.texts[place] for place in places] for places in found]

    def caption(
        self,
        pictures: Sequence[Any],
        names: Sequence[str],
        search: Search,
        progress: Progress | None = None,
    ) -> Found:
        """See `CaptionModel.caption`."""
        features = self.reader.read(pictures, names, progress=progress)
        candidates = self.agreed(features, self.caption_features(features, search), self.trust)
        return Found(features.rows, candidates, features.skipped)

    def agreed(self, features: VisualFeatures, candidates: Candidates, trust: float) -> Candidates:
        """Texts in the order of `consensus`, those of neighbours among them.

        Parameters
        ----------
        features : VisualFeatures
        candidates : list of list of (str, float)
            Of each picture, as `caption_features` gives them.
        trust : float
        """
        if not trust or self.memory is None:
            return candidates
        vectors = keys(features.tokens, self.memory.centres)
        near = self.memory.neighbours(vectors, RETRIEVED)
        known = self.memory.vectors
        agreed = []
        for vector, places, texts in zip(vectors, near, candidates, strict=True):
            cosines = known[places].astype(np.float32) @ vector
            retrieved = [
                (self.memory.texts[place], float(one))
                for place, one in zip(places, cosines, strict=True)
            ]
            # Beam search ranks by the mean over word pieces, which is no probability.
            generated = [(text, score * (len(text.split()) + 1)) for text, score in texts]
            agreed.append(consensus(generated, retrieved, trust))
        return agreed

    def caption_features(
        self,
        features: VisualFeatures,
        search: Search,
        *,
        context: Sequence[Sequence[str]] | None = None,
    ) -> Candidates:
        """Caption pictures whose features are read already.

        Parameters
        ----------
        features : VisualFeatures
        search : Search
        context : sequence of sequences of str, optional
            Captions of neighbours, where they are known already.
        """
        count = len(features.rows)
        if context is None:
            context = self.context_of(features)
        candidates: Candidates = []
        self._module.eval()
        for start in range(0, count, BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, count))
            near = None if context is None else [context[int(row)] for row in rows]
            with torch.inference_mode():
                found = self._module.generate(
                    **self.inputs(features.take(rows), near), **search.options(search.beams)
                )
            candidates += decoded(self.tokenizer, found, search.beams)
        return candidates

    def save(self, folder: Path) -> dict[str, Any]:
        """See `CaptionModel.save`."""
        self._module.seq2seq.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        weights = self._module.state_dict()
        own = {name: weights[name] for name in weights if not name.startswith("seq2seq.")}
        write_tensors(folder / FEATURES, own)
        if self.memory is not None:
            self.memory.save(folder / MEMORY)
        return {
            "reads": "features",
            "encoder": self.reader.name,
            "fingerprint": self.reader.encoder.space.fingerprint,
            "sources": self._module.sources,
            "neighbours": self.neighbours,
            "trust": self.trust,
        }

    @classmethod
    def load(cls, folder: Path, description: Mapping[str, Any]) -> FeatureCaptions:
        """Load what `save` wrote.

        Parameters
        ----------
        folder : Path
        description : mapping
            What ``captioner.json`` says.

        Raises
        ------
        SpaceMismatchError
            When the encoder it was trained on is another one now.
        UsageError
            When a file is missing or damaged.
        """
        with CAPTIONER.reading(folder):
            tokenizer = load_pretrained(transformers.AutoTokenizer, folder)
            seq2seq = load_pretrained(
                transformers.AutoModelForSeq2SeqLM, folder, use_safetensors=True
            )
            sources = {name: (int(n), int(w)) for name, (n, w) in description["sources"].items()}
            module = FeatureCaptioner(seq2seq, sources)
            found = module.load_state_dict(read_tensors(folder / FEATURES), strict=False)
            lacking = [name for name in found.missing_keys if not name.startswith("seq2seq.")]
            if strange := [*found.unexpected_keys, *lacking]:
                raise UsageError(f"{folder}: {FEATURES} does not fit ({strange[0]})")
            name, neighbours = str(description["encoder"]), int(description["neighbours"])
            fingerprint, trust = description["fingerprint"], float(description["trust"])
        encoder = load_recorded(name, folder)
        if encoder.space.fingerprint != fingerprint:
            raise SpaceMismatchError(
                f"{folder}: was trained on the space {fingerprint} of {name}, which is now "
                f"{encoder.space.fingerprint}: train it again"
            )
        reader = FeatureReader(encoder, name, spatial=len(sources) > 1)
        if reader.shapes != sources:
            raise UsageError(
                f"{folder}: was trained on the features {sources}, and {name} gives "
                f"{reader.shapes} with this runtime: set SENSORIUM_RUNTIME=openvino"
            )
        memory = Memory.load(folder / MEMORY) if neighbours or trust else None
        return cls(module.eval(), tokenizer, reader, memory, neighbours, trust)
