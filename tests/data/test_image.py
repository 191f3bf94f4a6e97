import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.image import bright_ink, digits_to_28, pad_to, read_image, resize, to_grey

Image = pytest.importorskip("PIL.Image")
METHODS = ["nearest", "bilinear", "area"]
sides = st.integers(1, 9)


def random_images(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


@settings(max_examples=40)
@given(sides, sides, sides, sides, st.sampled_from(METHODS), st.sampled_from([np.float32, np.float64]))
def test_resize_stays_between_the_darkest_and_the_brightest(height, width, h, w, method, dtype):
    x = random_images(2, 3, height, width, dtype=dtype)
    y = resize(x, (h, w), method)
    assert y.shape == (2, 3, h, w) and y.dtype == dtype
    assert y.min() >= x.min() - 1e-6 and y.max() <= x.max() + 1e-6
    np.testing.assert_allclose(resize(np.full_like(x, 0.3), (h, w), method), 0.3, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_resize_to_the_same_size_changes_nothing(method):
    x = random_images(2, 1, 5, 7)
    np.testing.assert_allclose(resize(x, (5, 7), method), x, atol=1e-15)


@settings(max_examples=30)
@given(sides, sides, sides, sides)
def test_area_keeps_the_mean(height, width, h, w):
    x = random_images(1, 1, height, width)
    np.testing.assert_allclose(resize(x, (h, w), "area").mean(), x.mean(), rtol=1e-12)


def test_area_of_whole_blocks_is_their_mean():
    x = random_images(1, 1, 6, 6)
    expected = x.reshape(1, 1, 3, 2, 2, 3).mean(axis=(3, 5))
    np.testing.assert_allclose(resize(x, (3, 2), "area"), expected)


@pytest.mark.parametrize(("size", "seed"), [((13, 4), 0), ((3, 20), 1), ((8, 8), 2)])
@pytest.mark.parametrize("mode", ["bilinear", "nearest-exact"])
def test_resize_equals_torch(size, seed, mode):
    torch = pytest.importorskip("torch")
    x = random_images(2, 3, 7, 9, seed=seed)
    theirs = torch.nn.functional.interpolate(torch.tensor(x), size=size, mode=mode).numpy()
    np.testing.assert_allclose(resize(x, size, mode.split("-")[0]), theirs, atol=1e-12)


def test_resize_equals_pillow():
    x = random_images(1, 1, 7, 9, dtype=np.float32)
    picture = Image.fromarray(x[0, 0])
    for method, size, theirs in [
        ("bilinear", (20, 30), Image.Resampling.BILINEAR),
        ("area", (3, 4), Image.Resampling.BOX),
        ("nearest", (20, 5), Image.Resampling.NEAREST),
    ]:
        expected = np.asarray(picture.resize(size[::-1], theirs))
        if method != "area":
            np.testing.assert_allclose(resize(x, size, method)[0, 0], expected, atol=1e-6)
        else:  # Pillow counts whole pixels, so only equal where the borders fall between pixels
            blocks = Image.fromarray(x[0, 0, :6, :8]).resize((4, 3), theirs)
            np.testing.assert_allclose(resize(x[:, :, :6, :8], size, method)[0, 0], blocks, atol=1e-6)


@settings(max_examples=30)
@given(sides, sides, st.integers(0, 5), st.integers(0, 5))
def test_pad_to_puts_images_in_the_middle(height, width, more_rows, more_columns):
    x = random_images(2, 1, height, width) + 1
    y = pad_to(x, (height + more_rows, width + more_columns), fill=-1)
    assert y.shape == (2, 1, height + more_rows, width + more_columns)
    top, left = more_rows // 2, more_columns // 2
    np.testing.assert_array_equal(y[:, :, top : top + height, left : left + width], x)
    assert (y == -1).sum() == y.size - x.size


def test_digits_to_28():
    x = random_images(3, 1, 8, 8, dtype=np.float32)
    y = digits_to_28(x)
    assert y.shape == (3, 1, 28, 28) and y.dtype == np.float32
    # the centre of each pixel keeps its value, the border is empty
    np.testing.assert_allclose(y[:, :, 3:27:3, 3:27:3], x, atol=1e-6)
    assert not y[:, :, :2].any() and not y[..., -2:].any()
    with pytest.raises(ValueError, match=r"digits_to_28.*\(N, 1, 8, 8\)"):
        digits_to_28(random_images(3, 1, 9, 9))


def test_grey_is_the_luma_of_bt_601():
    x = np.eye(3).reshape(1, 3, 1, 3)
    np.testing.assert_allclose(to_grey(x), [[[[0.299, 0.587, 0.114]]]])
    np.testing.assert_allclose(to_grey(np.ones((2, 3, 4, 4), np.float32)), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="4 channels, expected 3"):
        to_grey(np.zeros((1, 4, 2, 2)))


def test_bright_ink_turns_paper_dark():
    paper = np.ones((1, 1, 5, 5))
    paper[..., 2, 2] = 0
    night = 1 - paper
    both = np.concatenate([paper, night])
    np.testing.assert_array_equal(bright_ink(both), np.concatenate([night, night]))


@pytest.mark.parametrize("function", [to_grey, bright_ink, digits_to_28])
def test_batches_have_four_axes_of_floats(function):
    name = function.__name__
    with pytest.raises(ValueError, match=rf"{name}: images \(8, 8\) need 4 axes.*reshape"):
        function(np.zeros((8, 8)))
    with pytest.raises(ValueError, match=r"try images\[None\]"):
        function(np.zeros((1, 8, 8)))
    with pytest.raises(TypeError, match=rf"{name}: images are uint8.*/ 255"):
        function(np.zeros((1, 1, 8, 8), np.uint8))


def test_wrong_sizes_and_methods():
    x = np.zeros((1, 1, 8, 8))
    with pytest.raises(ValueError, match="'cubic' is unknown: choose one of 'nearest', 'bilinear', 'area'"):
        resize(x, 4, "cubic")
    with pytest.raises(ValueError, match="resize: size 0 must be at least 1"):
        resize(x, 0)
    with pytest.raises(ValueError, match="8×8 do not fit into 6×28: resize"):
        pad_to(x, (6, 28))
    with pytest.raises(ValueError, match="no pixels"):
        resize(np.zeros((1, 1, 0, 8)), 4)


# files


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "LA", "CMYK"])
def test_read_image_takes_every_mode(tmp_path, mode):
    Image.new("RGB", (4, 3), "white").convert(mode).save(path := tmp_path / f"a.{'tif' if mode == 'CMYK' else 'png'}")
    x = read_image(path)
    assert x.shape == (1, 3, 4) and x.dtype == np.float32
    np.testing.assert_allclose(x, 1, rtol=1e-6)
    assert read_image(path, grey=False).shape == (3, 3, 4)


