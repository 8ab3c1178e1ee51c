import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.ranking.rank_fusion import reciprocal_rank_fusion

rankings = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=12), max_size=4)


def test_the_formula() -> None:
    fused = reciprocal_rank_fusion([["a", "b"], ["b", "c"]])
    assert fused == [
        ("b", pytest.approx(1 / 62 + 1 / 61)),
        ("a", pytest.approx(1 / 61)),
        ("c", pytest.approx(1 / 62)),
    ]


def test_weights() -> None:
    assert [key for key, _ in reciprocal_rank_fusion([["a"], ["b"]], weights=[1, 2])] == ["b", "a"]
    with pytest.raises(ValueError):
        reciprocal_rank_fusion([["a"], ["b"]], weights=[1])


@given(rankings)
def test_invariants(lists: list[list[int]]) -> None:
    fused = reciprocal_rank_fusion(lists)
    keys = [key for key, _ in fused]
    assert sorted(keys) == sorted({key for ranking in lists for key in ranking})
    assert [score for _, score in fused] == sorted((s for _, s in fused), reverse=True)


@given(st.lists(st.integers(), unique=True))
def test_one_ranking_stays_as_it_is(ranking: list[int]) -> None:
    assert [key for key, _ in reciprocal_rank_fusion([ranking])] == ranking
    assert [key for key, _ in reciprocal_rank_fusion([ranking, ranking])] == ranking
