import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.image.cleaning import clean, overlap


def good(n=6, dtype=np.float32):
    """Images and labels without any problem."""
    rng = np.random.default_rng(0)
    return rng.random((n, 1, 4, 4)).astype(dtype), np.arange(n) % 3


def test_good_data_pass_unchanged():
    images, labels = good()
    x, y, report = clean(images, labels, n_classes=3)
    np.testing.assert_array_equal(x, images)
    assert y.tolist() == labels.tolist() and y.dtype == np.int64 and x.dtype == np.float32
    assert report.problems == {} and report.kept.tolist() == list(range(6))
    assert str(report) == "cleaning: 6 samples, 6 kept, 0 dropped"


@pytest.mark.parametrize(
    ("pixel", "problem"),
    [(np.nan, "missing values"), (np.inf, "missing values"), (1.5, "out of range"), (-0.1, "out of range")],
)
def test_bad_pixels(pixel, problem):
    images, labels = good()
    images[2, 0, 1, 1] = pixel
    x, _, report = clean(images, labels)
    assert {name: who.tolist() for name, who in report.problems.items()} == {problem: [2]}
    assert len(x) == 5 and np.isfinite(x).all()


def test_constant_images():
    images, labels = good()
    images[4] = 0.25
    assert clean(images, labels)[2].problems["constant"].tolist() == [4]


@pytest.mark.parametrize("label", [-1, 3, 0.5, np.nan, np.inf])
def test_invalid_labels(label):
    images, labels = good()
    labels = labels.astype(float)
    labels[1] = label
    _, y, report = clean(images, labels, n_classes=3)
    assert report.problems["invalid label"].tolist() == [1]
    assert y.tolist() == [0, 2, 0, 1, 2] and y.dtype == np.int64


def test_duplicates_keep_the_first():
    images, labels = good()
    images[3], images[5] = images[0], images[0]
    labels[:] = 1
    _, _, report = clean(images, labels)
    assert report.problems["duplicate"].tolist() == [3, 5]
    assert report.kept.tolist() == [0, 1, 2, 4]


def test_minus_zero_is_zero():
    images, _ = good(2)
    images[:] = images[0]
    images[0, 0, 0, 0], images[1, 0, 0, 0] = 0.0, -0.0
    assert clean(images, [1, 1])[2].problems["duplicate"].tolist() == [1]


def test_conflicting_labels_drop_every_copy():
    images, labels = good()
    images[3] = images[1]
    labels[1], labels[3] = 0, 2
    _, _, report = clean(images, labels)
    assert report.problems["conflicting labels"].tolist() == [1, 3]
    assert "duplicate" not in report.problems


def test_wrong_shapes_in_a_list():
    images, labels = good()
    samples = list(images)
    samples[2] = np.ones((1, 5, 4), np.float32)
    x, y, report = clean(samples, labels)
    assert report.problems["wrong shape"].tolist() == [2]
    np.testing.assert_array_equal(x, images[[0, 1, 3, 4, 5]])
    assert len(y) == 5 and x.dtype == np.float32


def test_the_expected_shape_is_named_when_none_has_it():
    with pytest.raises(ValueError, match=r"6 wrong shape.*expected \(1, 28, 28\).*no sample would be left"):
        clean(*good(), shape=(1, 28, 28))


def test_a_report_reads_well():
    images, labels = good(12)
    images[:7, 0, 0, 0] = np.nan
    images[8] = 0
    report = clean(images, labels)[2]
    assert str(report) == (
        "cleaning: 12 samples, 4 kept, 8 dropped\n"
        "  missing values       7  samples 0, 1, 2, 3, 4, …\n"
        "  constant             1  sample 8"
    )


def test_samples_are_called_by_their_names():
    images, labels = good()
    images[1] = images[4] = 0
    names = [f"{name}.png" for name in "abcdef"]
    assert str(clean(images, labels, names=names)[2]).endswith("constant       2  b.png, e.png")
    with pytest.raises(ValueError, match=r"2 constant \(b\.png, e\.png\)"):
        clean(images, labels, on_problem="raise", names=names)


