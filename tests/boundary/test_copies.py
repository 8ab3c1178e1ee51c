"""Where duplicates are looked for and drawn, a library may fail anywhere: nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.cli.group_sheet import write_group_sheets
from sensorium.collection import Item
from sensorium.collection.duplicates.confirming import Copies, Thumbnails
from sensorium.collection.duplicates.finding import Duplicates
from tests.boundary.faults import FAULTS, ROOT, Site, fault, sites
from tests.boundary.test_callers import in_this_process as in_this_process  # a fixture
from tests.media.small_pictures import encode, red_blue

FEW = 6
"""Places that are tried each time; the slow test tries all."""


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """A picture, the same saved otherwise and as JPEG, one with transparency, one of 16 bits."""
    picture = red_blue((64, 40))
    deep = PIL.Image.fromarray(np.array(picture.convert("L")) * np.uint16(256))
    layered = picture.convert("RGBA")
    layered.putalpha(90)
    files = {
        "a.png": encode(picture, "PNG"), "b.png": encode(picture, "PNG", compress_level=1),
        "c.jpg": encode(picture, "JPEG"), "d.png": encode(layered, "PNG"),
        "e.png": encode(deep, "PNG"),
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return [str(tmp_path / name) for name in files]


def compared(paths: list[str]) -> list[bool]:
    pairs = np.array([[0, n] for n in range(1, len(paths))])
    found = Copies(paths, [], Thumbnails(paths)).agree(pairs, np.ones(len(pairs), np.float32))
    return [bool(one) for one in found]


def drawn(paths: list[str]) -> list[str]:
    """Reasons of what could not be drawn."""
    items = [Item(n, path, "image", {}) for n, path in enumerate(paths)]
    group = Duplicates("copies", items, [1.0] * len(items))
    _, unreadable = write_group_sheets(Path(paths[0]).with_name("sheet.png"), [group])
    return [one.reason for one in unreadable]


def places(of: Callable[[], object], *within: str) -> list[tuple[Site, Path]]:
    """Where libraries are called for a file, and what a profiler has to watch to see it."""
    of()  # what is loaded once is loaded
    return [
        (site, ROOT / part)
        for part in within
        for site in sites(of, ROOT / part)
        if part == "media" or site[1] in ("_shown", "thumbnail")
    ]


def tried(found: list[tuple[Site, Path]], every: bool) -> list[tuple[Site, Path, str]]:
    """Places with a fault that is raised there, of all kinds in turn: all of them, or a few."""
    assert len(found) > 2 * FEW
    chosen = found if every else found[:: len(found) // FEW]
    return [(site, part, kind) for (site, part), kind in zip(chosen, cycle(FAULTS), strict=False)]


each = pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])


@each
def test_comparing(paths: list[str], every: bool) -> None:
    """What cannot be read is no copy of anything, and nothing else is made one by it."""
    usual = compared(paths)
    assert True in usual and False in usual
    for site, part, kind in tried(places(lambda: compared(paths), "media", "collection"), every):
        with fault(site, FAULTS[kind], part) as raised:
            found = compared(paths)
        assert raised, site
        assert not any(now and not before for now, before in zip(found, usual, strict=True)), site
    assert compared(paths) == usual


@each
def test_drawing(paths: list[str], every: bool) -> None:
    """The tile of what cannot be read is grey, the others are drawn, and the reason is told."""
    assert drawn(paths) == []
    for site, part, kind in tried(places(lambda: drawn(paths), "media", "cli"), every):
        if site[0] == "media/lettering.py":  # writes names, whatever the files hold
            continue
        with fault(site, FAULTS[kind], part) as raised:
            reasons = drawn(paths)
        assert raised, site
        assert len(reasons) <= 1 and all(one.isprintable() for one in reasons), (site, kind)
    assert drawn(paths) == []
