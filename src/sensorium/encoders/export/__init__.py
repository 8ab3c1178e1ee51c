"""Encoders as folders for other runtimes: ONNX, LiteRT, and in 8 bits, each checked on real inputs.

`towers.py` is what is written, `onnx.py` and `litert.py` write, and `checks.py` compares.
"""

from __future__ import annotations

from sensorium.lazy import lazily

# What was here before LiteRT came.
_MOVED = {
    "export": "sensorium.encoders.export.onnx",
    "ExportReport": "sensorium.encoders.export.checks",
}

__getattr__, __dir__ = lazily(__name__, _MOVED)
