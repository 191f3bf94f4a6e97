"""One's own data: .npz files and folders of images, and what may be wrong with them."""

import shutil

import numpy as np
import pytest

from tinymm.data.datasets import open_dataset
from tinymm.data.image.cleaning import clean

Image = pytest.importorskip("PIL.Image")


def arrays(n=12):
    return np.random.default_rng(0).random((n, 1, 6, 6), dtype=np.float32), np.arange(n) % 3


def saved(folder, **content):
    np.savez(folder / "own.npz", **content)
    return folder / "own.npz"


@pytest.fixture
def folder(tmp_path):
    """Two classes of three images each."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(3):
            pixels = random.integers(0, 255, (28, 28)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{i}.png")
    return tmp_path / "pets"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_any_size_become_float32(tmp_path, dtype):
    x, y = arrays()
    own = open_dataset(saved(tmp_path, x=x.astype(dtype), y=y))
    assert own.x.dtype == np.float32
    np.testing.assert_allclose(own.x, x, atol=1e-3)


def test_images_without_a_channel_are_grey(tmp_path):
    x, y = arrays()
    np.testing.assert_array_equal(open_dataset(saved(tmp_path, x=x[:, 0], y=y)).x, x)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": None}, "it has x: y is missing"),
        ({"x": np.array([{}, {}], dtype=object)}, "holds Python objects"),
        ({"y": np.array(3)}, r"y \(\) .*one entry per sample"),
        ({"class_names": ["a", "b"]}, "has 2 class_names, but labels up to 2: name all 3"),
        ({"class_names": ["a", "b", "a"]}, "hold 'a' twice"),
    ],
)
def test_a_wrong_npz_file(tmp_path, change, words):
    x, y = arrays()
    content = {key: value for key, value in ({"x": x, "y": y} | change).items() if value is not None}
    with pytest.raises(ValueError, match=words) as error:
        open_dataset(saved(tmp_path, **content))
    assert "pickle" not in str(error.value)


def test_files_that_are_no_npz(tmp_path):
    x, y = arrays()
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(ValueError, match=r"holds a single array.*np\.savez"):
        open_dataset(tmp_path / "x.npy")
    whole = saved(tmp_path, x=x, y=y).read_bytes()
    for content in (whole[:400], b"", b"text"):
        (tmp_path / "damaged.npz").write_bytes(content)
        with pytest.raises(ValueError, match=r"is damaged or no \.npz file") as error:
            open_dataset(tmp_path / "damaged.npz")
        assert "pickle" not in str(error.value)


def test_a_folder_of_images(folder):
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini"):
        (folder / "cat" / name).write_text("no image")
    own = open_dataset(folder)
    assert own.x.shape == (6, 1, 28, 28) and own.class_names == ("cat", "dog")
    assert own.files == tuple(f"{name}/{i}.png" for name in ("cat", "dog") for i in range(3))


def test_a_damaged_image_is_named_or_left_out_and_counted(folder):
    (folder / "dog" / "1.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"1\.png is not an image.*leave it out with on_problem='drop'"):
        open_dataset(folder)
    own = open_dataset(folder, "drop")
    x, _, report = clean(own.x, own.y, names=own.files)
    assert len(x) == 5 and np.isfinite(x).all()
    assert report.total == 6 and "dog/1.png" in str(report)


def test_folders_of_folders_and_empty_ones(folder):
    with pytest.raises(ValueError, match=r"did you mean .*pets\?"):
        open_dataset(folder.parent)
    shutil.copytree(folder, folder.parent / "train")
    with pytest.raises(ValueError, match=r"did you mean .*train\?"):
        open_dataset(folder.parent)
    (folder / "cow").mkdir()
    (folder / "cow" / ".DS_Store").write_text("")
    with pytest.raises(ValueError, match=r"cow holds no images: put images"):
        open_dataset(folder)