def test_read_image_keeps_the_values(tmp_path):
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png")[0], pixels / 255, atol=1e-6)
    Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "b.png")  # 16 bits
    np.testing.assert_allclose(read_image(str(tmp_path / "b.png"))[0], pixels / 255, atol=1e-6)


def test_transparent_is_white_paper(tmp_path):
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png")[0], [[0, 1], [1, 1]], atol=1e-6)


def test_white_ink_on_nothing_is_told_by_what_is_opaque(tmp_path):
    pixels = np.full((2, 2, 4), 255, np.uint8)
    pixels[:, 0, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png")[0], [[1, 0], [1, 0]], atol=1e-6)


def test_a_camera_held_upright(tmp_path):
    picture = Image.fromarray(np.array([[0, 255]], np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    picture.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_allclose(read_image(tmp_path / "a.png")[0], [[0], [1]], atol=1e-6)


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"read_image: cannot open .*nothing\.png.*is the path right"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(OSError, match="cannot open"):
        read_image(tmp_path)
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"a\.png is not an image"):
        read_image(tmp_path / "a.png")
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="floating-point pixels"):
        read_image(tmp_path / "a.tif")


def test_a_damaged_image(tmp_path):
    Image.fromarray((random_images(40, 40) * 255).astype(np.uint8)).save(path := tmp_path / "a.png")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ValueError, match="damaged or incomplete"):
        read_image(path)


@pytest.mark.parametrize("side", [7072, 14000])
def test_an_image_too_large_for_memory(tmp_path, side):
    Image.new("1", (side, side)).save(tmp_path / "a.png")  # a few kilobytes on disk
    with pytest.raises(ValueError, match="more than 50,000,000 pixels"):
        read_image(tmp_path / "a.png")
