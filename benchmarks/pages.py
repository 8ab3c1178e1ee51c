"""Documents of many pages, and long texts: seconds and memory by size.

    python -m benchmarks pages [--pages 500 1000 2000] [--kinds text pictures]
                               [--characters 10000000] [--encoder mini]

PDFs are made here: pages of prose, or of one photograph each. Memory is the most that this process
and the one that reads held; a text is added to a collection, with a stand-in for an encoder.
"""

import argparse
import io
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from benchmarks.measuring import run_python
from benchmarks.rows import Row
from benchmarks.texts import made

_READ = """
import json, resource, sys, time
from pathlib import Path
from sensorium import Document
started, count = time.perf_counter(), 0
document = Document(Path(sys.argv[1]))
document.metadata()
for segment in document.segments():
    count += 1
wall = time.perf_counter() - started
from sensorium.media import isolation
isolation._pool.end()
own = resource.getrusage(resource.RUSAGE_SELF)
other = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({
    "segments": count, "processor time": own.ru_utime + own.ru_stime + other.ru_utime
    + other.ru_stime, "memory": own.ru_maxrss / 1e3, "memory of the reader": other.ru_maxrss / 1e3,
}))
"""

_ADD = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from sensorium import Collection, load_encoder
from sensorium.encoders.base import Encoder
class StandIn(Encoder):
    def __init__(self, real):
        self.name, self.space = real.name, real.space
    def prepare(self, media, role="document"):
        return media
    def encode_prepared(self, modality, batch, role="document"):
        made = np.random.default_rng(len(batch)).normal(size=(len(batch), self.space.dimension))
        return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
encoder = load_encoder("mini")
if sys.argv[3] != "mini":
    encoder = StandIn(encoder)
collection = Collection(sys.argv[2], encoder)
report = collection.add([Path(sys.argv[1])])
own = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "segments": len(collection.segments().ids),
    "processor time": own.ru_utime + own.ru_stime, "memory": own.ru_maxrss / 1e3,
}))
"""

UNITS = {"segments": "", "processor time": "s"}


def pdf(pages: int, kind: str) -> bytes:
    """A PDF of pages of prose, or of one picture each, which is another on every page."""
    chance = random.Random(pages)
    objects: list[bytes] = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    kids = []
    for _ in range(pages):
        first = len(objects) + 1
        kids.append(f"{first} 0 R")
        if kind == "text":
            resources = "/Font<</F 3 0 R>>"
            words = made("text", "prose", 400_000)
            start = chance.randrange(300_000)
            lines = words[start : start + 3000].decode("ascii", "ignore").split("\n")
            wrapped = [line[at : at + 90] for line in lines for at in range(0, len(line), 90)]
            shown = "".join(f"({line}) Tj T*\n" for line in wrapped)
            stream = f"BT /F 11 Tf 14 TL 50 780 Td\n{shown}ET".encode()
        else:
            resources = f"/XObject<</P {first + 2} 0 R>>"
            stream = b"q 500 0 0 700 50 50 cm /P Do Q"
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 842]/Contents {first + 1} 0 R"
            f"/Resources<<{resources}>>>>".encode(),
            _stream("", stream),
        ]
        if kind != "text":
            objects.append(_picture(chance))
    objects[1] = f"<</Type/Pages/Count {pages}/Kids[{' '.join(kids)}]>>".encode()
    file = io.BytesIO()
    file.write(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    table = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    file.write(b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(objects) + 1))
    file.write(b"startxref\n%d\n%%%%EOF" % table)
    return file.getvalue()


def _stream(about: str, content: bytes) -> bytes:
    return f"<<{about}/Length {len(content)}>>stream\n".encode() + content + b"\nendstream"


def _picture(chance: random.Random) -> bytes:
    coarse = np.frombuffer(chance.randbytes(24 * 18 * 3), np.uint8).reshape(24, 18, 3)
    photo = PIL.Image.fromarray(coarse).resize((600, 800), PIL.Image.Resampling.BICUBIC)
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=80)
    about = "/Type/XObject/Subtype/Image/Width 600/Height 800/ColorSpace/DeviceRGB"
    return _stream(f"{about}/BitsPerComponent 8/Filter/DCTDecode", file.getvalue())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--pages", nargs="*", type=int, default=[500, 1000, 2000])
    parser.add_argument("--kinds", nargs="+", default=["text", "pictures"])
    parser.add_argument("--characters", nargs="*", type=int, default=[10_000_000])
    parser.add_argument("--encoder", default="stand-in", help="or mini, which takes minutes")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure each PDF and text in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kinds:
            for pages in arguments.pages:
                file = Path(folder, f"{kind}{pages}.pdf")
                file.write_bytes(pdf(pages, kind))
                case = f"PDF of {kind}, {pages:,} pages, {os.path.getsize(file) / 1e6:.1f} MB"  # noqa: PTH202
                rows += _rows(case, run_python(_READ, str(file)))
                file.unlink()
        for characters in arguments.characters:
            file = Path(folder, f"{characters}.txt")
            file.write_bytes(made("text", "prose", characters))
            found = run_python(_ADD, str(file), str(Path(folder, "c")), arguments.encoder)
            rows += _rows(f"adding a text of {characters:,} characters", found)
    return rows


def _rows(case: str, found: dict[str, Any]) -> list[Row]:
    return [
        Row("pages", case, "sensorium", metric, value, UNITS.get(metric, "MB"))
        for metric, value in found.items()
    ]
