"""What folders of trained models say that they are; read without any of the packages they need."""

from __future__ import annotations

from sensorium.folders import Format

CLASSIFIER = Format(
    "classifier.json", "classifier", "give the folder that `sensorium train classifier` wrote",
    kind="classifier",
)  # fmt: skip

FUSION = Format(
    "fusion.json", "fusion model", "give the folder that `sensorium train fusion` wrote",
    kind="fusion", formats=(1, 2),
)  # fmt: skip
"""The second format may be linear and have a report."""

CAPTIONER = Format(
    "captioner.json", "captioner", "give the folder that `sensorium train caption` wrote",
    kind="captioner",
)  # fmt: skip

TRANSLATOR = Format(
    "translator.json", "translator", "give the folder that `sensorium train translation` wrote",
    kind="translator",
)  # fmt: skip
