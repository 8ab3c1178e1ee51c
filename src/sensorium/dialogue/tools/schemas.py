"""Arguments of tools: JSON schemas, and values checked by them.

The schemas are of the part of JSON Schema that language models are told functions in: an object of
named properties, each a text, number, yes or no, or a list of such, without any others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sensorium.dialogue.tools.found import Found
from sensorium.errors import UsageError

Schema = Mapping[str, Any]

LONGEST_TEXT = 4_000
"""Characters of one argument; a question of this length is a page."""

LONGEST_LIST = 200


@dataclass(frozen=True)
class Tool:
    """Something that may be called.

    Attributes
    ----------
    name, description : str
        As a language model is told them.
    properties : mapping of str to schema
    run : callable
        Takes the arguments by name.
    required : tuple of str
    writes : bool
        Whether it changes the collection: it is called only in a turn in which the person said so.
    """

    name: str
    description: str
    properties: Mapping[str, Schema]
    run: Callable[..., Found]
    required: tuple[str, ...] = ()
    writes: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return {
            "type": "object",
            "properties": {name: dict(schema) for name, schema in self.properties.items()},
            "required": [*self.required],
            "additionalProperties": False,
        }


def text(description: str, *choices: str) -> dict[str, Any]:
    """The schema of a text, or of one of several words."""
    schema: dict[str, Any] = {"type": "string", "description": description}
    return {**schema, "enum": [*choices]} if choices else schema


def whole(description: str, least: int = 1, most: int | None = None) -> dict[str, Any]:
    """The schema of a whole number."""
    schema: dict[str, Any] = {"type": "integer", "description": description, "minimum": least}
    return schema if most is None else {**schema, "maximum": most}


def several(of: Schema, description: str) -> dict[str, Any]:
    """The schema of a list."""
    plain = {name: value for name, value in of.items() if name != "description"}
    return {
        "type": "array", "description": description, "items": plain, "maxItems": LONGEST_LIST,
    }  # fmt: skip


def checked(tool: Tool, arguments: Any) -> dict[str, Any]:
    """The arguments of a call, those that are left out (or null) left out.

    Raises
    ------
    UsageError
        For one that is unknown, missing, or no such value; the message names tool and argument.
    """
    if not isinstance(arguments, Mapping):
        raise UsageError(f"{tool.name} takes an object of arguments, got {arguments!r:.80}")
    for name in arguments:
        if name not in tool.properties:
            known = ", ".join(tool.properties) or "none"
            raise UsageError(f"{tool.name} has no argument {name!r:.40}; it has: {known}")
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in tool.required:
        if name not in given:
            raise UsageError(f"{tool.name} needs {name}: {tool.properties[name]['description']}")
    for name, value in given.items():
        _check(value, tool.properties[name], f"{tool.name}: {name}")
    return given


def _check(value: Any, schema: Schema, called: str) -> None:
    kind = schema["type"]
    if kind == "array":
        if not isinstance(value, (list, tuple)) or len(value) > schema["maxItems"]:
            raise UsageError(
                f"{called} is a list of up to {schema['maxItems']} values, got {value!r:.80}"
            )
        for one in value:
            _check(one, schema["items"], called)
    elif kind == "string":
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise UsageError(
                f"{called} is a text of up to {LONGEST_TEXT} characters, got {value!r:.80}"
            )
        if "enum" in schema and value not in schema["enum"]:
            raise UsageError(f"{called} is one of {', '.join(schema['enum'])}, got {value!r:.80}")
    elif kind == "boolean":
        if not isinstance(value, bool):
            raise UsageError(f"{called} is true or false, got {value!r:.80}")
    else:
        _check_number(value, schema, called)


def _check_number(value: Any, schema: Schema, called: str) -> None:
    kinds = (int,) if schema["type"] == "integer" else (int, float)
    least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if not isinstance(value, kinds) or isinstance(value, bool) or not least <= value <= most:
        word = "whole number" if kinds == (int,) else "number"
        upper = "" if most == math.inf else f" to {most}"
        raise UsageError(f"{called} is a {word} from {least}{upper}, got {value!r:.80}")
