"""Tiny detectors of the hub's architectures, randomly initialised, saved as the hub has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ["a", "the", "cat", "dog", "red", "photo", "of", "big", "."]
SPECIAL = ["[PAD]", "[UNK]", "[BOS]", "[EOS]"]
SIDE = 32
WIDTH = 32

_SMALL: dict[str, Any] = {
    "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
}  # fmt: skip


def tokenizer(**options: Any) -> Any:
    words = Tokenizer(models.WordLevel({w: n for n, w in enumerate(SPECIAL + WORDS)}, "[UNK]"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 2), ("[EOS]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", bos_token="[BOS]",
        eos_token="[EOS]", cls_token="[BOS]", sep_token="[EOS]", model_max_length=16, **options,
    )  # fmt: skip


def _save(folder: Path, model: Any, *processing: Any) -> Path:
    model.eval().save_pretrained(folder)
    for one in processing:
        one.save_pretrained(folder)
    return folder


def owlv2(folder: Path) -> Path:
    torch.manual_seed(0)
    size = len(SPECIAL + WORDS)
    config = transformers.Owlv2Config(
        text_config=dict(
            _SMALL, vocab_size=size, max_position_embeddings=16, pad_token_id=0, bos_token_id=2,
            eos_token_id=3,
        ),
        vision_config=dict(_SMALL, image_size=SIDE, patch_size=8),
        projection_dim=WIDTH,
    )  # fmt: skip
    pictures = transformers.Owlv2ImageProcessorPil(size={"height": SIDE, "width": SIDE})
    model = transformers.Owlv2ForObjectDetection(config)
    with torch.no_grad():  # as they are drawn, all boxes have their edges in the same place
        for weight in model.box_head.parameters():
            weight *= 0.01
    return _save(
        folder,
        model,
        transformers.Owlv2Processor(pictures, tokenizer()),
    )


def _backbone() -> Any:
    return transformers.SwinConfig(
        image_size=SIDE, patch_size=4, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2],
        window_size=2, out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip


def _words() -> Any:
    return transformers.BertConfig(
        **_SMALL, vocab_size=len(SPECIAL + WORDS), max_position_embeddings=32
    )


_DETR: dict[str, Any] = {
    "d_model": WIDTH, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "num_queries": 8,
}  # fmt: skip


def _grounding(folder: Path, config: Any, model: Any) -> Path:
    torch.manual_seed(1)
    made = model(
        config(
            backbone_config=_backbone(), text_config=_words(), num_feature_levels=4,
            max_text_len=32, encoder_n_points=2, decoder_n_points=2, **_DETR,
        )
    )  # fmt: skip
    pictures = transformers.GroundingDinoImageProcessorPil(
        size={"shortest_edge": 4 * SIDE, "longest_edge": 6 * SIDE}
    )
    return _save(folder, made, transformers.GroundingDinoProcessor(pictures, tokenizer()))


def grounding_dino(folder: Path) -> Path:
    return _grounding(
        folder, transformers.GroundingDinoConfig, transformers.GroundingDinoForObjectDetection
    )


def mm_grounding_dino(folder: Path) -> Path:
    return _grounding(
        folder, transformers.MMGroundingDinoConfig, transformers.MMGroundingDinoForObjectDetection
    )


def detr(folder: Path) -> Path:
    torch.manual_seed(2)
    backbone = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1],
        out_features=["stage4"],
    )  # fmt: skip
    config = transformers.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
        backbone_config=backbone, id2label={0: "N/A", 1: "cat", 2: "dog"},
        label2id={"N/A": 0, "cat": 1, "dog": 2}, **_DETR,
    )  # fmt: skip
    pictures = transformers.DetrImageProcessorPil(
        size={"shortest_edge": SIDE, "longest_edge": 2 * SIDE}
    )
    return _save(folder, transformers.DetrForObjectDetection(config), pictures)


_LABELS: dict[str, Any] = {
    "id2label": {0: "cat", 1: "dog"}, "label2id": {"cat": 0, "dog": 1},
}  # fmt: skip


def _resnet(*stages: int) -> Any:
    return transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1],
        out_features=[f"stage{stage}" for stage in stages],
    )  # fmt: skip


def _like_detr(folder: Path, name: str, pictures: Any, **more: Any) -> Path:
    torch.manual_seed(4)
    config = getattr(transformers, f"{name}Config")(**{**_DETR, **_LABELS, **more})
    return _save(folder, getattr(transformers, f"{name}ForObjectDetection")(config), pictures)


_SIZE = {"shortest_edge": 2 * SIDE, "longest_edge": 3 * SIDE}
_OWN = {"use_timm_backbone": False, "use_pretrained_backbone": False, "backbone": None}


def conditional_detr(folder: Path) -> Path:
    pictures = transformers.ConditionalDetrImageProcessorPil(size=_SIZE)
    return _like_detr(folder, "ConditionalDetr", pictures, backbone_config=_resnet(4), **_OWN)


def deformable_detr(folder: Path) -> Path:
    pictures = transformers.DeformableDetrImageProcessorPil(size=_SIZE)
    return _like_detr(
        folder, "DeformableDetr", pictures, backbone_config=_resnet(2, 3, 4), encoder_n_points=2,
        decoder_n_points=2, num_feature_levels=4, **_OWN,
    )  # fmt: skip


def table_transformer(folder: Path) -> Path:
    """Reads as DETR does."""
    pictures = transformers.DetrImageProcessorPil(size=_SIZE)
    return _like_detr(folder, "TableTransformer", pictures, backbone_config=_resnet(4), **_OWN)


_REAL_TIME: dict[str, Any] = {
    "encoder_hidden_dim": WIDTH, "encoder_in_channels": [8, 16, 16], "encoder_layers": 1,
    "decoder_in_channels": [WIDTH] * 3, "decoder_n_points": 2, "hidden_expansion": 0.5,
    "anchor_image_size": None, "num_denoising": 0,
}  # fmt: skip


def _real_time(folder: Path, name: str, backbone: Any, **more: Any) -> Path:
    pictures = transformers.RTDetrImageProcessorPil(size={"height": 2 * SIDE, "width": 2 * SIDE})
    return _like_detr(folder, name, pictures, backbone_config=backbone, **{**_REAL_TIME, **more})


def _rt_resnet() -> Any:
    return transformers.RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip


def rt_detr(folder: Path) -> Path:
    return _real_time(folder, "RTDetr", _rt_resnet())


def rt_detr_v2(folder: Path) -> Path:
    return _real_time(folder, "RTDetrV2", _rt_resnet())


def d_fine(folder: Path) -> Path:
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 8, 8], stage_in_channels=[8, 8, 8, 16], stage_mid_channels=[4, 4, 4, 4],
        stage_out_channels=[8, 8, 16, 16], stage_num_blocks=[1, 1, 1, 1],
        stage_downsample=[False, True, True, True], stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 5, 5], stage_numb_of_layers=[1, 1, 1, 1], embedding_size=8,
        hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    return _real_time(folder, "DFine", backbone, decoder_n_points=[2, 2, 2])


def yolos(folder: Path) -> Path:
    torch.manual_seed(3)
    config = transformers.YolosConfig(
        **_SMALL, image_size=[SIDE, SIDE], patch_size=8, num_detection_tokens=8,
        id2label={0: "cat", 1: "dog"}, label2id={"cat": 0, "dog": 1},
    )  # fmt: skip
    pictures = transformers.YolosImageProcessorPil(
        size={"shortest_edge": SIDE, "longest_edge": 2 * SIDE}
    )
    return _save(folder, transformers.YolosForObjectDetection(config), pictures)


BY_WORDS = (owlv2, grounding_dino, mm_grounding_dino)
WITH_LABELS = (
    detr, yolos, conditional_detr, deformable_detr, table_transformer, rt_detr, rt_detr_v2, d_fine,
)  # fmt: skip
