"""Which encoders there are, and loading one by name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sensorium.encoders.base import Encoder
from sensorium.encoders.composed import SEPARATOR, ComposedEncoder
from sensorium.encoders.folder import CONFIG, FolderEncoder
from sensorium.errors import EncoderError

DEFAULT_ENCODER = "mini"

_SHIPPED = Path(__file__).parent
"""Encoders that come with the package are folders here."""


def shipped_encoders() -> dict[str, Path]:
    """Name and folder of every encoder that installs with the package."""
    return {path.parent.name: path.parent for path in sorted(_SHIPPED.glob(f"*/{CONFIG}"))}


def load_encoder(
    name: str | os.PathLike[str] = DEFAULT_ENCODER, *, runtime: str | None = None
) -> Encoder:
    """Load an encoder.

    Parameters
    ----------
    name : str or Path
        ``"mini"``, a folder that holds ``encoder.json``, or an OpenAI-compatible endpoint,
        ``http(s)://.../v1#MODEL`` (`sensorium.encoders.endpoint.EndpointEncoder`), or a hub id or
        folder in the hub's format, which may have options: ``org/model?dimension=256``
        (`sensorium.encoders.hub.HubEncoder`; extra ``hub``). Two or more names joined by ``+``
        are encoders side by side (`sensorium.encoders.composed.ComposedEncoder`). A name that is
        shipped wins over a folder of the same name; write ``./mini`` for the folder.
    runtime : {"openvino", "onnxruntime"}, optional
        None chooses by what is installed and ``$SENSORIUM_RUNTIME``.

    Raises
    ------
    EncoderError
        When there is no such encoder or it is damaged.
    """
    shipped = shipped_encoders()
    if isinstance(name, str) and name in shipped:
        return FolderEncoder(shipped[name], runtime)
    if isinstance(name, str) and (parts := composed_of(name)):
        return ComposedEncoder([load_encoder(part, runtime=runtime) for part in parts])
    if is_endpoint(name):
        from sensorium.encoders.endpoint import EndpointEncoder

        return EndpointEncoder(str(name))
    folder = Path(os.path.expanduser(name))  # noqa: PTH111
    if (folder / CONFIG).exists():
        return FolderEncoder(folder, runtime)
    text = os.fspath(name)
    of_hub_format = any((Path(text.split("?")[0]) / file).exists() for file in HUB_FILES)
    if of_hub_format or (not folder.exists() and is_hub_id(text)):
        from sensorium.encoders.hub import HubEncoder, options_of

        base, options = options_of(text)
        return HubEncoder(os.path.expanduser(base), **options)  # noqa: PTH111
    if folder.is_dir():
        return FolderEncoder(folder, runtime)  # says what is missing
    raise EncoderError(
        f"no encoder named {str(name)!r}: it is neither shipped ({', '.join(shipped) or 'none'}) "
        f"nor a folder that holds {CONFIG}, nor a hub id (ORGANISATION/MODEL)"
    )


def composed_of(name: str) -> list[str]:
    """The names that a plus sign joins; none where a folder is called so, or a URL holds it."""
    if SEPARATOR not in name or is_endpoint(name) or Path(os.path.expanduser(name)).exists():  # noqa: PTH111
        return []
    return [part.strip() for part in name.split(SEPARATOR)]


HUB_FILES = ("modules.json", "config.json")
"""One of these is in a folder of the format of sentence-transformers or Transformers."""

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(\?.*)?")


def is_hub_id(name: str) -> bool:
    """Whether a name is written as a hub id, maybe with options: ``org/model?dimension=256``."""
    return _HUB_ID.fullmatch(name) is not None and not name.startswith((".", "~"))


def is_endpoint(name: str | os.PathLike[str]) -> bool:
    """Whether a name is the URL of a server."""
    return isinstance(name, str) and name.lower().startswith(("http://", "https://"))


def encoder_name(name: str | os.PathLike[str]) -> str:
    """Write a name as it can be loaded from any working directory."""
    if isinstance(name, str) and (parts := composed_of(name)):
        return SEPARATOR.join(encoder_name(part) for part in parts)
    if isinstance(name, str) and (name in shipped_encoders() or is_endpoint(name)):
        return name
    path = Path(os.path.expanduser(name))  # noqa: PTH111
    if isinstance(name, str) and not path.exists() and is_hub_id(name):
        base, _, options = name.partition("?")
        if not Path(base).is_dir():
            return name
        return f"{Path(base).absolute()}?{options}"
    return str(path.absolute())
