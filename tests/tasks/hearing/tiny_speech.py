"""Recognisers of Transformers beside Whisper: tiny, of random weights, saved as hubs have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.tasks.tiny_language import spm, tokenizer

LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVKJXQZ'"]

_CONVOLVED: dict[str, Any] = {
    "conv_dim": [8, 8, 8], "conv_stride": [5, 8, 8], "conv_kernel": [10, 8, 8],
    "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
_SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
}  # fmt: skip


def _saved(folder: Path, model: Any, *parts: Any) -> Path:
    model.eval().save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder


def _spelling(folder: Path) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {letter: number for number, letter in enumerate(LETTERS)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    return transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))


def _sound() -> Any:
    return transformers.Wav2Vec2FeatureExtractor(return_attention_mask=False)


def _ctc(folder: Path, name: str) -> Path:
    torch.manual_seed(0)
    letters = _spelling(folder)
    config = getattr(transformers, f"{name}Config")(
        **_SMALL, **_CONVOLVED, vocab_size=len(LETTERS), pad_token_id=0
    )
    return _saved(folder, getattr(transformers, f"{name}ForCTC")(config), letters, _sound())


def wav2vec2(folder: Path) -> Path:
    return _ctc(folder, "Wav2Vec2")


def hubert(folder: Path) -> Path:
    return _ctc(folder, "Hubert")


def wavlm(folder: Path) -> Path:
    return _ctc(folder, "WavLM")


def parakeet(folder: Path) -> Path:
    torch.manual_seed(0)
    words = tokenizer()
    encoder = dict(_SMALL, subsampling_conv_channels=8, conv_kernel_size=3)
    config = transformers.ParakeetCTCConfig(
        vocab_size=len(words) + 1, pad_token_id=len(words), encoder_config=encoder
    )
    sounds = transformers.ParakeetFeatureExtractor(feature_size=80)
    return _saved(folder, transformers.ParakeetForCTC(config), words, sounds)


def moonshine(folder: Path) -> Path:
    torch.manual_seed(0)
    words = tokenizer()
    config = transformers.MoonshineConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, encoder_num_hidden_layers=1,
        decoder_num_hidden_layers=1, encoder_num_attention_heads=2, decoder_num_attention_heads=2,
        pad_token_id=0, bos_token_id=2, eos_token_id=3, decoder_start_token_id=2,
    )  # fmt: skip
    model = transformers.MoonshineForConditionalGeneration(config)
    model.generation_config.suppress_tokens = [0, 1, 2, 3]  # else it says nothing
    return _saved(folder, model, words, _sound())


def speecht5(folder: Path) -> Path:
    torch.manual_seed(0)
    pieces = spm(folder)
    letters = transformers.SpeechT5Tokenizer(str(pieces))
    config = transformers.SpeechT5Config(
        vocab_size=len(letters), hidden_size=16, encoder_layers=1, encoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16,
        conv_dim=[8, 8, 8], conv_stride=[5, 8, 8], conv_kernel=[10, 8, 8],
        num_feat_extract_layers=3, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
        max_text_positions=40,
    )  # fmt: skip
    sounds = transformers.SpeechT5FeatureExtractor()
    return _saved(folder, transformers.SpeechT5ForSpeechToText(config), letters, sounds)


def speech_to_text(folder: Path) -> Path:
    torch.manual_seed(0)
    words = tokenizer()
    config = transformers.Speech2TextConfig(
        vocab_size=len(words), d_model=16, encoder_layers=1, decoder_layers=1, pad_token_id=0,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, bos_token_id=2, eos_token_id=3, decoder_start_token_id=2,
        conv_channels=16, max_target_positions=40,
    )  # fmt: skip
    sounds = transformers.Speech2TextFeatureExtractor()
    model = transformers.Speech2TextForConditionalGeneration(config)
    model.generation_config.suppress_tokens = [0, 1, 2, 3]
    return _saved(folder, model, words, sounds)


SPELLERS = (wav2vec2, hubert, wavlm, parakeet)
WRITERS = (moonshine, speecht5, speech_to_text)
