"""Tiny models that write about pictures: one that is talked to, and one that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

SIDE = 16

SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>", "USER:", "ASSISTANT:"]
WORDS = ["a", "red", "cat", "Describe", "this", "picture", "in", "German", "Write", "it", "."]

TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def _words() -> Any:
    names = {word: number for number, word in enumerate(SPECIAL + WORDS)}
    words = Tokenizer(models.WordLevel(names, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        unk_token="<unk>", extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip


def _small(**more: Any) -> dict[str, Any]:
    return {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, **more,
    }  # fmt: skip


def llava(folder: Path) -> Path:
    """LLaVA: CLIP's picture tower before Llama."""
    torch.manual_seed(0)
    vision = transformers.CLIPVisionConfig(**_small(image_size=SIDE, patch_size=8))
    text = transformers.LlamaConfig(
        **_small(vocab_size=len(SPECIAL + WORDS), num_key_value_heads=2),
        pad_token_id=0, bos_token_id=1, eos_token_id=2, max_position_embeddings=128,
    )  # fmt: skip
    config = transformers.LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=4, image_token_id=4,
        vision_feature_layer=-1, image_seq_length=4,
    )  # fmt: skip
    model = transformers.LlavaForConditionalGeneration(config).eval()
    processor = transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessor(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
        ),
        tokenizer=_words(), patch_size=8, vision_feature_select_strategy="default",
        chat_template=TEMPLATE, num_additional_image_tokens=1,
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def blip2(folder: Path) -> Path:
    """BLIP-2: a picture tower, a bridge of queries, OPT; it captions without being asked."""
    torch.manual_seed(1)
    vocabulary = len(SPECIAL + WORDS)
    config = transformers.Blip2Config(
        vision_config=_small(image_size=SIDE, patch_size=8),
        qformer_config=_small(vocab_size=vocabulary, encoder_hidden_size=16,
                              max_position_embeddings=16),
        text_config={
            "model_type": "opt", "vocab_size": vocabulary, "hidden_size": 16,
            "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 16,
            "word_embed_proj_dim": 16, "max_position_embeddings": 64, "pad_token_id": 0,
            "bos_token_id": 1, "eos_token_id": 2,
        },
        num_query_tokens=4, image_token_index=4,
    )  # fmt: skip
    model = transformers.Blip2ForConditionalGeneration(config).eval()
    processor = transformers.Blip2Processor(
        transformers.BlipImageProcessor(size={"height": SIDE, "width": SIDE}), _words(),
        num_query_tokens=4,
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
