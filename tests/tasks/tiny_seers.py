"""Tiny models that one talks to, of the hub's architectures, saved as the hub has them.

Those that see have no preprocessor for videos: it needs torchvision.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.tasks.tiny_chat import SIDE, TEMPLATE, WORDS
from tests.tasks.tiny_chat import llava as llava

PATCH = 8
LENGTH = 2048
WIDE = 2 * SIDE

_QWEN = {
    "vision_start_token": "<|vision_start|>", "image_token": "<|image_pad|>",
    "vision_end_token": "<|vision_end|>", "video_token": "<|video_pad|>",
}  # fmt: skip
_GEMMA = {
    "boi_token": "<start_of_image>", "image_token": "<image_soft_token>",
    "eoi_token": "<end_of_image>",
}  # fmt: skip
_INTERN = {
    "start_image_token": "<img>", "context_image_token": "<IMG_CONTEXT>",
    "end_image_token": "</img>", "video_token": "<video>",
}  # fmt: skip
_IDEFICS = ["<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]

WITHOUT_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% for message in messages %}USER: {{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def _words(template: str, *signs: str, **named: str) -> Any:
    first = ["<pad>", "<s>", "</s>", "<unk>", *signs, *named.values(), "USER:", "ASSISTANT:"]
    names = {word: number for number, word in enumerate(dict.fromkeys([*first, *WORDS]))}
    words = Tokenizer(models.WordLevel(names, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        unk_token="<unk>", model_max_length=LENGTH, additional_special_tokens=[*signs],
        **({"extra_special_tokens": named} if named else {}),
    )  # fmt: skip
    tokenizer.chat_template = template
    return tokenizer


def _seen(sign: str) -> str:
    return TEMPLATE.replace("<image> ", sign)


def _small(**more: Any) -> dict[str, Any]:
    return {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, **more,
    }  # fmt: skip


def _text(words: Any, **more: Any) -> dict[str, Any]:
    return _small(
        vocab_size=len(words), num_key_value_heads=1, max_position_embeddings=LENGTH,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, **more,
    )  # fmt: skip


def _saved(folder: Path, model: Any, *parts: Any, processor: Any = None) -> Path:
    model.eval().save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    if processor is not None:
        (folder / "processor_config.json").write_text(json.dumps(processor), "utf-8")
    return folder


def _qwen(folder: Path, config: Any, kind: Any, vision: dict[str, Any], **rope: Any) -> Path:
    torch.manual_seed(0)
    words = _words(_seen("".join([*_QWEN.values()][:3])), *_QWEN.values())
    text = _text(words, rope_scaling={"rope_type": "default", "mrope_section": [1, 1, 2], **rope})
    numbers = {f"{name}_id": words.convert_tokens_to_ids(sign) for name, sign in _QWEN.items()}
    vision = {"depth": 1, "hidden_size": 16, "num_heads": 2, "patch_size": PATCH, **vision}
    model = kind(config(text_config=text, vision_config=vision, **numbers))
    pictures = transformers.Qwen2VLImageProcessorPil(
        patch_size=PATCH, temporal_patch_size=2, merge_size=2, min_pixels=256, max_pixels=4096
    )
    return _saved(folder, model, words, pictures)


def qwen2_vl(folder: Path) -> Path:
    return _qwen(
        folder, transformers.Qwen2VLConfig, transformers.Qwen2VLForConditionalGeneration,
        {"embed_dim": 16, "mlp_ratio": 2},
    )  # fmt: skip


def qwen2_5_vl(folder: Path) -> Path:
    return _qwen(
        folder, transformers.Qwen2_5_VLConfig, transformers.Qwen2_5_VLForConditionalGeneration,
        {"out_hidden_size": 16, "intermediate_size": 16, "window_size": 32,
         "fullatt_block_indexes": [0]},
    )  # fmt: skip


def qwen3_vl(folder: Path) -> Path:
    return _qwen(
        folder, transformers.Qwen3VLConfig, transformers.Qwen3VLForConditionalGeneration,
        {"out_hidden_size": 16, "intermediate_size": 16, "num_position_embeddings": 64,
         "deepstack_visual_indexes": [0]},
        mrope_interleaved=True,
    )  # fmt: skip


def _idefics(folder: Path, name: str) -> Path:
    torch.manual_seed(0)
    places = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    words = _words(_seen("<image>"), *_IDEFICS, *places)
    config = getattr(transformers, f"{name}Config")(
        text_config={"model_type": "llama", **_text(words)}, scale_factor=2,
        vision_config=_small(image_size=WIDE, patch_size=PATCH),
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    model = getattr(transformers, f"{name}ForConditionalGeneration")(config)
    pictures = getattr(transformers, f"{name}ImageProcessorPil")(
        size={"longest_edge": 2 * WIDE}, max_image_size={"longest_edge": WIDE}
    )
    about = {"image_seq_len": 4, "processor_class": f"{name}Processor"}
    return _saved(folder, model, words, pictures, processor=about)


def idefics3(folder: Path) -> Path:
    return _idefics(folder, "Idefics3")


def smolvlm(folder: Path) -> Path:
    return _idefics(folder, "SmolVLM")


def gemma3(folder: Path) -> Path:
    torch.manual_seed(0)
    words = _words(_seen("<start_of_image>"), **_GEMMA)
    begins, picture, ends = words.convert_tokens_to_ids([*_GEMMA.values()])
    config = transformers.Gemma3Config(
        text_config=_text(words, head_dim=8), mm_tokens_per_image=4, boi_token_index=begins,
        vision_config=_small(image_size=WIDE, patch_size=PATCH), image_token_index=picture,
        eoi_token_index=ends,
    )  # fmt: skip
    model = transformers.Gemma3ForConditionalGeneration(config)
    projector: Any = model.model.multi_modal_projector  # as it is made, it sees nothing
    torch.nn.init.normal_(projector.mm_input_projection_weight)
    pictures = transformers.Gemma3ImageProcessorPil(size={"height": WIDE, "width": WIDE})
    about = {"image_seq_length": 4, "processor_class": "Gemma3Processor"}
    return _saved(folder, model, words, pictures, processor=about)


def internvl(folder: Path) -> Path:
    torch.manual_seed(0)
    words = _words(_seen("<IMG_CONTEXT>"), **_INTERN)
    config = transformers.InternVLConfig(
        text_config={"model_type": "qwen2", **_text(words)}, image_seq_length=4,
        vision_config=_small(image_size=[WIDE, WIDE], patch_size=[PATCH, PATCH]),
        image_token_id=words.convert_tokens_to_ids("<IMG_CONTEXT>"),
    )  # fmt: skip
    pictures = transformers.GotOcr2ImageProcessorPil(size={"height": WIDE, "width": WIDE})
    about = {"image_seq_length": 4, "processor_class": "InternVLProcessor"}
    model = transformers.InternVLForConditionalGeneration(config)
    return _saved(folder, model, words, pictures, processor=about)


def llama(folder: Path) -> Path:
    """Also SmolLM's architecture; its template, as some, knows no system."""
    torch.manual_seed(0)
    words = _words(WITHOUT_SYSTEM)
    config = transformers.LlamaConfig(**_text(words))
    return _saved(folder, transformers.LlamaForCausalLM(config), words)


def qwen2(folder: Path) -> Path:
    torch.manual_seed(0)
    words = _words(WITHOUT_SYSTEM[WITHOUT_SYSTEM.index("{% for") :])
    config = transformers.Qwen2Config(**_text(words))
    return _saved(folder, transformers.Qwen2ForCausalLM(config), words)


SEERS = (llava, qwen2_vl, qwen2_5_vl, qwen3_vl, idefics3, smolvlm, gemma3, internvl)
WRITERS = (llama, qwen2)
