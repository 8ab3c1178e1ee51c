"""A voice by SpeechT5 (Ao et al. 2022): letters to a spectrogram, and a vocoder that sounds it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, origin_of_pretrained
from sensorium.tasks.voice.unsaid import mute_runs

Samples = npt.NDArray[np.float32]

VOCODER = "microsoft/speecht5_hifigan"
"""What the published model is sounded by, where its folder has no ``vocoder``."""

SPEAKER = "speaker.npy"
"""In the model's folder: whose voice it is."""


class SpeechT5Voice:
    """A SpeechT5 of a hub or folder, which needs to be told whose voice it has.

    Parameters
    ----------
    name : str
        A hub id or a folder.
    speaker : str
        A file of NumPy with an x-vector of a speaker, float32 of shape (512,); where it is empty,
        ``speaker.npy`` of the folder.
    """

    languages = ()

    def __init__(self, name: str, speaker: str = "") -> None:
        self.name = name
        self._speaker = Path(speaker or Path(name) / SPEAKER).expanduser()
        self._origin: Origin | None = None

    @property
    def rate(self) -> int:
        """See `Voice`."""
        with self._using() as (_, _, vocoder):
            return int(vocoder.config.sampling_rate)

    @property
    def origin(self) -> Origin:
        """See `Voice`."""
        if self._origin is None:
            with self._using():
                self._origin = origin_of_pretrained(self.name)
        return self._origin

    def say(self, sentence: str, language: str, speed: float) -> Samples:
        """See `Voice`.

        Raises
        ------
        UsageError
            For a speed other than 1, or when it is not told whose voice it has.
        """
        import torch

        if speed != 1:
            raise UsageError(f"{self.name} speaks at its own speed: leave the speed out")
        with self._using() as (model, tokenizer, vocoder):
            speaker = torch.from_numpy(self._embedding(model.config.speaker_embedding_dim))
            parts = []
            # Its tokenizer has a piece for each letter, and one for the end.
            for piece in textwrap.wrap(sentence, model.config.max_text_positions - 2):
                ids = tokenizer(piece, return_tensors="pt")["input_ids"].to(model.device)
                # It drops out when it speaks, too: the same text is to sound the same.
                with torch.random.fork_rng(), torch.inference_mode():
                    torch.manual_seed(0)
                    said = model.generate_speech(ids, speaker.to(model.device), vocoder=vocoder)
                parts.append(said.float().cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def unsaid(self, text: str) -> list[str]:
        """See `Voice`."""
        with self._using() as (_, tokenizer, _):
            known = set(tokenizer.get_vocab())
        return mute_runs(text, known.__contains__)

    def _embedding(self, size: int) -> npt.NDArray[np.float32]:
        try:
            found = np.load(self._speaker, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UsageError(
                f"{self.name} has to be told whose voice it has: --voice {self.name}@FILE.npy with "
                f"an x-vector of {size} numbers, or {SPEAKER} in its folder ({error})"
            ) from error
        if found.dtype.kind != "f" or found.size != size or not np.isfinite(found).all():
            raise UsageError(
                f"{self._speaker}: a voice is an x-vector of {size} numbers, this is "
                f"{found.dtype} of shape {found.shape}"
            )
        vector: npt.NDArray[np.float32] = found.reshape(1, size).astype(np.float32)
        return vector

    _size = 600 << 20

    def _using(self) -> Any:
        return LOADED.using(("speecht5", self.name), self._load, self._size)

    def _load(self) -> tuple[Any, Any, Any]:
        try:
            import torch
            import transformers

            from sensorium.encoders.pretrained import load_pretrained
        except ImportError as error:
            raise MissingExtraError(error.name or "transformers", "hub") from error
        own = Path(self.name).expanduser() / "vocoder"
        try:
            model = load_pretrained(
                transformers.SpeechT5ForTextToSpeech, self.name, use_safetensors=True
            )
            tokenizer = load_pretrained(transformers.AutoTokenizer, self.name)
            vocoder = load_pretrained(
                transformers.SpeechT5HifiGan, own if own.is_dir() else VOCODER, use_safetensors=True
            )
        except EncoderError:
            raise
        except Exception as error:  # the library's errors share no base
            raise EncoderError(f"{self.name} cannot be loaded as a voice ({error})") from error
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return model.eval().to(device), tokenizer, vocoder.eval().to(device)


def is_speecht5(name: str) -> bool:
    """Whether a hub id or folder is a SpeechT5; a name that cannot be looked at is none."""
    try:
        import transformers

        from sensorium.encoders.pretrained import load_pretrained

        config = load_pretrained(transformers.AutoConfig, name)
    except Exception:  # Transformers raises nearly any; what loads it says what is wrong
        return False
    return bool(config.model_type == "speecht5")
