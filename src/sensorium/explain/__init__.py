"""Why this hit? Which pixels, words, seconds, passages and views a score comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensorium.lazy import lazily

if TYPE_CHECKING:
    from sensorium.explain.explaining import explain as explain
    from sensorium.explain.explaining import explain_class as explain_class
    from sensorium.explain.explaining import explain_label as explain_label
    from sensorium.explain.explanation import Contribution as Contribution
    from sensorium.explain.explanation import Explained as Explained
    from sensorium.explain.explanation import Explanation as Explanation
    from sensorium.explain.explanation import Part as Part

_HOMES = {
    "Contribution": "explanation",
    "Explained": "explanation",
    "Explanation": "explanation",
    "Part": "explanation",
    "explain": "explaining",
    "explain_class": "explaining",
    "explain_label": "explaining",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
