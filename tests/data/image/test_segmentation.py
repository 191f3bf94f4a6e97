import numpy as np
import pytest

from tinymm.data.image import Box, boxes, connected_components, otsu_threshold


def test_the_threshold_lies_between_ink_and_paper():
    rng = np.random.default_rng(0)
    image = np.where(rng.random((1, 1, 30, 30)) < 0.2, 0.8, 0.1) + rng.normal(0, 0.03, (1, 1, 30, 30))
    assert 0.2 < otsu_threshold(image)[0] < 0.7


def test_each_image_gets_a_threshold_of_its_own():
    dark, bright = np.array([0.0, 0.2]), np.array([0.6, 1.0])
    images = np.stack([np.tile(greys, 8).reshape(1, 4, 4) for greys in (dark, bright)])
    assert otsu_threshold(images) == pytest.approx([0.1, 0.8], abs=0.01)


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_nothing_of_a_plain_image_is_bright(grey):
    image = np.full((1, 1, 5, 5), np.float32(np.rint(grey * 255) / 255))
    assert not (np.rint(image * 255) > otsu_threshold(image)[0] * 255).any()


def test_the_threshold_parts_as_opencv_does():
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(1)
    for _ in range(20):
        image = np.rint(255 * rng.random((1, 1, *rng.integers(2, 20, 2))) ** 2)
        theirs = cv2.threshold(image[0, 0].astype(np.uint8), 0, 255, cv2.THRESH_OTSU)[0]
        np.testing.assert_array_equal(image > 255 * otsu_threshold(image / 255)[0], image > theirs)


def test_boxes_are_tight():
    mask = np.zeros((8, 10), bool)
    mask[1:4, 2:5] = True
    mask[6, 9] = True
    labels, parts = connected_components(mask)
    assert boxes(labels, parts) == [Box(1, 4, 2, 5), Box(6, 7, 9, 10)]
    assert (boxes(labels, parts)[0].height, boxes(labels, parts)[0].width) == (3, 3)


def test_nothing_has_no_boxes():
    assert boxes(*connected_components(np.zeros((3, 3), bool))) == []


@pytest.mark.parametrize("mask", [np.zeros((2, 2)), np.zeros((1, 2, 2), bool)])
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(ValueError, match=r"connected_components: mask is .* expected \(H, W\) of bool"):
        connected_components(mask)
