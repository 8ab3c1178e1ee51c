"""A tiny tower of vision for llama.cpp, of random weights: what it takes beside a text model."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

SIDE, PATCH, WIDTH, INNER = 32, 8, 16, 32
PLACES = (SIDE // PATCH) ** 2 + 1


def llava_tower(file: Path, model: Path) -> Path:
    """CLIP's tower of one layer and LLaVA's projector before a text model of some width.

    Parameters
    ----------
    file : Path
        Is written, as llama.cpp's ``--mmproj`` reads it.
    model : Path
        The text model, whose embeddings it has to make.
    """
    about = gguf.GGUFReader(model).fields
    kind = about["general.architecture"].contents()
    text_width = int(about[f"{kind}.embedding_length"].contents())
    random = np.random.default_rng(0)
    out = gguf.GGUFWriter(file, "clip")
    out.add_bool("clip.has_vision_encoder", True)
    out.add_bool("clip.has_llava_projector", True)
    out.add_string("clip.projector_type", "mlp")
    out.add_bool("clip.use_gelu", True)
    for name, value in (
        ("image_size", SIDE), ("patch_size", PATCH), ("embedding_length", WIDTH),
        ("feed_forward_length", INNER), ("block_count", 1), ("projection_dim", text_width),
        ("attention.head_count", 2),
    ):  # fmt: skip
        out.add_uint32(f"clip.vision.{name}", value)
    out.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    out.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    out.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])

    def add(name: str, *shape: int) -> None:
        out.add_tensor(name, random.normal(0, 0.3, shape).astype(np.float32))

    add("v.class_embd", WIDTH)
    add("v.patch_embd.weight", WIDTH, 3, PATCH, PATCH)
    add("v.position_embd.weight", PLACES, WIDTH)
    for part in ("q", "k", "v", "out"):
        add(f"v.blk.0.attn_{part}.weight", WIDTH, WIDTH)
        add(f"v.blk.0.attn_{part}.bias", WIDTH)
    for norm in ("v.pre_ln", "v.blk.0.ln1", "v.blk.0.ln2", "v.post_ln"):
        out.add_tensor(f"{norm}.weight", np.ones(WIDTH, np.float32))
        add(f"{norm}.bias", WIDTH)
    for name, wide, narrow in (
        ("v.blk.0.ffn_up", INNER, WIDTH), ("v.blk.0.ffn_down", WIDTH, INNER),
        ("mm.0", text_width, WIDTH), ("mm.2", text_width, text_width),
    ):  # fmt: skip
        add(f"{name}.weight", wide, narrow)
        add(f"{name}.bias", wide)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return file
