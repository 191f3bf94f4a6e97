import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data import DataLoader
from tinymm.data.datasets import Dataset, load_digits
from tinymm.validation import StratifiedKFold, cross_validate, train_test_split

SOURCE = ("Name", "source", "licence")


def texts(n=12):
    return Dataset([f"text {i}" for i in range(n)], np.arange(n) % 2, ("no", "yes"), *SOURCE)


def sounds(n=12):
    lengths = [5 + i // 3 for i in range(n)]  # some are equally long
    return Dataset(
        [np.full(length, i, np.float32) for i, length in enumerate(lengths)],
        *(np.arange(n) % 2, ("no", "yes"), *SOURCE),
        files=tuple(f"{i}.wav" for i in range(n)),
        groups=np.array([f"voice {i % 3}" for i in range(n)]),
        index=np.arange(n),
        rate=8000,
    )


def test_a_dataset_describes_itself_in_one_line():
    text = repr(load_digits())
    assert "1,797 samples" in text and "1×8×8" in text and "CC BY 4.0" in text and "\n" not in text
    assert "12 texts of 6 to 7 characters, 2 classes" in repr(texts())
    assert "12 sounds of 0.00 to 0.00 s at 8,000 Hz" in repr(sounds())


def test_the_sense_follows_from_the_samples():
    assert [data.sense for data in (load_digits(), sounds(), texts())] == ["image", "audio", "text"]


def test_a_dataset_cannot_be_changed_by_assignment():
    with pytest.raises(AttributeError):
        load_digits().x = None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"y": np.zeros(2, int)}, "3 samples but 2 labels"),
        ({"groups": np.array(["a"])}, "3 samples but 1 groups"),
        ({"index": np.arange(4)}, "3 samples but 4 index"),
        ({"files": ("a", "b")}, "3 samples but 2 files"),
    ],
)
def test_everything_per_sample_is_as_long_as_the_samples(more, words):
    given = {"x": np.zeros((3, 1)), "y": np.zeros(3, int), "class_names": ("a",)} | more
    with pytest.raises(ValueError, match=words):
        Dataset(**given, name="name", source="source", licence="licence")


@pytest.mark.parametrize("samples", [[1, 2], [np.zeros((2, 2))], ["text", None], [b"bytes"], [np.float32(1)]])
def test_a_list_holds_texts_or_sounds(samples):
    with pytest.raises(TypeError, match=r"Dataset: sample \d is an? .*, expected texts"):
        Dataset(samples, np.zeros(len(samples), int), ("a",), *SOURCE)


def test_sounds_of_equal_length_stay_sounds():
    data = Dataset([np.zeros(4, np.float32)] * 3, np.zeros(3, int), ("a",), *SOURCE, rate=8000)
    assert data.x.shape == (3,) and data.x[0].shape == (4,) and data.x[0].dtype == np.float32


def test_an_empty_set_is_a_set():
    data = Dataset([], np.zeros(0, np.int64), ("a",), *SOURCE)
    assert len(data) == 0 and "0 texts" in repr(data)
    assert len(texts().subset([])) == 0


@given(st.lists(st.integers(-12, 11)))
@settings(max_examples=30)
def test_a_subset_takes_its_part_of_everything(rows):
    data = sounds()
    part = data.subset(rows)
    rows = np.array(rows, int)
    assert [sound[0] for sound in part.x] == [data.x[i][0] for i in rows]
    np.testing.assert_array_equal(part.y, data.y[rows])
    if len(rows):
        np.testing.assert_array_equal(part.groups, data.groups[rows])
        np.testing.assert_array_equal(part.index, data.index[rows])
        assert part.files == tuple(data.files[i] for i in rows)
    assert (part.class_names, part.rate, part.name) == (data.class_names, data.rate, data.name)


def test_a_subset_by_mask_leaves_a_group_out():
    data = sounds()
    part = data.subset(data.groups != "voice 1")
    assert set(part.groups) == {"voice 0", "voice 2"} and len(part) == 8
    for wrong in (np.ones(3, bool), [12]):
        with pytest.raises(IndexError):
            data.subset(wrong)
    for wrong in (3, [0.5], ["voice 1"], slice(3), np.zeros((2, 2), int)):
        with pytest.raises(TypeError, match=r"subset: chosen is .*expected indices.*subset\(\[i\]\)"):
            data.subset(wrong)


@pytest.mark.parametrize("data", [texts(), sounds()], ids=["texts", "sounds"])
def test_splits_folds_and_batches_treat_all_senses_alike(data):
    def number(sample):
        return int(sample.removeprefix("text ")) if isinstance(sample, str) else int(sample[0])

    train, test, y_train, _ = train_test_split(data.x, data.y, test_size=4, stratify=data.y, random_state=0)
    assert sorted(map(number, [*train, *test])) == list(range(12)) and len(test) == 4
    assert [number(sample) % 2 for sample in train] == y_train.tolist()

    def fit_predict(x_train, y_train, x_test):
        assert len(x_train) == 8
        return np.array([number(sample) % 2 for sample in x_test])

    folds = StratifiedKFold(3).split(data.x, data.y)
    assert cross_validate(fit_predict, data.x, data.y, cv=list(folds)).mean["accuracy"] == 1
    seen = [number(sample) for x, _ in DataLoader(data.x, data.y, batch_size=5) for sample in x]
    assert sorted(seen) == list(range(12))
