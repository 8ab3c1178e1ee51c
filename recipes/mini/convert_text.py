"""Step 2: multilingual-e5-small as an ONNX graph, from token ids to a mean-pooled unit vector.

Wang et al., "Multilingual E5 Text Embeddings" (arXiv 2402.05672): a 12-layer BERT encoder, masked
mean pooling, L2 normalisation, and the prefix "query: ". The 4-bit blocks of the source are stored
as they are: matrices as blocked INT4 tensors, the token table as packed bytes of which only the
rows that a text uses are ever unpacked.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from recipes.mini.e5 import BLOCK, E5
from recipes.mini.graph import Graph

PREFIX = "query: "  # E5 was trained with it on both sides of symmetric tasks
MAX_TOKENS = 128  # captions and questions; the source allows 512
SPACE = "\u2581"  # SentencePiece's mark of a word's beginning
MASKED = -1e4  # added to attention scores of padding: exp() of it is 0 in every precision
COMMON_PIECES = 40_000  # most frequent pieces kept beside those in use (README.md has the curve)
# The scripts of the 28 languages that emoji are labelled in.
SCRIPTS = ("LATIN", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "DEVANAGARI",
           "BENGALI")  # fmt: skip


def keep_pieces(e5: E5, texts: list[str], common: int = COMMON_PIECES) -> NDArray[np.int64]:
    """Choose the vocabulary.

    A unigram tokenizer falls back to shorter pieces by itself, so a smaller vocabulary costs
    precision on rare words but never meets a character that it does not know.

    Parameters
    ----------
    e5
        The checkpoint.
    texts
        Texts whose pieces stay.
    common
        How many of the most frequent pieces in served scripts stay beside them (the scores are
        log frequencies).

    Returns
    -------
    ndarray
        The ids to keep, ascending.
    """
    whole = tokenizer(e5, np.arange(len(e5.pieces)))
    whole.no_padding()
    special = {e5.bos, e5.eos, e5.pad, e5.unk}
    ranked = (int(i) for i in np.argsort(-e5.scores, kind="stable"))
    served = [i for i in ranked if i not in special and _in_served_script(e5.pieces[i])]
    kept = special | set(served[:common])
    for encoding in whole.encode_batch([PREFIX + text for text in texts]):
        kept.update(encoding.ids)
    kept.update(i for i, piece in enumerate(e5.pieces) if len(piece.removeprefix(SPACE)) <= 1)
    return np.array(sorted(kept))


def _in_served_script(piece: str) -> bool:
    letters = (unicodedata.name(c, "") for c in piece if c.isalpha())
    return all(name.startswith(SCRIPTS) for name in letters)


def tokenizer(e5: E5, kept: NDArray[np.int64]) -> Tokenizer:
    """Build the tokenizer over the kept pieces; ids are positions in `kept`.

    Every input gets the prefix from the caller, the marks of beginning and end from here, and is
    cut to `MAX_TOKENS`.
    """
    position = {int(index): i for i, index in enumerate(kept)}
    vocabulary = [(e5.pieces[i], float(e5.scores[i])) for i in kept]
    result = Tokenizer(models.Unigram(vocabulary, unk_id=position[e5.unk], byte_fallback=False))
    removed = [chr(c) for c, to in e5.character_map.items() if not to]
    spaces = [chr(c) for c, to in e5.character_map.items() if to == (32,)]
    # What else the source's character map does is Unicode's NFKC, with few exceptions.
    steps: list[normalizers.Normalizer] = []
    if removed:
        steps.append(normalizers.Replace(Regex(_any_of(removed)), ""))
    if spaces:
        steps.append(normalizers.Replace(Regex(_any_of(spaces)), " "))
    for point, to in e5.character_map.items():
        text = "".join(map(chr, to))
        if text not in ("", " ") and text != unicodedata.normalize("NFKC", chr(point)):
            steps.append(normalizers.Replace(chr(point), text))
    steps += [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    result.normalizer = normalizers.Sequence(steps)
    result.pre_tokenizer = pre_tokenizers.Metaspace(
        replacement=SPACE, prepend_scheme="always", split=False
    )
    begin, end = e5.pieces[e5.bos], e5.pieces[e5.eos]
    result.add_special_tokens([e5.pieces[i] for i in (e5.bos, e5.eos, e5.pad, e5.unk)])
    result.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        special_tokens=[(begin, position[e5.bos]), (end, position[e5.eos])],
    )
    result.enable_truncation(MAX_TOKENS)
    result.enable_padding(pad_id=position[e5.pad], pad_token=e5.pieces[e5.pad])
    return result


def _any_of(characters: list[str]) -> str:
    return "[" + "".join(f"\\x{{{ord(c):X}}}" for c in characters) + "]"


def add_sentence(graph: Graph, e5: E5, kept: NDArray[np.int64]) -> str:
    """Write the tower into `graph`.

    Returns the name of the sentence vectors, float32 (batch, 384), unit length.
    """
    ids = graph.input("input_ids", TensorProto.INT64, ["batch", "tokens"])
    mask = graph.input("attention_mask", TensorProto.INT64, ["batch", "tokens"])
    weight = graph.add("Cast", mask, to=TensorProto.FLOAT)
    one = graph.constant(1, "float32")
    bias = graph.add("Mul", graph.add("Sub", one, weight), graph.constant(MASKED, "float32"))
    bias = graph.add("Unsqueeze", bias, graph.constant([1, 2], "int64"))
    value = _layer_norm(graph, e5, _embeddings(graph, e5, kept, ids), "emb.ln")
    for layer in range(e5.layers):
        value = _layer(graph, e5, value, bias, f"l{layer}")
    weight = graph.add("Unsqueeze", weight, graph.constant([2], "int64"))
    tokens = graph.constant([1], "int64")
    total = graph.add("ReduceSum", graph.add("Mul", value, weight), tokens, keepdims=0)
    mean = graph.add("Div", total, graph.add("ReduceSum", weight, tokens, keepdims=0))
    return graph.unit(mean)


def _embeddings(graph: Graph, e5: E5, kept: NDArray[np.int64], ids: str) -> str:
    """Look up packed rows, unpack them, and add positions and the single token type."""
    table = e5.q4["emb.word"]
    blocks = e5.hidden // BLOCK
    nibbles = graph.constant(table.nibbles[kept].reshape(len(kept), -1), "uint8")
    nibbles = graph.add("Gather", nibbles, ids)
    shape = graph.constant([0, 0, blocks, BLOCK // 2], "int64")
    nibbles = graph.add("Reshape", nibbles, shape)
    scales = graph.add("Gather", graph.constant(table.scales[kept], "float16"), ids)
    scales = graph.add("Unsqueeze", scales, graph.constant([3], "int64"))
    # Arithmetic, because OpenVINO 2026.4 computes BitShift and BitwiseAnd of bytes wrongly.
    packed = graph.add("Cast", nibbles, to=TensorProto.FLOAT)
    sixteen = graph.constant(16, "float32")
    high = graph.add("Floor", graph.add("Div", packed, sixteen))
    low = graph.add("Sub", packed, graph.add("Mul", high, sixteen))
    values = graph.add("Concat", low, high, axis=3)
    values = graph.add("Sub", values, graph.constant(8, "float32"))
    values = graph.add("Mul", values, graph.add("Cast", scales, to=TensorProto.FLOAT))
    values = graph.add("Reshape", values, graph.constant([0, 0, e5.hidden], "int64"))
    table_of_positions = e5.dense["emb.pos"].reshape(-1, e5.hidden)[:MAX_TOKENS]
    positions = graph.half(table_of_positions + e5.dense["emb.type"][: e5.hidden])
    length = graph.add("Shape", ids, start=1, end=2)
    zero = graph.constant([0], "int64")
    return graph.add("Add", values, graph.add("Slice", positions, zero, length, zero))


def _layer_norm(graph: Graph, e5: E5, value: str, name: str) -> str:
    gain = graph.constant(e5.dense[f"{name}.w"], "float32")
    bias = graph.constant(e5.dense[f"{name}.b"], "float32")
    return graph.add("LayerNormalization", value, gain, bias, axis=-1, epsilon=e5.epsilon)


def _linear(graph: Graph, e5: E5, value: str, *names: str) -> str:
    """Multiply by one or several 4-bit matrices side by side and add their biases."""
    integers = np.concatenate([e5.q4[f"{n}.w"].integers() for n in names]).T
    scales = np.concatenate([e5.q4[f"{n}.w"].scales for n in names]).T
    matrix = graph.int4(integers, scales, BLOCK)
    bias = np.concatenate([e5.dense[f"{n}.b"] for n in names])
    value = graph.add("MatMul", value, matrix)
    return graph.add("Add", value, graph.constant(bias, "float32"))


def _layer(graph: Graph, e5: E5, value: str, bias: str, name: str) -> str:
    """One post-norm transformer layer."""
    width = e5.hidden // e5.heads
    shape = graph.constant([0, 0, e5.heads, width], "int64")
    joined = _linear(graph, e5, value, f"{name}.q", f"{name}.k", f"{name}.v")
    query, key, content = [graph.add("Reshape", p, shape) for p in graph.split(joined, 3)]
    query = graph.add("Transpose", query, perm=[0, 2, 1, 3])
    key = graph.add("Transpose", key, perm=[0, 2, 3, 1])
    content = graph.add("Transpose", content, perm=[0, 2, 1, 3])
    scores = graph.add("MatMul", query, key)
    scores = graph.add("Mul", scores, graph.constant(width**-0.5, "float32"))
    attention = graph.add("Softmax", graph.add("Add", scores, bias), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", attention, content), perm=[0, 2, 1, 3])
    mixed = graph.add("Reshape", mixed, graph.constant([0, 0, e5.hidden], "int64"))
    value = graph.add("Add", value, _linear(graph, e5, mixed, f"{name}.ao"))
    value = _layer_norm(graph, e5, value, f"{name}.aln")
    inner = graph.add("Gelu", _linear(graph, e5, value, f"{name}.fi"))
    value = graph.add("Add", value, _linear(graph, e5, inner, f"{name}.fo"))
    return _layer_norm(graph, e5, value, f"{name}.oln")
