"""What each training picture is called, in the shares in which the names are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipes.mini import lexicon
from recipes.mini.pairs import Pair

SLOTS = 40  # names a picture may be drawn with
# Shares of its English caption, its Chinese one, captions of any language, what it is a kind of
# ("animal" for a fox), and tags. What a picture lacks becomes English.
SHARES = {"english": 0.42, "chinese": 0.2, "any": 0.18, "kinds": 0.1, "tags": 0.1}


def names(pair: Pair) -> dict[str, list[str]]:
    """Return a picture's names by the key of `SHARES`."""
    english = pair.captions["en"]
    noun = lexicon.head(english)
    chinese = [pair.captions[code] for code in ("zh",) if code in pair.captions]
    if noun and not chinese and english.lower() in noun.leading:
        chinese = list(noun.chinese[:1])
    return {
        "english": [english],
        "chinese": chinese,
        "any": sorted(pair.captions.values()),
        "kinds": list(noun.kinds) if noun else [],
        "tags": list(pair.tags),
    }


def slots(pair: Pair, random: np.random.Generator) -> list[str]:
    """List a picture's names as often as they are to be drawn in training."""
    found = names(pair)
    drawn: list[str] = []
    for key, share in SHARES.items():
        choice: Sequence[str] = found[key] or found["english"]
        drawn += [choice[int(i)] for i in random.integers(0, len(choice), round(share * SLOTS))]
    return drawn