def test_raise_names_every_problem():
    images, labels = good()
    images[2, 0, 0, 0] = np.nan
    labels[4] = 9
    words = r"of 6 samples, 1 missing values \(sample 2\); 1 invalid label \(sample 4, .*0 to 2\).*on_problem='drop'"
    with pytest.raises(ValueError, match=words):
        clean(images, labels, n_classes=3, on_problem="raise")


def test_integer_images_that_are_not_scaled():
    images, labels = good()
    with pytest.raises(ValueError, match=r"uint8 from \d+ to \d+.*scale them first.*astype.*/ 255"):
        clean((images * 255).astype(np.uint8), labels)
    with pytest.raises(ValueError, match=r"/ 16"):
        clean((images * 16).astype(np.int64), labels)
    x, _, _ = clean((images * 255).astype(np.uint8), labels, value_range=(0, 255))
    assert x.dtype == np.uint8 and len(x) == 6


def test_floating_images_that_are_not_scaled():
    images, labels = good()
    with pytest.raises(ValueError, match=r"6 out of range.*expected \[0, 1\].*scale them first.*/ 255"):
        clean(images * 255, labels)
    with pytest.raises(ValueError, match=r"6 out of range.*expected \[0, 1\].*scale the images or give"):
        clean(images - 2, labels)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((6, 28, 28), r"4 axes \(N, channels, height, width\): try images\[:, None\]"),
        ((6, 64), r"try images\.reshape"),
        ((6, 28, 28, 3), r"channels come second, try images\.transpose\(0, 3, 1, 2\)"),
        ((0, 1, 8, 8), "no images"),
        ((6, 1, 0, 8), "no images"),
    ],
)
def test_wrong_axes(shape, words):
    with pytest.raises(ValueError, match=words):
        clean(np.zeros(shape), np.zeros(shape[0], int))


def test_wrong_arguments():
    images, labels = good()
    with pytest.raises(ValueError, match="6 images but 5 labels"):
        clean(images, labels[:5])
    with pytest.raises(ValueError, match="one-hot"):
        clean(images, np.eye(6))
    with pytest.raises(ValueError, match=r"labels \(6, 1\) need one axis: try labels\[:, 0\]"):
        clean(images, labels[:, None])
    with pytest.raises(TypeError, match=r"not numbers: try .*np\.unique"):
        clean(images, list("abcdef"))
    with pytest.raises(TypeError, match="not pixels"):
        clean(np.full((6, 1, 2, 2), "x"), labels)
    with pytest.raises(ValueError, match="'ignore' is unknown: choose 'drop' or 'raise'"):
        clean(images, labels, on_problem="ignore")
    with pytest.raises(ValueError, match=r"\(channels, height, width\)"):
        clean([np.zeros((4, 4))], [0])


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["good", "nan", "constant", "range", "label", "copy"]), min_size=1, max_size=12))
def test_kept_and_dropped_make_up_the_whole(kinds):
    images, labels = good(len(kinds) + 1)
    for i, kind in enumerate(kinds, start=1):
        if kind == "nan":
            images[i, 0, 0, 0] = np.nan
        elif kind == "constant":
            images[i] = 0.5
        elif kind == "range":
            images[i, 0, 0, 0] = 2
        elif kind == "label":
            labels[i] = 99
        elif kind == "copy":
            images[i], labels[i] = images[0], labels[0]
    x, y, report = clean(images, labels, n_classes=3)
    expected = [0] + [i for i, kind in enumerate(kinds, start=1) if kind == "good"]
    assert report.kept.tolist() == expected
    np.testing.assert_array_equal(x, images[expected])
    # what is clean stays as it is
    assert clean(x, y, n_classes=3)[2].problems == {}


def test_overlap_finds_the_leaks():
    images, _ = good(8)
    train, test = images[:5], images[[7, 2, 5, 0]].astype(np.float64)
    assert overlap(train, test).tolist() == [[2, 1], [0, 3]]
    assert overlap(images[:4], images[4:]).shape == (0, 2)
    with pytest.raises(ValueError, match=r"overlap.*differ in shape"):
        overlap(train, test[:, :, :2])


def test_the_bundled_digits_are_clean():
    from tinymm.data.datasets import load_digits

    digits = load_digits()
    assert clean(digits.x, digits.y, n_classes=10)[2].problems == {}
