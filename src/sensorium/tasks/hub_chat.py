"""A model of Transformers that one talks to: of texts, or of texts and pictures.

It takes the place of one on a server (`ServedModel`) wherever a chat template says how it is asked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import PIL.Image

from sensorium.errors import EncoderError, MissingExtraError, NotAtHandError, UnknownModelError
from sensorium.tasks.chat import without_thought
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, origin_of_pretrained

try:
    import torch
    import transformers
    from transformers.models.auto import modeling_auto as kinds

    from sensorium.encoders.hub_loading import choose_device
    from sensorium.encoders.pretrained import load_pretrained
    from sensorium.tasks.generating import cannot_be_loaded
    from sensorium.tasks.hub_models import model_bytes
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "hub") from error

_COMPUTING = Lock()


class HubChat:
    """A model of a hub or folder with a chat template: Llama, Qwen, LLaVA, SmolVLM, Gemma ...

    Parameters
    ----------
    name : str or Path
    reader : ProcessorMixin or PreTrainedTokenizer
        What `chat_reader` found.
    """

    def __init__(self, name: str | os.PathLike[str], reader: Any) -> None:
        self.name = os.path.expanduser(name)  # noqa: PTH111
        self._reader = reader
        self._origin: Origin | None = None

    @property
    def origin(self) -> Origin:
        """The model."""
        if self._origin is None:
            self._origin = origin_of_pretrained(self.name)
        return self._origin

    def write(
        self,
        content: str | Sequence[str | PIL.Image.Image],
        *,
        system: str = "",
        most_tokens: int = 512,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """See `ServedModel.write`; a schema is not enforced: what asks for one reads other texts.

        Raises
        ------
        EncoderError
            When its template takes no picture, or it cannot read so much.
        """
        return self.scored(content, system=system, most_tokens=most_tokens)[0]

    def scored(
        self,
        content: str | Sequence[str | PIL.Image.Image],
        *,
        system: str = "",
        most_tokens: int = 512,
    ) -> tuple[str, float]:
        """As `write`, with the mean log-probability of its word pieces."""
        pieces = [content] if isinstance(content, str) else list(content)
        with self._using() as model, _COMPUTING, torch.inference_mode():
            inputs = self._inputs(pieces, system).to(model.device)
            length = inputs["input_ids"].shape[1]
            config = getattr(model.config, "text_config", None) or model.config
            room = (getattr(config, "max_position_embeddings", None) or 1 << 30) - length
            if room < 1:
                raise EncoderError(
                    f"{self.name} was asked {length} word pieces and reads "
                    f"{length + room}: take a shorter text, or another model"
                )
            found = model.generate(
                **inputs, max_new_tokens=min(most_tokens, room), do_sample=False,
                return_dict_in_generate=True, output_scores=True,
            )  # fmt: skip
            written = found.sequences[:, length:]
            chances = model.compute_transition_scores(
                found.sequences, found.scores, normalize_logits=True
            )[0]
        text = self._reader.batch_decode(written, skip_special_tokens=True)[0]
        return without_thought(text), float(chances.mean()) if len(chances) else 0.0

    def _inputs(self, pieces: Sequence[str | PIL.Image.Image], system: str) -> Any:
        try:
            return self._told(pieces, system)
        except Exception as error:  # templates are programs of their own
            if not system:
                raise EncoderError(
                    f"{self.name}: its chat template cannot be asked this ({error!s:.200})"
                ) from error
        return self._inputs([system, *pieces], "")  # Gemma's, say, know no system

    def _told(self, pieces: Sequence[str | PIL.Image.Image], system: str) -> Any:
        sees = hasattr(self._reader, "tokenizer")
        if not sees and not all(isinstance(piece, str) for piece in pieces):
            raise ValueError("it takes no picture")
        asked: list[dict[str, Any]] = []
        for role, told in (("system", [system] if system else []), ("user", pieces)):
            if told and sees:
                asked.append({"role": role, "content": [_part(piece) for piece in told]})
            elif told:
                asked.append({"role": role, "content": "\n".join(map(str, told))})
        return self._reader.apply_chat_template(
            asked, tokenize=True, return_dict=True, add_generation_prompt=True, return_tensors="pt"
        )

    def _using(self) -> Any:
        return LOADED.using(("chat", self.name), self._load, model_bytes(self.name))

    def _load(self) -> Any:
        kind: Any = transformers.AutoModelForCausalLM
        if hasattr(self._reader, "tokenizer"):
            kind = transformers.AutoModelForImageTextToText
        try:
            model = load_pretrained(kind, self.name, use_safetensors=True)
        except Exception as error:  # Transformers raises nearly any exception here
            raise cannot_be_loaded(self.name, "as a model to talk to", error) from error
        return model.eval().to(choose_device(None)[0])


def _part(piece: str | PIL.Image.Image) -> dict[str, Any]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    return {"type": "image", "image": piece}


def chat_reader(name: str | os.PathLike[str]) -> Any | None:
    """What reads for a model that one talks to: a processor, or a tokenizer; None of any other.

    Raises
    ------
    EncoderError
        When it has a chat template, and cannot be loaded.
    """
    name = os.path.expanduser(name)  # noqa: PTH111
    try:
        reader = load_pretrained(transformers.AutoProcessor, name)
    except EncoderError:
        raise
    except Exception as error:  # Transformers raises nearly any exception here
        if _has_template(name):
            raise cannot_be_loaded(name, "as a model to talk to", error) from error
        return None  # what is wrong shows when it is loaded whole
    return reader if getattr(reader, "chat_template", None) else None


def is_chat(name: str | os.PathLike[str]) -> bool:
    """Whether a name is of a model that writes on from what it is told, with a chat template.

    A name that cannot be looked at is none: whatever else loads it says what is wrong.

    Raises
    ------
    NotAtHandError, UnknownModelError
        When the model is not on this machine, or there is none of that name.
    """
    try:
        config = load_pretrained(transformers.AutoConfig, os.path.expanduser(name))  # noqa: PTH111
    except (NotAtHandError, UnknownModelError):
        raise
    except Exception:  # Transformers raises nearly any exception here
        return False
    writes = type(config) in kinds.MODEL_FOR_CAUSAL_LM_MAPPING
    sees = type(config) in kinds.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    if getattr(config, "is_encoder_decoder", False) or not (writes or sees):
        return False
    return chat_reader(name) is not None


def _has_template(name: str) -> bool:
    try:
        tokenizer = load_pretrained(transformers.AutoTokenizer, name)
    except Exception:  # as above
        return False
    return bool(getattr(tokenizer, "chat_template", None))
