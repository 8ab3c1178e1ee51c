"""Every folder is a station on the data's path, and imports only from stations before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "sensorium"

ORDER = (
    "errors", "lazy", "home", "folders", "packages", "media", "encoders", "data", "models", "tasks",
    "index", "ranking", "collection", "evaluation", "explain", "training", "dialogue", "scale",
    "serve", "cli",
)  # fmt: skip


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and module of what a file imports when it is loaded, for types as well."""
    waiting: list[ast.AST] = [ast.parse(file.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):  # loaded when called
            waiting += ast.iter_child_nodes(node)


def station(module: str) -> int | None:
    """Where a module of the package stands; None for one of another package."""
    parts = module.split(".")
    if parts[0] != "sensorium" or len(parts) < 2 or parts[1] not in ORDER:
        return None
    return ORDER.index(parts[1])


def test_every_folder_has_its_place() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= {*ORDER}


def test_no_import_goes_up() -> None:
    wrong = []
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ORDER:
            continue  # the package's own face, and its command
        own = ORDER.index(parts[0])
        for line, module in imports(file):
            there = station(module)
            if there is not None and there > own:
                wrong.append(f"{file.relative_to(PACKAGE)}:{line} takes {module}")
    assert not wrong, "\n".join(wrong)


def test_imports_are_read(tmp_path: Path) -> None:
    """Those for types count, those in functions do not."""
    file = tmp_path / "a.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from sensorium.cli import app\n"
        "def f():\n    from sensorium.training import loop\n"
    )
    modules = {module for _, module in imports(file)}
    assert "sensorium.cli.app" in modules and "sensorium.training" not in modules
    assert station("sensorium.cli.app") == len(ORDER) - 1 and station("numpy.linalg") is None
