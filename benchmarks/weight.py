"""Installed size of the core: what `pip install sensorium` puts on a disk."""

import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from benchmarks.measuring import run_process

PROJECT = Path(__file__).parents[1]

#: What every virtual environment holds before anything is installed.
OF_VENV = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack")


def installed_bytes() -> int:
    """Install the core into a fresh virtual environment and add up what that added.

    Raises
    ------
    RuntimeError
        The installation failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        run_process([sys.executable, "-m", "venv", folder])
        scripts = "Scripts" if sys.platform == "win32" else "bin"
        python = str(Path(folder) / scripts / "python")
        # From a copy: building leaves files beside the sources.
        copy = Path(folder) / "project"
        copy.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(PROJECT / name, copy)
        shutil.copytree(PROJECT / "src", copy / "src")
        run_process([python, "-m", "pip", "install", "-q", "--no-compile", str(copy)])
        where = "import sysconfig; print(sysconfig.get_path('platlib'))"
        packages = Path(run_process([python, "-c", where]).strip())
        return sum(
            _bytes(entry) for entry in packages.iterdir() if not entry.name.startswith(OF_VENV)
        )


def closure_bytes() -> int:
    """Add up the project's sources and the files of all the core needs, as installed here.

    A quicker estimate of `installed_bytes`, for the versions at hand.
    """
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    total = _bytes(PROJECT / "src" / "sensorium")
    for found in closure(project["dependencies"]):
        for file in found.files or []:
            path = Path(str(found.locate_file(file)))
            if path.suffix != ".pyc" and path.is_file():
                total += path.stat().st_size
    return total


def closure(requirements: Iterable[str]) -> list[Distribution]:
    """Installed packages that requirements lead to, directly or not, without extras."""
    found: dict[str, Distribution] = {}
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        key = re.sub("[-_.]+", "-", name).lower()
        if key in found or "extra ==" in requirement:
            continue
        try:
            found[key] = distribution(key)
        except PackageNotFoundError:
            continue  # meant for another system or Python
        waiting += found[key].requires or []
    return list(found.values())


def _bytes(entry: Path) -> int:
    files = [entry] if entry.is_file() else entry.rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file() and path.suffix != ".pyc")
