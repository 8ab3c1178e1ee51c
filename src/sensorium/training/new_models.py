"""Models that are made before they are trained: from nothing, or of two pretrained ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders import Encoder
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media import Text

try:
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    from sensorium.encoders.pretrained import load_pretrained, require_here, safe_loading
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

PAD, BEGIN, END, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"


@dataclass(frozen=True)
class Shape:
    """Size of a seq2seq model that is made from nothing.

    Parameters
    ----------
    width : int
        Of its embeddings; a multiple of `heads`.
    layers : int
        Of encoder and decoder each.
    heads : int
    dropout : float
    """

    width: int = 256
    layers: int = 3
    heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("width", "layers", "heads"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.width % self.heads:
            raise UsageError(f"width {self.width} is no multiple of {self.heads} heads")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout is {self.dropout}; it lies from 0 to below 1")


def train_tokenizer(texts: Iterable[str], size: int = 4000) -> Any:
    """Learn word pieces from texts: byte-level BPE (Radford et al. 2019), for any language.

    Parameters
    ----------
    texts : iterable of str
    size : int
        Word pieces, at most; no fewer than the 256 bytes and 4 special ones.

    Returns
    -------
    PreTrainedTokenizerFast
        Every text gets an end; decoders begin with its ``bos_token``.

    Raises
    ------
    UsageError
        For a smaller size.
    """
    least = 256 + 4
    if size < least:
        raise UsageError(f"a vocabulary of {size} word pieces is too small; it has {least} or more")
    pieces = Tokenizer(models.BPE(unk_token=UNKNOWN))
    # With a space before every text, a word is one piece wherever it stands.
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[PAD, BEGIN, END, UNKNOWN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces.train_from_iterator(texts, trainer)
    pieces.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, pieces.token_to_id(END))]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=pieces, pad_token=PAD, bos_token=BEGIN, eos_token=END,
        unk_token=UNKNOWN, model_max_length=512, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def new_seq2seq(tokenizer: Any, shape: Shape | None = None, seed: int = 0) -> Any:
    """Make a small BART (Lewis et al. 2020) with random weights for a tokenizer's word pieces."""
    shape = shape or Shape()
    config = transformers.BartConfig(
        vocab_size=len(tokenizer),
        d_model=shape.width,
        encoder_layers=shape.layers,
        decoder_layers=shape.layers,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        encoder_ffn_dim=4 * shape.width,
        decoder_ffn_dim=4 * shape.width,
        max_position_embeddings=256,
        dropout=shape.dropout,
        attention_dropout=0.0,
        activation_dropout=0.0,
        scale_embedding=True,
        # BART's own 0.02 suits a width of 1,024; a narrow model would learn slowly at first.
        init_std=shape.width**-0.5,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.bos_token_id,
        forced_eos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return transformers.BartForConditionalGeneration(config)


def piece_vectors(encoder: Encoder, tokenizer: Any) -> npt.NDArray[np.float32]:
    """What a text encoder makes of each word piece, float32 (word pieces, d)."""
    pieces = [
        tokenizer.convert_tokens_to_string([piece]).strip()
        for piece in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    ]
    # Half a character, or a space alone, is no text: a full stop stands for it.
    return encoder.encode([Text(piece if piece.isalnum() else ".") for piece in pieces])


def set_word_vectors(model: Any, vectors: npt.NDArray[np.float32]) -> None:
    """Begin with word embeddings that know which word pieces mean alike.

    Parameters
    ----------
    model : PreTrainedModel
        Whose embeddings are narrower than the vectors, or as wide.
    vectors : ndarray of float32, shape (word pieces, d)
        What a text encoder makes of each word piece. Their leading principal components are
        scaled as the random weights are, and added to them: pieces that the encoder does not tell
        apart stay different.
    """
    weight = model.get_input_embeddings().weight
    centred = vectors - vectors.mean(0)
    components = np.linalg.svd(centred, full_matrices=False)[2][: weight.shape[1]]
    reduced = centred @ components.T
    spread = float(reduced.std())
    if not spread:
        return
    scaled = torch.from_numpy(reduced / spread).to(weight.dtype) * weight.std().item()
    with torch.no_grad():
        weight[:, : scaled.shape[1]] += scaled
        weight *= 2**-0.5


def join_pretrained(kind: Any, encoder: str | Path, decoder: str | Path) -> Any:
    """Join a pretrained encoder and decoder; what stands between them is new.

    Parameters
    ----------
    kind : class
        ``EncoderDecoderModel`` or ``VisionEncoderDecoderModel``.
    encoder, decoder : str or Path
        Hub ids or folders.

    Raises
    ------
    Exception
        Nearly any, by Transformers.
    """
    config = load_pretrained(transformers.AutoConfig, decoder)
    config.is_decoder = True
    config.add_cross_attention = True
    options: dict[str, Any] = {"decoder_config": config}
    sources = []
    for side, name in (("encoder", encoder), ("decoder", decoder)):
        source, revision = require_here(name)
        sources.append(source)
        options |= {
            f"{side}_use_safetensors": True,
            f"{side}_dtype": torch.float32,
            f"{side}_trust_remote_code": False,
            f"{side}_local_files_only": True,
        }
        if revision is not None:
            options[f"{side}_revision"] = revision
    with safe_loading():
        return kind.from_encoder_decoder_pretrained(*sources, **options)


def join_decoder(network: Any, tokenizer: Any) -> None:
    """Tell an encoder and a decoder that were joined which word pieces begin, end and pad."""
    first = (tokenizer.bos_token_id, tokenizer.cls_token_id, tokenizer.eos_token_id)
    last = (tokenizer.eos_token_id, tokenizer.sep_token_id)
    begin, end = (next((one for one in ids if one is not None), None) for ids in (first, last))
    if tokenizer.pad_token_id is None and tokenizer.eos_token is not None:
        tokenizer.pad_token = tokenizer.eos_token
    if begin is None or end is None or tokenizer.pad_token_id is None:
        raise UsageError("the decoder's tokenizer has no word pieces for begin, end and padding")
    for config in (network.config, network.generation_config):
        config.decoder_start_token_id = begin
        config.eos_token_id = end
        config.pad_token_id = tokenizer.pad_token_id
        config.bos_token_id = begin
