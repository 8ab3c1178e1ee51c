"""What may be shown of text that comes from files and servers."""

from __future__ import annotations

import pytest

from sensorium.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\udce9\n\x1b[2J 图", r"caf\udce9\n\x1b[2J 图"),
        ("\x9b31m \x7f \t", r"\x9b31m \x7f \t"),  # C1, which some terminals obey
        ("exe.\u202egpj", r"exe.\u202egpj"),  # reads as "exe.jpg" otherwise
        ("全角\u3000空白\xa0no break", "全角\u3000空白\xa0no break"),
        ("👩\u200d🔬 می\u200cخواهم", "👩\u200d🔬 می\u200cخواهم"),
    ],
)
def test_nothing_is_obeyed(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown
