"""Sensorium: search, label and explore your own media by meaning, on your own machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sensorium.lazy import lazily

if TYPE_CHECKING:
    from sensorium.collection import Collection as Collection
    from sensorium.collection import Hit as Hit
    from sensorium.collection import Part as Part
    from sensorium.collection import Question as Question
    from sensorium.dialogue import Dialogue as Dialogue
    from sensorium.encoders import load_encoder as load_encoder
    from sensorium.errors import SensoriumError as SensoriumError
    from sensorium.media import Audio as Audio
    from sensorium.media import Document as Document
    from sensorium.media import Image as Image
    from sensorium.media import Mesh as Mesh
    from sensorium.media import Text as Text
    from sensorium.media import Video as Video
    from sensorium.tasks.getting import fetch_model as fetch_model
    from sensorium.tasks.zero_shot import ZeroShotClassifier as ZeroShotClassifier

__version__ = "0.1.0"

# ONNX Runtime 1.32 writes an id of the machine into ~/.cache/Microsoft when it is imported, and
# holds a server's address for telemetry, unless this is set before; libraries for speech and
# writing import it, too. What a person has set stays.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Names are imported when they are first used, so that `import sensorium` costs milliseconds.
_HOMES = {
    "Audio": "sensorium.media",
    "Collection": "sensorium.collection",
    "Dialogue": "sensorium.dialogue",
    "Document": "sensorium.media",
    "Hit": "sensorium.collection",
    "Image": "sensorium.media",
    "Mesh": "sensorium.media",
    "Part": "sensorium.collection",
    "Question": "sensorium.collection",
    "SensoriumError": "sensorium.errors",
    "Text": "sensorium.media",
    "Video": "sensorium.media",
    "ZeroShotClassifier": "sensorium.tasks.zero_shot",
    "fetch_model": "sensorium.tasks.getting",
    "load_encoder": "sensorium.encoders",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
