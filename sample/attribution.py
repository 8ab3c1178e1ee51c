"""Write ATTRIBUTION.md from the manifests: python sample/attribution.py."""

from __future__ import annotations

import csv
from pathlib import Path

HERE = Path(__file__).parent

INTRODUCTION = """\
# Attribution

Every picture and sound of this collection with its author, licence and origin. This file is
generated from `images.csv` and `sounds.csv` by `python sample/attribution.py`. Pictures were
scaled to at most 448 pixels.
"""

LICENSES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-2.0": "https://creativecommons.org/licenses/by/2.0/",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-SA-3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
}


def attribution() -> str:
    """Render the whole file as Markdown."""
    parts = [INTRODUCTION]
    for title, manifest in (("Pictures", "images.csv"), ("Sounds", "sounds.csv")):
        parts.append(
            f"\n## {title}\n\n| file | title | author | licence | origin |\n|---|---|---|---|---|\n"
        )
        with (HERE / manifest).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                origin = f"[source]({row['origin']})" if row["origin"] else row["source"]
                name = row["license"]
                plain = name.split(" (")[0]
                license_ = f"[{name}]({LICENSES[plain]})" if plain in LICENSES else name
                author = row["author"] or "not stated"
                cells = (f"`{row['path']}`", row["caption_en"], author, license_, origin)
                parts.append("| " + " | ".join(c.replace("|", "/") for c in cells) + " |\n")
    return "".join(parts)


if __name__ == "__main__":
    (HERE / "ATTRIBUTION.md").write_text(attribution(), encoding="utf-8")
