from __future__ import annotations

from pathlib import Path

import pytest

from sensorium import Collection, Dialogue
from sensorium.errors import UsageError


def test_a_conversation_goes_on(collection: Collection, tmp_path: Path) -> None:
    talk = Dialogue(collection)
    shown = talk.say("how many photos of horses are there")
    talk.save(tmp_path / "talk.json")
    again = Dialogue.load(tmp_path / "talk.json", collection)
    assert again.turns == talk.turns
    assert again.say("the second one").items[0].id == shown.items[1].id


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format": 2, "turns": []}', '{"format": 1, "turns": [{"said": 1}]}']
)
def test_what_is_no_conversation_is_told(
    collection: Collection, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "talk.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"talk\.json"):
        Dialogue.load(path, collection)


def test_markdown_has_pictures_and_no_markup_of_media(
    collection: Collection, tmp_path: Path
) -> None:
    talk = Dialogue(collection)
    talk.say("photos of <b>horses</b> [x](y)")
    talk.say("photos of horses")
    assert talk.to_markdown(tmp_path / "talk.md") == []
    written = (tmp_path / "talk.md").read_text("utf-8")
    assert "<b>" not in written and "[x](" not in written
    assert "](talk_pictures/1.jpg)" in written
    assert (tmp_path / "talk_pictures" / "1.jpg").read_bytes()[:2] == b"\xff\xd8"
