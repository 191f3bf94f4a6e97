"""Image files of every kind, and those that cannot be read."""

import numpy as np
import pytest

from tinymm.data.image import read_image

Image = pytest.importorskip("PIL.Image")


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
    Image.fromarray((np.random.default_rng(0).random((40, 40)) * 255).astype(np.uint8)).save(path := tmp_path / "a.png")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ValueError, match="damaged or incomplete"):
        read_image(path)


@pytest.mark.parametrize("side", [7072, 14000])
def test_an_image_too_large_for_memory(tmp_path, side):
    Image.new("1", (side, side)).save(tmp_path / "a.png")  # a few kilobytes on disk
    with pytest.raises(ValueError, match="more than 50,000,000 pixels"):
        read_image(tmp_path / "a.png")
