"""Tiny segmenters of the hub's architectures, randomly initialised, saved as the hub has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.encoders.tiny_hub import SPECIAL, WORDS, tokenizer

SIDE = 32
LABELS = {0: "sky", 1: "cat", 2: "grass"}


def _swin() -> Any:
    return transformers.SwinConfig(
        image_size=SIDE, patch_size=2, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 2],
        window_size=2, out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip


def _save(folder: Path, model: Any, *processing: Any) -> Path:
    model.eval().save_pretrained(folder)
    for one in processing:
        one.save_pretrained(folder)
    return folder


def _sure(model: Any) -> Any:
    """Let a model of one query say "cat" of it: random weights mostly say "nothing"."""
    model.class_predictor.weight.data *= 0
    model.class_predictor.bias.data = torch.tensor([0.0, 5.0, 0.0, 0.0])
    return model


def sam2(folder: Path) -> Path:
    """Without a preprocessor: the model's own needs torchvision, and is not asked."""
    torch.manual_seed(0)
    hiera = transformers.Sam2HieraDetConfig(
        hidden_size=8, image_size=[64, 64], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 4, 4], global_attention_blocks=[3],
        window_positional_embedding_background_size=[2, 2],
    )  # fmt: skip
    vision = transformers.Sam2VisionConfig(
        backbone_config=hiera, backbone_channel_list=[64, 32, 16, 8], fpn_hidden_size=16,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    )  # fmt: skip
    config = transformers.Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 16},
        mask_decoder_config={
            "hidden_size": 16, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
    )  # fmt: skip
    return _save(folder, transformers.Sam2Model(config))


def clipseg(folder: Path) -> Path:
    torch.manual_seed(1)
    small = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
             "intermediate_size": 32}  # fmt: skip
    text = dict(small, vocab_size=len(SPECIAL + WORDS), max_position_embeddings=16,
                eos_token_id=3, bos_token_id=2, pad_token_id=0)  # fmt: skip
    vision = dict(small, image_size=SIDE, patch_size=8)
    config = transformers.CLIPSegConfig(
        text_config=text, vision_config=vision, projection_dim=16, extract_layers=[0, 1, 2],
        reduce_dim=8, decoder_num_attention_heads=2, decoder_intermediate_size=16,
        conditional_layer=0,
    )  # fmt: skip
    images = transformers.ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    return _save(
        folder, transformers.CLIPSegForImageSegmentation(config),
        transformers.CLIPSegProcessor(images, tokenizer()),
    )  # fmt: skip


def mask2former(folder: Path) -> Path:
    torch.manual_seed(2)
    config = transformers.Mask2FormerConfig(
        backbone_config=_swin(), feature_size=32, mask_feature_size=32, hidden_dim=32,
        encoder_feedforward_dim=16, dim_feedforward=16, encoder_layers=1, decoder_layers=2,
        num_attention_heads=2, num_queries=1, id2label=LABELS,
        label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    images = transformers.Mask2FormerImageProcessor(
        size={"height": SIDE, "width": SIDE}, num_labels=len(LABELS)
    )
    return _save(folder, _sure(transformers.Mask2FormerForUniversalSegmentation(config)), images)


def maskformer(folder: Path) -> Path:
    torch.manual_seed(3)
    detr = transformers.DetrConfig(
        d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=1,
        use_timm_backbone=False, backbone=None, backbone_config=transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1],
            out_features=["stage4"]),
    )  # fmt: skip
    config = transformers.MaskFormerConfig(
        backbone_config=_swin(), decoder_config=detr, fpn_feature_size=32, mask_feature_size=32,
        id2label=LABELS, label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    images = transformers.MaskFormerImageProcessor(
        size={"height": SIDE, "width": SIDE}, num_labels=len(LABELS)
    )
    return _save(folder, _sure(transformers.MaskFormerForInstanceSegmentation(config)), images)


def segformer(folder: Path) -> Path:
    torch.manual_seed(4)
    config = transformers.SegformerConfig(
        hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16, id2label=LABELS,
        label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    images = transformers.SegformerImageProcessor(size={"height": SIDE, "width": SIDE})
    return _save(folder, transformers.SegformerForSemanticSegmentation(config), images)


def oneformer(folder: Path) -> Path:
    """It reads the name of a task, too; what it knows of its labels lies in a file beside it."""
    torch.manual_seed(5)
    config = transformers.OneFormerConfig(
        backbone_config=_swin(), num_queries=2, conv_dim=32, mask_dim=32, hidden_dim=32,
        encoder_feedforward_dim=16, encoder_layers=1, decoder_layers=2, num_attention_heads=2,
        dim_feedforward=16, text_encoder_width=16, text_encoder_context_length=16,
        text_encoder_num_layers=1, text_encoder_vocab_size=len(SPECIAL + WORDS),
        text_encoder_n_ctx=2, task_seq_len=16, query_dec_layers=1, id2label=LABELS,
        label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    model = transformers.OneFormerForUniversalSegmentation(config)
    predictor: Any = model.model.transformer_module.decoder.class_embed
    predictor.weight.data *= 0
    predictor.bias.data = torch.tensor([0.0, 5.0, 0.0, 0.0])
    folder.mkdir(parents=True, exist_ok=True)
    about = {str(number): {"name": name, "isthing": number == 1} for number, name in LABELS.items()}
    (folder / "labels.json").write_text(json.dumps(about), "utf-8")
    images = transformers.OneFormerImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, num_labels=len(LABELS), num_text=2,
        repo_path=str(folder), class_info_file="labels.json",
    )  # fmt: skip
    processor = transformers.OneFormerProcessor(
        images, tokenizer(), max_seq_length=16, task_seq_length=16
    )
    return _save(folder, model, processor)


def eomt(folder: Path) -> Path:
    torch.manual_seed(6)
    config = transformers.EomtConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=SIDE,
        patch_size=8, num_blocks=1, num_queries=2, num_upscale_blocks=1, num_register_tokens=1,
        id2label=LABELS, label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    images = transformers.EomtImageProcessorPil(
        size={"shortest_edge": SIDE, "longest_edge": SIDE}, do_pad=True
    )
    return _save(folder, _sure(transformers.EomtForUniversalSegmentation(config)), images)


def sam(folder: Path) -> Path:
    """The first SAM, without a preprocessor, as above."""
    torch.manual_seed(7)
    config = transformers.SamConfig(
        vision_config={
            "hidden_size": 16, "output_channels": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "image_size": 64, "patch_size": 16, "mlp_dim": 16,
            "window_size": 2, "global_attn_indexes": [1], "num_pos_feats": 8,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 16},
        mask_decoder_config={
            "hidden_size": 16, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
    )  # fmt: skip
    return _save(folder, transformers.SamModel(config))
