"""Which files of a hub's repository loading a model needs: one format of weights, no pickles.

Repositories hold the same weights many times: for torch, TensorFlow, Flax, ONNX, in several
precisions. One set of them is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath

WEIGHTS = re.compile(r"(adapter_)?model(-\d{5}-of-\d{5})?\.safetensors")
"""Names under which Transformers and sentence-transformers look for weights; others are variants
("model.fp16.safetensors") or the same in another order ("consolidated.safetensors")."""

BESIDE = (".json", ".txt", ".model", ".spm", ".jinja", ".tiktoken", ".bpe", ".codes", ".yaml")
"""Endings of configurations, word pieces and templates."""

ELSEWHERE = re.compile(
    r"(\.|__|checkpoint-).*|coreml|openvino|tflite|flax|gguf|original|metal|runs|logs|eval"
)
"""Folders with other formats of the same model, and of what its training left."""

LEFT_OUT = {"trainer_state.json", "optimizer.json", "requirements.txt", "LICENSE.txt"}

CTRANSLATE2 = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json")
"""Files of a Whisper of CTranslate2, beside its "vocabulary.*"; its model.bin is no pickle."""

KINDS = (
    re.compile(r"config\.json|modules\.json|adapter_config\.json"),
    re.compile(r"(tokenizer|vocab|merges|spiece|source|target|sentencepiece).*"),
    re.compile(r"(pre)?processor_config\.json"),
)
"""Files of which a model that has any needs one: what it is, its word pieces, how pictures and
sounds are prepared."""

LESSER = re.compile(r"[._-](u?int\d+|fp16|bf16|q\d+\w*|quantized|bnb4)(?=[._-]|$)")
"""In names of ONNX files: those of lower precision."""


def needed(files: Collection[str]) -> list[str]:
    """Choose the files that loading a model needs, weights last.

    Parameters
    ----------
    files : collection of str
        All files of a repository.

    Returns
    -------
    list of str
        Empty where there are no weights that are read here: only pickles, say.
    """
    weights = _safetensors(files)
    if weights:
        beside = [file for file in files if _is_beside(file) and not file.startswith("onnx/")]
        return sorted(beside) + sorted(weights)
    if "model.bin" in files and any(file.startswith("vocabulary.") for file in files):
        return sorted(f for f in files if f in CTRANSLATE2 or f.startswith("vocabulary."))
    graphs = _graphs(files)
    beside = [file for file in files if _is_beside(file)]
    return sorted(beside) + sorted(graphs) if graphs else []


def lacks_some(listed: Collection[str], here: Collection[str]) -> bool:
    """Whether of a model's files some are missing without which it is another one, or none.

    Other programs fetch what they read: never all files, but all weights, and of each kind in
    `KINDS` one at least.

    Parameters
    ----------
    listed : collection of str
        What `needed` chose of a repository.
    here : collection of str
    """
    beside = {file for file in listed if PurePosixPath(file).suffix in BESIDE}
    if not {*listed} - beside <= {*here}:
        return True
    for kind in KINDS:
        wanted = {file for file in beside if kind.fullmatch(PurePosixPath(file).name)}
        if wanted and not wanted & {*here}:
            return True
    return False


def _is_beside(file: str) -> bool:
    path = PurePosixPath(file)
    return path.suffix in BESIDE and path.name not in LEFT_OUT and not _is_elsewhere(path)


def _is_elsewhere(path: PurePosixPath) -> bool:
    return any(ELSEWHERE.fullmatch(part) for part in path.parts[:-1]) or path.name.startswith(".")


def _safetensors(files: Collection[str]) -> list[str]:
    """Weights in safetensors; whole ones rather than the same in parts."""
    found = [PurePosixPath(file) for file in files]
    found = [p for p in found if WEIGHTS.fullmatch(p.name) and not _is_elsewhere(p)]
    whole = {path.parent for path in found if path.name == "model.safetensors"}
    return [
        str(path)
        for path in found
        if not (path.parent in whole and path.name.startswith("model-")) and path.parts[0] != "onnx"
    ]


def _graphs(files: Collection[str]) -> list[str]:
    """ONNX files in full precision, with the data beside them."""
    graphs = [PurePosixPath(file) for file in files if file.endswith(".onnx")]
    graphs = [path for path in graphs if not LESSER.search(path.stem) and not _is_elsewhere(path)]
    merged = {p.parent for p in graphs if p.stem == "decoder_model_merged"}
    chosen = {
        str(path)
        for path in graphs
        if not (path.parent in merged and path.stem in ("decoder_model", "decoder_with_past_model"))
    }
    data = [f for f in files if re.sub(r"[._]data(_\d+)?$", "", f) in chosen and f not in chosen]
    return [*chosen, *data]
