"""The two published towers by themselves, to train with: `python -m recipes.mini.towers FOLDER`.

    FOLDER/imagenet   EfficientNet-Lite0 up to its pooled features, as an encoder's folder
    FOLDER/e5         multilingual-e5-small, as an encoder's folder
    FOLDER/e5-torch   the same weights as a BertModel of Transformers, which can be tuned
                      (--torch)

Each folder is an encoder by itself (`load_encoder("FOLDER/e5")`). Their spaces have nothing in
common; `sensorium train contrastive` brings them together.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from recipes.mini import convert_image, convert_text, e5
from recipes.mini.export import backbones
from recipes.mini.features import FIT
from recipes.mini.sources import IMAGE_WEIGHTS, TEXT_WEIGHTS, Source

#: E5's own (Wang et al. 2024, section 2).
TEMPERATURE = 0.01

LAYERS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def write_folders(folder: Path) -> tuple[Path, Path]:
    """Write both towers as encoder folders; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = e5.read(TEXT_WEIGHTS.path())
    kept = np.arange(len(checkpoint.pieces))
    features, sentence = backbones(folder, convert_image.read_weights(), checkpoint, kept)
    image, text = folder / "imagenet", folder / "e5"
    for target in (image, text):
        target.mkdir(exist_ok=True)
    _keep_only_output(features, "features", image / "image.onnx")
    sentence.replace(text / "text.onnx")
    features.unlink()
    convert_text.tokenizer(checkpoint, kept).save(str(text / "tokenizer.json"), pretty=False)
    picture = {
        "model": "image.onnx",
        "size": convert_image.SIZE,
        "fit": FIT,
        "resample": "bicubic",
        "precision": "f32",
    }
    words = {
        "model": "text.onnx",
        "tokenizer": "tokenizer.json",
        "max_tokens": convert_text.MAX_TOKENS,
        "prefix": convert_text.PREFIX,
    }
    _describe(image, convert_image.FEATURES, {"image": picture}, IMAGE_WEIGHTS, "Apache-2.0")
    _describe(text, checkpoint.hidden, {"text": words}, TEXT_WEIGHTS, "MIT")
    return image, text


def _describe(
    folder: Path, dimension: int, tower: dict[str, Any], source: Source, license_: str
) -> None:
    config = {
        "format": 1,
        "name": folder.name,
        "dimension": dimension,
        "temperature": TEMPERATURE,
        **tower,
        "prompts": ["{}"],
        "license": license_,
        "sources": {f"{source.package}/{source.file}": source.sha256},
    }
    (folder / "encoder.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def _keep_only_output(source: Path, name: str, target: Path) -> None:
    """Write a graph without its other outputs: an encoder's vectors are the first."""
    import onnx

    model = onnx.load(str(source))
    kept = [output for output in model.graph.output if output.name == name]
    model.graph.ClearField("output")
    model.graph.output.extend(kept)
    dropped = [n for n in model.graph.node if n.op_type == "Identity" and n.output[0] == "trunk"]
    for node in dropped:
        model.graph.node.remove(node)
    onnx.checker.check_model(model, full_check=True)
    target.write_bytes(model.SerializeToString(deterministic=True))


def write_torch(folder: Path, texts: Sequence[str] = ()) -> Path:
    """Write the text tower as a folder of sentence-transformers; return its path.

    Parameters
    ----------
    folder
        Gets `e5-torch`.
    texts
        With texts, the vocabulary is trimmed to their pieces and the 40,000 most frequent others:
        96 of the 118 million weights are those of the vocabulary.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import BertConfig, BertModel

    checkpoint = e5.read(TEXT_WEIGHTS.path())
    kept = np.arange(len(checkpoint.pieces))
    if texts:
        kept = convert_text.keep_pieces(checkpoint, list(texts))
    weights = {name: torch.from_numpy(array) for name, array in tensors(checkpoint, kept).items()}
    positions = len(weights["embeddings.position_embeddings.weight"])
    config = BertConfig(
        vocab_size=len(kept),
        hidden_size=checkpoint.hidden,
        num_hidden_layers=checkpoint.layers,
        num_attention_heads=checkpoint.heads,
        intermediate_size=len(weights["encoder.layer.0.intermediate.dense.weight"]),
        max_position_embeddings=positions,
        type_vocab_size=len(weights["embeddings.token_type_embeddings.weight"]),
        layer_norm_eps=checkpoint.epsilon,
        pad_token_id=int(np.searchsorted(kept, checkpoint.pad)),
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(weights)
    tokenizer = _wrapped(convert_text.tokenizer(checkpoint, kept), checkpoint)
    bare = folder / "e5-bert"
    model.save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    transformer = Transformer(str(bare))
    width = transformer.get_embedding_dimension()
    prompts = {"query": convert_text.PREFIX, "document": convert_text.PREFIX}
    whole = SentenceTransformer(
        modules=[transformer, Pooling(width, "mean"), Normalize()], prompts=prompts
    )
    whole.save(str(folder / "e5-torch"), create_model_card=False)
    for path in bare.iterdir():
        path.unlink()
    bare.rmdir()
    return folder / "e5-torch"


def tensors(checkpoint: e5.E5, kept: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """Unpack the checkpoint into the names that BertModel has."""
    dense = checkpoint.dense
    words = checkpoint.q4["emb.word"]
    found = {
        "embeddings.word_embeddings.weight": _unpacked(
            e5.Q4(words.scales[kept], words.nibbles[kept])
        ),
        "embeddings.position_embeddings.weight": dense["emb.pos"].reshape(-1, checkpoint.hidden),
        "embeddings.token_type_embeddings.weight": dense["emb.type"].reshape(-1, checkpoint.hidden),
        "embeddings.LayerNorm.weight": dense["emb.ln.w"],
        "embeddings.LayerNorm.bias": dense["emb.ln.b"],
    }
    for layer in range(checkpoint.layers):
        for short, long in LAYERS.items():
            name = f"encoder.layer.{layer}.{long}"
            found[f"{name}.weight"] = _unpacked(checkpoint.q4[f"l{layer}.{short}.w"])
            found[f"{name}.bias"] = dense[f"l{layer}.{short}.b"]
        for short, long in NORMS.items():
            name = f"encoder.layer.{layer}.{long}"
            found[f"{name}.weight"] = dense[f"l{layer}.{short}.w"]
            found[f"{name}.bias"] = dense[f"l{layer}.{short}.b"]
    return found


def _unpacked(matrix: e5.Q4) -> NDArray[np.float32]:
    integers = matrix.integers().astype(np.float32)
    scales = matrix.scales.astype(np.float32).repeat(e5.BLOCK, axis=-1)
    return integers * scales.reshape(integers.shape)


def _wrapped(tokenizer: Tokenizer, checkpoint: e5.E5) -> Any:
    """The tokenizer as Transformers has it, which pads and cuts by itself."""
    from transformers import PreTrainedTokenizerFast

    pieces = checkpoint.pieces
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=pieces[checkpoint.bos],
        eos_token=pieces[checkpoint.eos],
        cls_token=pieces[checkpoint.bos],
        sep_token=pieces[checkpoint.eos],
        pad_token=pieces[checkpoint.pad],
        unk_token=pieces[checkpoint.unk],
        model_max_length=convert_text.MAX_TOKENS,
    )


def main() -> None:
    """Write the folders that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", action="store_true", help="write e5-torch, too")
    arguments = parser.parse_args()
    for path in write_folders(arguments.folder):
        print(path)
    if arguments.torch:
        print(write_torch(arguments.folder))


if __name__ == "__main__":
    main()
