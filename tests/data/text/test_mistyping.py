import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.text.mistyping import NEIGHBOURS, WORD, mistype


def rng(seed=0):
    return np.random.default_rng(seed)


def is_one_error(before, after):
    """Dropped, doubled, swapped or hit beside (Damerau's four), checked without making any."""
    if len(after) == len(before) - 1:
        return any(before[:i] + before[i + 1 :] == after for i in range(len(before)))
    if len(after) == len(before) + 1:
        return any(before[: i + 1] + before[i:] == after for i in range(len(before)))
    differ = [i for i in range(len(before)) if before[i] != after[i]]
    if len(after) != len(before) or len(differ) > 2:
        return False
    if len(differ) == 1:
        return after[differ[0]].lower() in NEIGHBOURS[before[differ[0]].lower()]
    return not differ or (differ[1] == differ[0] + 1 and before[differ[0]] == after[differ[1]])


@given(st.text(alphabet="abcxyzQéü 27二.", max_size=20), st.integers(0, 99))
@settings(max_examples=40)
def test_an_error_is_one_slip_in_one_word(text, seed):
    after = mistype(text, rng(seed))
    assert is_one_error(text, after)
    if not WORD.search(text):
        assert after == text


@pytest.mark.parametrize("text", ["", "7", "no", "第七", "42 a 10", "😀", "12345678"])
def test_digits_marks_and_short_words_are_left_alone(text):
    assert all(mistype(text, rng(seed), 3) == text for seed in range(20))


def test_digits_beside_words_are_left_alone():
    assert all(re.sub(r"\D", "", mistype("number 7", rng(seed), 2)) == "7" for seed in range(50))


def test_all_four_kinds_happen():
    seen = {mistype("seven", rng(seed)) for seed in range(300)}
    assert {"sevn", "sevven", "sveen", "aeven"} <= seen


def test_equal_generators_give_equal_errors():
    assert mistype("seventeen", rng(3), 2) == mistype("seventeen", rng(3), 2)
    assert len({mistype("seventeen", rng(seed), 2) for seed in range(20)}) > 10
    assert mistype("seven", rng(), 0) == "seven"


def test_capitals_stay_capitals():
    assert all(mistype("SEVEN", rng(seed)).isupper() for seed in range(50))


def test_keys_are_beside_each_other_both_ways():
    assert set(NEIGHBOURS["s"]) == set("adwezx") and set(NEIGHBOURS["p"]) == {"o", "l"}
    assert all(key in NEIGHBOURS[other] for key, others in NEIGHBOURS.items() for other in others)


def test_there_cannot_be_fewer_errors_than_none():
    with pytest.raises(ValueError, match="mistype: errors is -1"):
        mistype("seven", rng(), -1)
