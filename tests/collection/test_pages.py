"""Pages of one question are cut from one ranking, for which it is read once."""

from __future__ import annotations

import pytest

from sensorium import Collection
from sensorium.collection.own_encoder import KEPT_TEXTS
from sensorium.encoders import Encoder


def test_a_question_is_encoded_once_for_all_of_its_pages(
    library: Collection, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = library.search("a red thing", k=8)
    encoded: list[int] = []
    encode = encoder.encode_prepared

    def counted(modality, batch, role="document"):  # type: ignore[no-untyped-def]
        encoded.append(len(batch))
        return encode(modality, batch, role)

    monkeypatch.setattr(encoder, "encode_prepared", counted)
    for where in (None, "width = 40"):
        for k in (1, 3, 8, 20):
            pages = [library.search("a red thing", k=k, offset=n, where=where)
                     for n in range(0, 8, k)]  # fmt: skip
            assert [hit for page in pages for hit in page] == whole
            assert {page.nothing_matches for page in pages} == {whole.nothing_matches}
    assert library.search("a red thing", offset=8) == []
    assert not encoded
    for n in range(KEPT_TEXTS):
        library.search(f"thing {n}", k=1)
    assert len(encoded) == KEPT_TEXTS
    library.search("a red thing", k=1)
    assert len(encoded) == KEPT_TEXTS + 1


def test_deleted_items_leave_no_gap(library: Collection) -> None:
    before = library.search("a blue thing", k=8)
    library.delete(before[2].id)
    after = [library.search("a blue thing", k=1, offset=n)[0].id for n in range(7)]
    assert after == [hit.id for n, hit in enumerate(before) if n != 2]
