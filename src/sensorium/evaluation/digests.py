"""Telling whether data is the same: digests of files, texts and everything together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sensorium.data.encoding import content_digest
from sensorium.errors import MediaError
from sensorium.media.sources import read_file


def digest_files(names: Sequence[str], files: Sequence[Path]) -> dict[str, str]:
    """SHA-256 (hex) of files, without decoding them, as `encode_examples` gives it; by name."""

    def digest(path: Path) -> str:
        try:
            return content_digest(read_file(path))
        except MediaError:
            return ""

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return dict(zip(names, threads.map(digest, files), strict=True))


def digest_of(*values: str) -> str:
    """SHA-256 (hex) over texts; their borders count."""
    total = hashlib.sha256()
    for value in values:
        content = value.encode("utf-8", "replace")
        total.update(len(content).to_bytes(8, "little") + content)
    return total.hexdigest()
