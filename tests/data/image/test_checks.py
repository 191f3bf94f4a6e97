"""What all functions on batches have in common."""

import numpy as np
import pytest

from tinymm.data import image

SAME = {  # every function of a batch, with arguments under which all images are treated alike
    "adjust": lambda x: image.adjust(x, 1.2, 0.1),
    "affine": lambda x: image.affine(x, shift=(1, 0.5), rotate=20),
    "bright_ink": image.bright_ink,
    "equalize_hist": image.equalize_hist,
    "frame_ink": lambda x: image.frame_ink(x, 6, margin=1),
    "gaussian_blur": lambda x: image.gaussian_blur(x, 0.8),
    "pad_to": lambda x: image.pad_to(x, 12),
    "resize": lambda x: image.resize(x, (5, 9), "area"),
    "sobel": lambda x: image.sobel(x, 1, 0),
    "to_grey": image.to_grey,
    "warp_affine": lambda x: image.warp_affine(x, [[0.9, 0.1, 1], [0.2, 1, 0]]),
}
each = pytest.mark.parametrize("name", SAME)


def random_images(*shape, dtype=np.float32):
    return np.random.default_rng(0).random(shape).astype(dtype)


def test_every_function_is_here():
    others = {"Augmentation", "CleaningReport", "check_batch", "clean", "digits_to_28", "overlap", "read_image"}
    others |= {"Box", "boxes", "connected_components", "otsu_threshold"}  # what they give are no images
    assert set(SAME) == set(image.__all__) - others


@each
def test_batches_have_four_axes_of_floats(name):
    function = SAME[name]
    with pytest.raises(ValueError, match=rf"{name}: images \(8, 8\) need 4 axes.*reshape"):
        function(np.zeros((8, 8)))
    with pytest.raises(ValueError, match=r"try images\[None\]"):
        function(np.zeros((1, 8, 8)))
    with pytest.raises(TypeError, match=rf"{name}: images are uint8.*/ 255"):
        function(np.zeros((1, 3, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=rf"{name}: images \(1, 3, 0, 8\) have no pixels"):
        function(np.zeros((1, 3, 0, 8)))


@each
def test_a_batch_is_its_images(name):
    function, x = SAME[name], random_images(3, 3, 8, 7)
    together = function(x)
    for i in range(3):
        np.testing.assert_array_equal(function(x[i : i + 1]), together[i : i + 1])
    none = function(x[:0])
    assert none.shape == (0, *together.shape[1:]) and none.dtype == together.dtype


@each
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.longdouble, ">f4"])
def test_the_dtype_stays(name, dtype):
    x = random_images(2, 3, 8, 7).astype(dtype)
    y = SAME[name](x)
    assert y.dtype == np.dtype(dtype).newbyteorder("=")
    expected = SAME[name](x.astype(np.float32))
    np.testing.assert_allclose(y.astype(np.float32), expected, atol=5e-3 if dtype == np.float16 else 1e-5)


@each
def test_the_layout_does_not_matter_and_nothing_is_overwritten(name):
    x = random_images(2, 3, 8, 14)[:, :, ::-1, ::2]
    kept = x.copy()
    kept.flags.writeable = False
    np.testing.assert_array_equal(SAME[name](x), SAME[name](kept))
    np.testing.assert_array_equal(x, kept)
