"""Shapes of answers for OpenAPI, made of the library's own dataclasses: they cannot differ.

They describe; nothing is checked or converted by them when a request is answered.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from sensorium.plain import UNTOLD

SCALARS = (str, int, float, bool, type(None))


class Shape(BaseModel):
    """An object with these keys and no others."""

    model_config = ConfigDict(extra="forbid")


@cache
def shape_of(kind: type) -> type[Shape]:
    """The shape of a dataclass as `sensorium.plain.plain_fields` tells it.

    Parameters
    ----------
    kind : dataclass
    """
    hints = get_type_hints(kind)
    fields: Any = {
        one.name: (_told(hints[one.name], kind), ...)
        for one in dataclasses.fields(kind)
        if one.name != UNTOLD
    }
    made: type[Shape] = create_model(kind.__name__, __base__=Shape, **fields)
    made.__doc__ = (kind.__doc__ or "").strip().partition("\n")[0]
    return made


def answers(shape: Any, example: Any = None, *, status: int = 200) -> dict[int | str, Any]:
    """What a route declares of the answer that is wanted.

    Parameters
    ----------
    shape : pydantic model, or what pydantic takes for a type
    example : JSON value, optional
    status : int
    """
    declared: dict[str, Any] = {"model": shape}
    if example is not None:
        declared["content"] = {"application/json": {"example": example}}
    return {status: declared}


def _told(hint: Any, within: type | None = None) -> Any:
    """A field's type as JSON has it; anything where that depends on who made it.

    A dataclass that holds others of its own kind is named within itself.
    """
    if within is not None and hint is within:
        return ForwardRef(within.__name__)
    if hint in SCALARS or hint is Any:
        return Any if hint is Any else hint
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return shape_of(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return str
    if hint is Path:
        return str
    origin, of = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(_told(one, within) for one in of)]  # noqa: UP007 - of as many as there are
    if origin is Literal:
        return hint
    if origin is tuple and of[-1:] != (Ellipsis,):
        return tuple[tuple(_told(one, within) for one in of)]  # type: ignore[misc]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[str, _told(of[1], within)]  # type: ignore[misc]
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return list[_told(of[0], within)]  # type: ignore[misc]
    return Any
