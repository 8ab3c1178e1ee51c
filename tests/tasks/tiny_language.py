"""Tiny models of language of the hub's architectures, randomly initialised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.training.tiny_generation import bart as bart

WORDS = [
    "a",
    "the",
    "cat",
    "cats",
    "dog",
    "red",
    "green",
    "blue",
    "square",
    "castle",
    "stands",
    "on",
    "hill",
    "in",
    "why",
    "do",
    "purr",
    "to",
    "show",
    "moods",
    "question",
    "context",
    "summarize",
    "translate",
    "english",
    "german",
    "is",
    "this",
    "yes",
    "no",
    "and",
    ":",
    ".",
    "?",
    ",",
    "what",
    "river",
    "it",
    "was",
    "built",
    "1200",
    "they",
    "are",
    "old",
    "big",
    "small",
    "one",
    "two",
    "three",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
SIDE = 32
LENGTH = 32

_SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
}  # fmt: skip
_SEQ2SEQ: dict[str, Any] = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
    "max_position_embeddings": LENGTH, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3,
    "decoder_start_token_id": 2, "forced_eos_token_id": None,
}  # fmt: skip


def tokenizer(length: int = LENGTH, *, ends: bool = False) -> Any:
    """Words; as BERT's for one text and for two, or with an end alone, as T5's."""
    vocabulary = {word: n for n, word in enumerate(dict.fromkeys([*SPECIAL, *WORDS]))}
    pieces = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    pieces.post_processor = processors.TemplateProcessing(
        single="$A [SEP]" if ends else "[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=pieces, pad_token="[PAD]", unk_token="[UNK]", bos_token="[CLS]",
        eos_token="[SEP]", cls_token="[CLS]", sep_token="[SEP]", model_max_length=length,
    )  # fmt: skip


def _saved(folder: Path, model: Any, *processing: Any) -> Path:
    model.eval().save_pretrained(folder)
    for one in processing:
        one.save_pretrained(folder)
    return folder


def bert_marking(folder: Path) -> Path:
    torch.manual_seed(0)
    words = tokenizer()
    config = transformers.BertConfig(
        **_SMALL, vocab_size=len(words), max_position_embeddings=LENGTH
    )
    return _saved(folder, transformers.BertForQuestionAnswering(config), words)


def t5(folder: Path) -> Path:
    torch.manual_seed(1)
    words = tokenizer(ends=True)
    config = transformers.T5Config(
        vocab_size=len(words), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2,
        pad_token_id=0, eos_token_id=3, decoder_start_token_id=0,
    )  # fmt: skip
    return _saved(folder, transformers.T5ForConditionalGeneration(config), words)


def pegasus(folder: Path) -> Path:
    torch.manual_seed(2)
    words = tokenizer()
    config = transformers.PegasusConfig(vocab_size=len(words), **_SEQ2SEQ)
    return _saved(folder, transformers.PegasusForConditionalGeneration(config), words)


def vilt(folder: Path) -> Path:
    torch.manual_seed(3)
    words = tokenizer()
    config = transformers.ViltConfig(
        **_SMALL, vocab_size=len(words), max_position_embeddings=LENGTH, image_size=SIDE,
        patch_size=8, num_labels=3, max_image_length=-1,
        id2label={0: "yes", 1: "no", 2: "red"},
    )  # fmt: skip
    images = transformers.ViltImageProcessor(size={"shortest_edge": SIDE}, size_divisor=8)
    processor = transformers.ViltProcessor(images, words)
    return _saved(folder, transformers.ViltForQuestionAnswering(config), processor)


def blip(folder: Path) -> Path:
    torch.manual_seed(4)
    words = tokenizer()
    text = {**_SMALL, "vocab_size": len(words), "max_position_embeddings": LENGTH,
            "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0,
            "encoder_hidden_size": 16}  # fmt: skip
    config = transformers.BlipConfig(
        text_config=text, vision_config={**_SMALL, "image_size": SIDE, "patch_size": 8},
        projection_dim=8,
    )  # fmt: skip
    images = transformers.BlipImageProcessor(size={"height": SIDE, "width": SIDE})
    processor = transformers.BlipProcessor(images, words)
    return _saved(folder, transformers.BlipForQuestionAnswering(config), processor)


def spm(folder: Path, words: Any = WORDS) -> Path:
    """A model of sentencepiece, as Marian and M2M-100 have it."""
    import sentencepiece

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text.txt").write_text("\n".join(" ".join(words) for _ in range(3)), "utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "pieces"), vocab_size=80,
        model_type="unigram", hard_vocab_limit=False, pad_id=-1, minloglevel=2,
    )  # fmt: skip
    return folder / "pieces.model"


def _vocabulary(model: Path, *more: str) -> dict[str, int]:
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    own = [pieces.id_to_piece(n) for n in range(pieces.get_piece_size())]
    first = ["<s>", "<pad>", "</s>", "<unk>"]
    return {piece: n for n, piece in enumerate(dict.fromkeys([*first, *own, *more]))}


_BART_IDS: dict[str, Any] = {
    **_SEQ2SEQ, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
    "decoder_start_token_id": 2,
}  # fmt: skip


def marian(folder: Path, *languages: str) -> Path:
    """One for two languages, or with a word for each language that it writes."""
    torch.manual_seed(5)
    pieces = spm(folder)
    vocabulary = _vocabulary(pieces, *(f">>{code}<<" for code in languages))
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    words = transformers.MarianTokenizer(
        source_spm=str(pieces), target_spm=str(pieces), vocab=str(folder / "vocab.json"),
        model_max_length=LENGTH,
    )  # fmt: skip
    config = transformers.MarianConfig(vocab_size=len(vocabulary) + 1, **_BART_IDS)
    return _saved(folder, transformers.MarianMTModel(config), words)


def m2m100(folder: Path) -> Path:
    torch.manual_seed(6)
    pieces = spm(folder)
    (folder / "vocab.json").write_text(json.dumps(_vocabulary(pieces)), "utf-8")
    words = transformers.M2M100Tokenizer(
        vocab_file=str(folder / "vocab.json"), spm_file=str(pieces), model_max_length=LENGTH
    )
    config = transformers.M2M100Config(vocab_size=len(words) + 200, **_BART_IDS)
    return _saved(folder, transformers.M2M100ForConditionalGeneration(config), words)


def nllb(folder: Path) -> Path:
    torch.manual_seed(7)
    letters = sorted({letter for word in WORDS for letter in word})
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "▁", *letters]
    words = transformers.NllbTokenizer(
        vocab={piece: n for n, piece in enumerate(vocabulary)}, merges=[], model_max_length=64
    )
    config = transformers.M2M100Config(
        vocab_size=len(words), **{**_BART_IDS, "max_position_embeddings": 64}
    )
    return _saved(folder, transformers.M2M100ForConditionalGeneration(config), words)


def mbart(folder: Path) -> Path:
    torch.manual_seed(8)
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *(f"▁{word}" for word in WORDS)]
    words = transformers.MBart50Tokenizer(
        vocab=[(piece, 0.0 if piece.startswith("<") else -1.0) for piece in vocabulary],
        model_max_length=LENGTH,
    )  # fmt: skip
    config = transformers.MBartConfig(vocab_size=len(words), **_BART_IDS)
    return _saved(folder, transformers.MBartForConditionalGeneration(config), words)
