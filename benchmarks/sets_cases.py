"""What `python -m benchmarks sets` labels: pictures of the fetched sets, by their kinds."""

from collections import Counter

from benchmarks.cases import CLIPART_CATEGORIES, NAMELESS, ZeroShot, all_stamps, sorted_by
from benchmarks.datasets import rows as pictures_of


def cases(split: str) -> list[ZeroShot]:
    """Drawings of one split; with "test" stamps, too, none of which chose or fitted anything.

    Parameters
    ----------
    split
        "val" or "test".
    """
    emoji = [
        row
        for row in pictures_of("emoji")
        if row["split"] == split and row["style"] == "noto" and row["category"] != "flags"
    ]
    clipart = [
        row
        for row in pictures_of("clipart")
        if row["split"] == split and row["quality"] == "good" and row["category"] not in NAMELESS
    ]
    found = [
        sorted_by("groups of emoji", emoji),
        sorted_by("categories of clip art", clipart, most=CLIPART_CATEGORIES),
    ]
    if split == "test":
        stamps = all_stamps()
        animals = [picture for picture in stamps if picture["category"] == "animals"]
        found += [
            sorted_by("categories of stamps", stamps),
            sorted_by("kinds of animals on stamps", animals, "subcategory"),
        ]
    return found


def named(split: str) -> list[tuple[str, list[str], list[str]]]:
    """Pictures with names that no other has: what they are of, paths and names."""
    sets = {
        "emoji": [
            row for row in pictures_of("emoji") if row["split"] == split and row["style"] == "noto"
        ],
        "clip art": [
            row
            for row in pictures_of("clipart")
            if row["split"] == split
            and row["quality"] == "good"
            and row["caption_lang"] == "en"
            and row["category"] not in NAMELESS
        ],
    }
    if split == "test":
        sets["photos"] = [row for row in pictures_of("gcompris") if row["style"] == "photo"]
    found = []
    for name, rows in sets.items():
        counts = Counter(row["caption_en"] for row in rows)
        alone = [row for row in rows if row["caption_en"] and counts[row["caption_en"]] == 1]
        found.append((name, [row["image"] for row in alone], [row["caption_en"] for row in alone]))
    return found
