"""Talking with a collection: replies that rest on its items and cite them."""

from sensorium.dialogue.dialogue import Dialogue
from sensorium.dialogue.turns import Citation, Reply, Step, Turn

__all__ = ["Citation", "Dialogue", "Reply", "Step", "Turn"]
