"""Words, numbers and paths of the command line read without pydantic, which Typer imports for them.

Since Typer 0.26 every option is read through a schema that pydantic makes; importing it and making
them takes 0.15 s of each command. Plain values are read here, to the same; all others, and what is
wrong with any, are left to Typer.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_origin

_INT = re.compile(r"-?\d{1,15}")
_FLOAT = re.compile(r"-?\d{1,15}(\.\d{1,15})?")

_PLAIN = (str, int, float, bool, Path)


def without_schemas() -> None:
    """Let Typer make a schema when the first value needs one; nothing where it makes none."""
    try:
        from typer import _coercion, core

        make, base = _coercion.build_runtime_param, _coercion.RuntimeParam
        if core.build_runtime_param is not make or hasattr(make, "plain"):  # type: ignore[attr-defined]
            return
    except (ImportError, AttributeError):  # an older one, or a newer one that is built otherwise
        return

    class PlainParam(base):  # type: ignore[misc, valid-type]
        """Reads what is plain, and asks Typer's own for the rest."""

        def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
            read = plain_value(value, self.annotation)
            if read is not None:
                return read
            descriptor = _coercion.TypeDescriptor(self.annotation, self.parameter_info, None)
            return make(descriptor)._coerce_value(value, param=param, ctx=ctx)

    def plainly(descriptor: Any) -> Any:
        info = descriptor.parameter_info
        if descriptor.file_annotation is not None or not is_plain(descriptor.annotation, info):
            return make(descriptor)
        return PlainParam(annotation=descriptor.annotation, parameter_info=info)

    plainly.plain = True  # type: ignore[attr-defined]
    core.build_runtime_param = plainly  # type: ignore[attr-defined]


def is_plain(annotation: Any, info: Any) -> bool:
    """Whether an option is a plain value, or a list of such, and nothing is asked of it."""
    args = get_args(annotation)
    kind = args[0] if get_origin(annotation) is list and len(args) == 1 else annotation
    asks = ("min", "max", "parser", "path_type", "formats", "click_type")
    flags = ("exists", "writable", "resolve_path", "allow_dash", "clamp")
    return (
        kind in _PLAIN
        and all(getattr(info, name, None) is None for name in asks)
        and not any(getattr(info, name, False) for name in flags)
        and getattr(info, "file_okay", True)
        and getattr(info, "dir_okay", True)
    )


def plain_value(value: Any, annotation: Any) -> Any:
    """A value as Typer would read it; None where that is left to Typer.

    Parameters
    ----------
    value : object
        A word, several, or what stands in their place.
    annotation : type
        str, int, float, bool, Path or a list of one of them.
    """
    if get_origin(annotation) is list:
        if not isinstance(value, (list, tuple)):
            return None
        (kind,) = get_args(annotation)
        read = [plain_value(one, kind) for one in value]
        return None if any(one is None for one in read) else read
    if type(value) is annotation and annotation is not Path:
        return value
    if not isinstance(value, str):
        return None
    if annotation is int and _INT.fullmatch(value):
        return int(value)
    if annotation is float and _FLOAT.fullmatch(value):
        return float(value)
    if annotation is Path and "\0" not in value:
        path = Path(value)
        # Whether it can be read is said by Typer, in its own words.
        return path if _may_be_read(path) else None
    return None


def _may_be_read(path: Path) -> bool:
    import os

    try:
        return not path.exists() or os.access(path, os.R_OK)
    except (OSError, ValueError):
        return False
