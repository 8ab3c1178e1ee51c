"""Tiny models of the hub's architectures, randomly initialised, saved as the hub has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = ["a", "the", "cat", "dog", "red", "green", "blue", "square", "photo", "of", "query", ":"]
SPECIAL = ["[PAD]", "[UNK]", "[BOS]", "[EOS]"]
SIDE = 32
WIDTH = 32

_SMALL: dict[str, Any] = {
    "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
}  # fmt: skip


def tokenizer() -> Any:
    words = Tokenizer(models.WordLevel({w: n for n, w in enumerate(SPECIAL + WORDS)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 2), ("[EOS]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", bos_token="[BOS]",
        eos_token="[EOS]", cls_token="[BOS]", sep_token="[EOS]", model_max_length=16,
    )  # fmt: skip


def _save(folder: Path, model: Any, *processing: Any) -> Path:
    model.eval().save_pretrained(folder)
    for one in processing:
        one.save_pretrained(folder)
    return folder


def clip(folder: Path) -> Path:
    torch.manual_seed(0)
    size = len(SPECIAL + WORDS)
    text = dict(_SMALL, vocab_size=size, max_position_embeddings=16, eos_token_id=3, bos_token_id=2,
                pad_token_id=0)  # fmt: skip
    vision = dict(_SMALL, image_size=SIDE, patch_size=8)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    images = transformers.CLIPImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    )
    return _save(
        folder, transformers.CLIPModel(config), transformers.CLIPProcessor(images, tokenizer())
    )


def siglip(folder: Path) -> Path:
    torch.manual_seed(1)
    text = dict(_SMALL, vocab_size=len(SPECIAL + WORDS), max_position_embeddings=16)
    vision = dict(_SMALL, image_size=SIDE, patch_size=8)
    config = transformers.SiglipConfig(text_config=text, vision_config=vision)
    images = transformers.SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
    return _save(
        folder, transformers.SiglipModel(config), transformers.SiglipProcessor(images, tokenizer())
    )


def clap(folder: Path) -> Path:
    torch.manual_seed(2)
    text = dict(_SMALL, vocab_size=len(SPECIAL + WORDS), max_position_embeddings=20, pad_token_id=0)
    audio = {
        "hidden_size": 16 * 8, "patch_embeds_hidden_size": 16, "depths": [1, 1, 1, 1],
        "num_mel_bins": 64, "spec_size": 256, "num_attention_heads": [1, 2, 4, 8],
        "window_size": 8, "num_hidden_layers": 4, "hidden_act": "gelu",
        "projection_hidden_size": 24, "enable_fusion": False,
    }  # fmt: skip
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=24)
    sounds = transformers.ClapFeatureExtractor(feature_size=64, truncation="rand_trunc")
    return _save(
        folder, transformers.ClapModel(config), transformers.ClapProcessor(sounds, tokenizer())
    )


def vit(folder: Path) -> Path:
    torch.manual_seed(3)
    config = transformers.ViTConfig(**_SMALL, image_size=SIDE, patch_size=8)
    images = transformers.ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    return _save(folder, transformers.ViTModel(config), images)


def bert(folder: Path) -> Path:
    torch.manual_seed(4)
    config = transformers.BertConfig(
        **_SMALL, vocab_size=len(SPECIAL + WORDS), max_position_embeddings=16
    )
    return _save(folder, transformers.BertModel(config), tokenizer())


def prompted(folder: Path) -> Path:
    """BERT with prompts, under the names that E5's relatives give them."""
    from sentence_transformers import SentenceTransformer

    bert(folder / "bert")
    library = SentenceTransformer(str(folder / "bert"), device="cpu")
    library.prompts = {"query": "query : ", "passage": "the "}
    library.save(str(folder / "prompted"), create_model_card=False)
    return folder / "prompted"


def two_networks(folder: Path) -> Path:
    """One BERT for what is sought, another one for what is searched."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    parts = []
    for seed, name in enumerate(("query", "document")):
        bert(folder / name)
        torch.manual_seed(seed)
        transformers.BertModel(
            transformers.BertConfig.from_pretrained(folder / name)
        ).save_pretrained(folder / name)
        parts.append([Transformer(str(folder / name)), Pooling(WIDTH)])
    router = Router.for_query_document(*parts)
    SentenceTransformer(modules=[router], device="cpu").save(
        str(folder / "two"), create_model_card=False
    )
    return folder / "two"


def whisper(folder: Path) -> Path:
    torch.manual_seed(5)
    config = transformers.WhisperConfig(
        vocab_size=len(SPECIAL + WORDS), d_model=WIDTH, encoder_layers=2, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_ffn_dim=64, num_mel_bins=80, pad_token_id=0, bos_token_id=2, eos_token_id=3,
        decoder_start_token_id=2,
    )  # fmt: skip
    encoder = transformers.WhisperModel(config).encoder
    return _save(folder, encoder, transformers.WhisperFeatureExtractor())


_VISION = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
           "<|video_pad|>"]  # fmt: skip

_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{% if part.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def qwen_vl(folder: Path) -> Path:
    """As Qwen3-VL-Embedding: chat messages in, the last token's state out."""
    from sentence_transformers.sentence_transformer import modules

    torch.manual_seed(6)
    names = [*SPECIAL, *_VISION, *WORDS, "system", "user", "assistant"]
    words = Tokenizer(models.WordLevel({w: n for n, w in enumerate(names)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    chat_tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", eos_token="<|im_end|>",
        additional_special_tokens=_VISION, model_max_length=512, padding_side="right",
    )  # fmt: skip
    chat_tokenizer.chat_template = _CHAT
    text = dict(
        _SMALL, num_key_value_heads=1, head_dim=16, vocab_size=len(names),
        max_position_embeddings=512,
        rope_scaling={
            "rope_type": "default", "mrope_section": [2, 3, 3], "mrope_interleaved": True,
        },
    )  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": WIDTH, "num_heads": 2, "intermediate_size": 64, "patch_size": 8,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": WIDTH,
        "num_position_embeddings": 64, "deepstack_visual_indexes": [0],
    }  # fmt: skip
    tokens = {
        f"{name}_token_id": names.index(f"<|{sign}|>")
        for name, sign in (
            ("image", "image_pad"), ("video", "video_pad"),
            ("vision_start", "vision_start"), ("vision_end", "vision_end"),
        )
    }  # fmt: skip
    config = transformers.Qwen3VLConfig(text_config=text, vision_config=vision, **tokens)
    images = transformers.Qwen2VLImageProcessorPil(
        patch_size=8, temporal_patch_size=2, merge_size=2, min_pixels=16 * 16, max_pixels=64 * 64
    )
    _save(folder, transformers.Qwen3VLModel(config), chat_tokenizer, images)
    forward = {"method": "forward", "method_output_name": "last_hidden_state"}
    kinds = {"text": forward, "image": forward, "message": {**forward, "format": "structured"}}
    (folder / "sentence_bert_config.json").write_text(
        json.dumps(
            {
                "transformer_task": "feature-extraction",
                "modality_config": kinds,
                "module_output_name": "token_embeddings",
            }
        )
    )
    (folder / "1_Pooling").mkdir()
    modules.Pooling(WIDTH, pooling_mode="lasttoken").save(str(folder / "1_Pooling"))
    parts = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    listed = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(parts)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    return folder
