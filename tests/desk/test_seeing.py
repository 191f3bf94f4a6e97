"""Pictures of numbers: cut into digits, framed, read."""

import numpy as np
import pytest

from tinymm.data.datasets import load_digits
from tinymm.data.image import resize
from tinymm.desk.cutting import MOST_DIGITS, find_digits
from tinymm.desk.measuring import draw_numbers
from tinymm.desk.seeing import SIDE, NumberReader, SeenNumber, frame_digit, framed_digits, stroke_width


def row(*columns, height=40, width=200):
    """Dark upright strokes at these columns, on white paper."""
    image = np.ones((1, height, width), np.float32)
    for column in columns:
        image[:, 8:32, column : column + 5] = 0
    return image


def test_digits_are_found_from_left_to_right():
    digits = find_digits(row(20, 60, 130))
    assert len(digits) == 3
    for digit in digits:
        assert digit.shape[0] == 1 and digit.max() == pytest.approx(1, abs=0.05)
        assert 22 <= digit.shape[1] <= 28 and 4 <= digit.shape[2] <= 8


def test_light_on_dark_and_shadows_do_not_matter():
    light = np.linspace(0.5, 1, 200, dtype=np.float32)
    for image in (1 - row(20, 60), row(20, 60) * light, np.clip(row(20, 60) + 0.3, 0, 1)):
        assert len(find_digits(image)) == 2


def test_strokes_above_each_other_are_one_digit():
    image = row(20)
    image[:, 8:12, 80:95] = 0  # the bar of a 5, apart from its body
    image[:, 16:32, 82:92] = 0
    assert len(find_digits(image)) == 2


def test_specks_and_lines_along_the_edge_are_left_out():
    image = row(20, 60)
    image[:, 20:22, 100:102] = 0
    image[:, -2:, :] = 0
    assert len(find_digits(image)) == 2


def test_digits_that_touch_are_parted():
    image = np.ones((1, 60, 120), np.float32)
    for left in (20, 45):  # two rings, joined by a thin line
        image[:, 10:50, left : left + 22] = 0
        image[:, 16:44, left + 6 : left + 16] = 1
    image[:, 29:31, 42:45] = 0
    assert len(find_digits(image)) == 2


def test_pictures_of_any_size():
    assert len(find_digits(resize(row(20, 60)[None], (800, 4000))[0])) == 2
    assert len(find_digits(row(20, height=33, width=31))) == 1


@pytest.mark.parametrize("image", [np.ones((1, 30, 30)), np.zeros((1, 1, 1)), np.full((1, 5, 900), 0.5)])
def test_blank_pictures_are_told(image):
    with pytest.raises(ValueError, match="blank"):
        find_digits(image.astype(np.float32))


def test_what_is_no_row_of_digits_is_told():
    many = row(*range(5, 1000, 12), width=1000)
    with pytest.raises(ValueError, match=f"are no number: show one row of at most {MOST_DIGITS}"):
        find_digits(many)


def test_frames_take_out_slant_size_and_pen():
    upright = np.zeros((1, 60, 40), np.float32)
    upright[:, 5:55, 10:16] = upright[:, 5:55, 26:32] = upright[:, 5:11, 10:32] = 1
    slanted = np.stack([np.roll(line, (30 - i) // 4) for i, line in enumerate(upright[0])])[None]
    first, second = frame_digit(upright, 16), frame_digit(slanted, 16)
    assert first.shape == (1, 16, 16) and np.abs(first - second).mean() < 0.1
    thin = np.zeros_like(upright)
    thin[:, 5:55, 11] = thin[:, 5:55, 30] = thin[:, 6, 11:31] = 1
    assert abs(frame_digit(thin, 16).mean() - first.mean()) < 0.12
    assert (frame_digit(upright, 28)[:, :4] == 0).all()  # as MNIST has it


def test_the_width_of_a_band():
    band = np.zeros((100, 200), bool)
    band[45:55, :] = True
    assert stroke_width(band) == pytest.approx(
        10 * 4 / np.pi, rel=0.1
    )  # pixels of a straight edge are counted as slanted
    assert stroke_width(np.zeros((3, 3), bool)) == 0


def test_numbers_are_read(desk):
    digits = load_digits()
    pictures, truth = draw_numbers(digits.x, digits.y, 20, np.random.default_rng(0))
    seen = [desk.see(picture) for picture in pictures]
    assert np.mean([len(s.number) == len(t) for s, t in zip(seen, truth, strict=True)]) >= 0.9
    right = [
        a == b
        for s, t in zip(seen, truth, strict=True)
        if len(s.number) == len(t)
        for a, b in zip(s.number, t, strict=True)
    ]
    assert np.mean(right) > 0.7  # by logistic regression


def test_the_confidence_is_that_of_all_digits():
    assert SeenNumber("47", np.array([0.9, 0.5])).confidence == pytest.approx(0.45)
    assert SeenNumber("", np.array([])).confidence == 0


def test_framed_digits_are_the_bundled_ones():
    framed = framed_digits()
    assert framed.x.shape == (1797, 1, SIDE, SIDE) and framed.x.min() >= 0 and framed.x.max() <= 1.001
    np.testing.assert_array_equal(framed.y, load_digits().y)


def test_models_of_another_kind_are_refused(desk):
    with pytest.raises(ValueError, match="the model for digits reads text with the classes cancel_order"):
        NumberReader(desk.understanding.intent, desk.number_reader.confidence)
