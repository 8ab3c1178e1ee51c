"""English and Chinese words: what they are called in the other language, and kinds of what."""

from sensorium.tasks.lexicon.lexicon import Lexicon, Part, lexicon

__all__ = ["Lexicon", "Part", "lexicon"]
