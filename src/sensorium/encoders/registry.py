"""Which encoders there are, and loading one by name."""

from __future__ import annotations

import os
from pathlib import Path

from sensorium.encoders.base import Encoder
from sensorium.encoders.catalogue import CATALOGUE
from sensorium.encoders.composed import SEPARATOR, ComposedEncoder
from sensorium.encoders.folder import SHIPPED, FolderEncoder
from sensorium.encoders.folder_config import CONFIG
from sensorium.encoders.naming import is_cached_id, is_hub_id, is_path, require_known
from sensorium.encoders.trust import is_elsewhere, remember, require_named
from sensorium.errors import EncoderError

DEFAULT_ENCODER = "mini"


def shipped_encoders() -> dict[str, Path]:
    """Name and folder of every encoder that installs with the package."""
    return {path.parent.name: path.parent for path in sorted(SHIPPED.glob(f"*/{CONFIG}"))}


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
    UnknownModelError
        When a name is no shipped encoder's, no folder's and no hub id; the message has the nearest.
    NotAtHandError
        When a hub's model is not on this machine; the message has its size and how it is fetched.
    EncoderError
        When it is damaged, or there is no such folder.

    Notes
    -----
    The name of a server or of a hub's model is noted as one that was given here, so that
    collections and classifiers may name it, too (`sensorium.encoders.trust`).
    """
    return _load(name, runtime, None)


def load_named(encoder: str | os.PathLike[str] | Encoder) -> tuple[Encoder, str]:
    """Load an encoder, or take one that is loaded.

    Returns
    -------
    encoder : Encoder
    name : str
        What it is loaded by again, from any working directory.

    Raises
    ------
    EncoderError
        For what is neither a name nor an encoder.
    """
    if isinstance(encoder, (str, os.PathLike)):
        return load_encoder(encoder), encoder_name(encoder)
    if not isinstance(encoder, Encoder):
        raise EncoderError(
            f"an encoder is a name, a folder or a sensorium.encoders.Encoder, got {encoder!r:.80}"
        )
    return encoder, encoder.name


def load_ready(encoder: str | os.PathLike[str] | Encoder) -> tuple[Encoder, str]:
    """As `load_named`, and with its towers: before anything is made that needs them."""
    loaded, name = load_named(encoder)
    str(loaded.runtime)  # loads them
    return loaded, name


def load_recorded(name: object, where: str | os.PathLike[str]) -> Encoder:
    """Load the encoder that a file names.

    What is on this machine is loaded as by `load_encoder`. A server, a model of the hub, or a
    folder on another machine has to have been named here by somebody before.

    Parameters
    ----------
    name : str
        As the file has it.
    where : str or Path
        The file, for messages.

    Raises
    ------
    EncoderError
        When there is no such encoder, it is damaged, or nobody has named it here.
    """
    if not isinstance(name, str):
        raise EncoderError(f"{where} names no encoder, but {name!r:.80}")
    try:
        return _load(name, None, os.fspath(where))
    except (OSError, ValueError) as error:  # of a text that no path can be
        raise EncoderError(f"{where} names the encoder {name!r:.80}: {error}") from error


def _load(name: str | os.PathLike[str], runtime: str | None, where: str | None) -> Encoder:
    """Load an encoder; `where` is the file that names it, None where a person does."""
    shipped = shipped_encoders()
    if isinstance(name, str) and name in shipped:
        return FolderEncoder(shipped[name], runtime)
    text = os.fspath(name)

    def allow(what: str) -> None:
        if where is not None:
            require_named(text, where, what)

    if is_elsewhere(text):  # before anything looks there
        allow("a folder on another machine, which would be asked for it")
    if isinstance(name, str) and (parts := composed_of(name)):
        return ComposedEncoder([_load(part, runtime, where) for part in parts])
    folder = Path(os.path.expanduser(name))  # noqa: PTH111
    loaded: Encoder
    if is_endpoint(name):
        allow("a server, which would get your questions, your files and $OPENAI_API_KEY")
        from sensorium.encoders.endpoint import EndpointEncoder

        loaded = EndpointEncoder(text)
    elif (folder / CONFIG).exists():
        loaded = FolderEncoder(folder, runtime)
    elif any((Path(text.split("?")[0]) / file).exists() for file in HUB_FILES):
        loaded = _of_hub_format(text)
    elif not folder.exists() and is_hub_id(text):
        allow("a model of the hub, which might be fetched")
        loaded = _of_hub_format(text)
    elif not folder.exists() and is_cached_id(text.partition("?")[0]):
        loaded = _of_hub_format(text)
    elif folder.is_dir():
        return FolderEncoder(folder, runtime)  # says what is missing
    else:
        if where is None and isinstance(name, str) and not is_path(name):
            require_known(name, [*shipped, *(one.name for one in CATALOGUE)], "encoder")
        raise EncoderError(
            f"no encoder named {str(name)!r}: it is neither shipped "
            f"({', '.join(shipped) or 'none'}) nor a folder that holds {CONFIG}, nor a hub id "
            "(ORGANISATION/MODEL)"
        )
    trust(encoder_name(name))
    return loaded


def _of_hub_format(text: str) -> Encoder:
    from sensorium.encoders.hub import HubEncoder, options_of

    base, options = options_of(text)
    return HubEncoder(os.path.expanduser(base), **options)  # noqa: PTH111


def trust(name: str) -> list[str]:
    """Note that somebody at this machine names an encoder, so that files may, too.

    Returns
    -------
    list of str
        What was noted: nothing has to be of what is on this machine anyway.
    """
    named = []
    for part in composed_of(name) or [name]:
        on_hub = is_hub_id(part) and not Path(part.split("?")[0]).exists()
        if is_endpoint(part) or is_elsewhere(part) or on_hub:
            if is_endpoint(part):
                from sensorium.encoders.server import require_no_credentials

                require_no_credentials(part)
            remember(part)
            named.append(part)
    return named


def composed_of(name: str) -> list[str]:
    """The names that a plus sign joins; none where a folder is called so, or a URL holds it."""
    if SEPARATOR not in name or is_endpoint(name) or Path(os.path.expanduser(name)).exists():  # noqa: PTH111
        return []
    return [part.strip() for part in name.split(SEPARATOR)]


HUB_FILES = ("modules.json", "config.json")
"""One of these is in a folder of the format of sentence-transformers or Transformers."""


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
    base, _, options = str(name).partition("?")
    if isinstance(name, str) and not path.exists() and (is_hub_id(name) or is_cached_id(base)):
        if not Path(base).is_dir():
            return name
        return f"{Path(base).absolute()}?{options}"
    return str(path.absolute())
