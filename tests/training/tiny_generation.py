"""Tiny captioners, towers and seq2seq models, randomly initialised, saved as the hub has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageDraw
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = ["a", "the", "red", "green", "blue", "yellow", "square", "circle", "cat", "dog"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
SIDE = 16

COLOURS = {
    "red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220), "yellow": (230, 210, 40),
    "pink": (250, 150, 190), "orange": (250, 140, 20), "violet": (130, 40, 170),
    "white": (240, 240, 240), "cyan": (60, 210, 220),
}  # fmt: skip
"""Of different hues: the tiny encoder's vectors have one length, so it sees no brightness."""

_SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
}  # fmt: skip


def table(folder: Path, *, broken: bool = True) -> Path:
    """Write pictures of one-coloured squares in shades, with captions; one is no picture."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["path,caption"]
    for name, colour in COLOURS.items():
        for shade in range(3):
            picture = PIL.Image.new("RGB", (24, 24), tuple(min(255, c + 6 * shade) for c in colour))
            picture.save(folder / f"{name}-{shade}.png")
            lines.append(f"{name}-{shade}.png,a {name} square")
    if broken:
        (folder / "broken.png").write_bytes(b"no picture")
        lines.append("broken.png,a red square")
    (folder / "pictures.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "pictures.csv"


def tokenizer(words: list[str] | None = None) -> Any:
    vocabulary = [*SPECIAL, *(words or [*WORDS, *COLOURS])]
    pieces = Tokenizer(
        models.WordLevel({w: n for n, w in enumerate(dict.fromkeys(vocabulary))}, "[UNK]")
    )
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=pieces, pad_token="[PAD]", unk_token="[UNK]", bos_token="[CLS]",
        eos_token="[SEP]", cls_token="[CLS]", sep_token="[SEP]", model_max_length=16,
    )  # fmt: skip


def _saved(folder: Path, model: Any, *processing: Any) -> Path:
    model.eval().save_pretrained(folder)
    for one in processing:
        one.save_pretrained(folder)
    return folder


def image_tower(folder: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.ViTConfig(**_SMALL, image_size=SIDE, patch_size=8)
    return _saved(folder, transformers.ViTModel(config), _pixels())


def _pixels() -> Any:
    return transformers.ViTImageProcessor(size={"height": SIDE, "width": SIDE})


def _bert(words: Any) -> Any:
    return transformers.BertConfig(**_SMALL, vocab_size=len(words), max_position_embeddings=16)


def bert(folder: Path) -> Path:
    torch.manual_seed(1)
    words = tokenizer()
    return _saved(folder, transformers.BertModel(_bert(words)), words)


def gpt2(folder: Path) -> Path:
    torch.manual_seed(2)
    words = tokenizer()
    config = transformers.GPT2Config(
        vocab_size=len(words), n_embd=16, n_layer=1, n_head=2, n_positions=16, bos_token_id=2,
        eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    return _saved(folder, transformers.GPT2LMHeadModel(config), words)


def blip(folder: Path) -> Path:
    torch.manual_seed(3)
    words = tokenizer()
    text = {**_SMALL, "vocab_size": len(words), "max_position_embeddings": 16, "bos_token_id": 2,
            "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0,
            "encoder_hidden_size": 16}  # fmt: skip
    config = transformers.BlipConfig(
        text_config=text, vision_config={**_SMALL, "image_size": SIDE, "patch_size": 8},
        projection_dim=8,
    )  # fmt: skip
    return _saved(folder, transformers.BlipForConditionalGeneration(config), words, _pixels())


def git(folder: Path) -> Path:
    torch.manual_seed(4)
    words = tokenizer()
    config = transformers.GitConfig(
        vision_config={**_SMALL, "image_size": SIDE, "patch_size": 8}, **_SMALL,
        vocab_size=len(words), max_position_embeddings=32, bos_token_id=2, eos_token_id=3,
        pad_token_id=0,
    )  # fmt: skip
    return _saved(folder, transformers.GitForCausalLM(config), words, _pixels())


def bart(folder: Path) -> Path:
    torch.manual_seed(5)
    words = tokenizer()
    config = transformers.BartConfig(
        vocab_size=len(words), d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32,
        decoder_ffn_dim=32, max_position_embeddings=32, pad_token_id=0, bos_token_id=2,
        eos_token_id=3, decoder_start_token_id=2, forced_eos_token_id=None,
    )  # fmt: skip
    return _saved(folder, transformers.BartForConditionalGeneration(config), words)
