"""The folder that `load_encoder` takes: Transformers' files and sentence-transformers' list."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from recipes.ear.pooling import Whitening, feature_extractor

CARD = """\
---
license: mit
library_name: sentence-transformers
---
# ear

The first {layers} layers of the encoder of OpenAI's Whisper base (MIT licence, Radford et al.
2022), the mean over time, and a linear map that centres and whitens it, fitted to instruments of
FluidR3 (MIT) and samples of Sonic Pi (CC0) and Freedoom (BSD). Hears sounds of up to {seconds} s;
made by `python -m recipes.ear`. Load it with Sensorium, which leaves out of the mean what a window
is filled up with; sentence-transformers alone does not.
"""


def write(folder: Path, encoder: WhisperEncoder, whitening: Whitening, card: str) -> None:
    """Write encoder and map; what is in the folder by the same names is replaced."""
    width, dimension = whitening.matrix.shape
    with TemporaryDirectory() as plain:
        encoder.save_pretrained(plain)
        feature_extractor(encoder.config.num_mel_bins).save_pretrained(plain)
        heard = Transformer(plain, processing_kwargs={"audio": {"return_attention_mask": True}})
        dense = Dense(
            width, dimension, activation_function=torch.nn.Identity(),
            init_weight=torch.from_numpy(whitening.matrix.T.copy()),
            init_bias=torch.from_numpy(whitening.offset),
        )  # fmt: skip
        model = SentenceTransformer(
            modules=[heard, Pooling(width, "mean"), dense, Normalize()], device="cpu"
        )
        model.save(str(folder), create_model_card=False)
    (folder / "README.md").write_text(card, encoding="utf-8")
