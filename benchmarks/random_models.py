"""Models of the usual sizes with random weights: as fast as trained ones, and nothing to fetch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

SPECIAL = ["[PAD]", "[UNK]", "[BOS]", "[EOS]"]


def tokenizer(words: list[str], longest: int) -> Any:
    """A tokenizer that knows these words; one token each."""
    known = {word: n for n, word in enumerate([*SPECIAL, *dict.fromkeys(words)])}
    made = Tokenizer(models.WordLevel(known, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 2), ("[EOS]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", bos_token="[BOS]",
        eos_token="[EOS]", model_max_length=longest,
    )  # fmt: skip


def clip(folder: Path, words: list[str], patch: int) -> None:
    """CLIP ViT-B of a patch size (Radford et al. 2021): 151 or 150 million parameters."""
    text = {"eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0}
    config = transformers.CLIPConfig(
        text_config=text, vision_config={"patch_size": patch, "image_size": 224}
    )
    images = transformers.CLIPImageProcessor()
    _save(folder, transformers.CLIPModel(config),
          transformers.CLIPProcessor(images, tokenizer(words, 77)))  # fmt: skip


def siglip(folder: Path, words: list[str]) -> None:
    """SigLIP 2 base, patch 16, 224 pixels (Tschannen et al. 2025), with a smaller vocabulary."""
    config = transformers.SiglipConfig(
        text_config={"vocab_size": 32_000}, vision_config={"patch_size": 16, "image_size": 224}
    )
    images = transformers.SiglipImageProcessor(size={"height": 224, "width": 224})
    _save(folder, transformers.SiglipModel(config),
          transformers.SiglipProcessor(images, tokenizer(words, 64)))  # fmt: skip


def minilm(folder: Path, words: list[str]) -> None:
    """A text model of the size of all-MiniLM-L6-v2 (Wang et al. 2020): 23 million parameters."""
    config = transformers.BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    _save(folder, transformers.BertModel(config), tokenizer(words, 256))


def _save(folder: Path, model: Any, *processing: Any) -> None:
    model.eval().save_pretrained(folder)
    for one in processing:
        one.save_pretrained(folder)
        if (images := getattr(one, "image_processor", None)) is not None:
            images.save_pretrained(folder)
    # Names by which older versions of Transformers, which rivals want, know these classes, too.
    for file in ("tokenizer_config.json", "preprocessor_config.json", "processor_config.json"):
        if (path := folder / file).exists():
            text = path.read_text().replace("TokenizersBackend", "PreTrainedTokenizerFast")
            path.write_text(text.replace("ImageProcessorPil", "ImageProcessor"))


MODELS: dict[str, Callable[[Path, list[str]], None]] = {
    "CLIP ViT-B/32": lambda folder, words: clip(folder, words, 32),
    "CLIP ViT-B/16": lambda folder, words: clip(folder, words, 16),
    "SigLIP 2 B/16": siglip,
    "MiniLM-L6": minilm,
}


def make(name: str, folder: Path, words: list[str]) -> None:
    """Write one of `MODELS` as the hub has it; the same weights each time."""
    torch.manual_seed(0)
    MODELS[name](folder, words)
