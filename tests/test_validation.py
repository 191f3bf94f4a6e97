"""Folds and splits by their properties and against scikit-learn; cross-validation end to end."""

import warnings
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.sparse import CSRMatrix
from tinymm.validation import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    StratifiedKFold,
    cross_validate,
    score_folds,
    train_test_split,
    train_validation_test_split,
)

seeds = st.integers(0, 2**32 - 1)


def folds_of(splitter, X, y=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [(train.tolist(), test.tolist()) for train, test in splitter.split(X, y)]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(0, 40), st.booleans(), seeds)
def test_folds_partition_the_samples(k, extra, shuffle, seed):
    n = k + extra
    folds = folds_of(KFold(k, shuffle=shuffle, random_state=seed if shuffle else None), range(n))
    assert len(folds) == k == KFold(k).get_n_splits()
    assert sorted(i for _, test in folds for i in test) == list(range(n))
    assert all(sorted(train + test) == list(range(n)) for train, test in folds)
    sizes = [len(test) for _, test in folds]
    assert max(sizes) - min(sizes) <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(2, 5), st.booleans(), seeds)
def test_stratified_folds_spread_every_class(k, classes, shuffle, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.concatenate([[0] * k, [1], rng.integers(0, classes, rng.integers(0, 40))]))
    folds = folds_of(StratifiedKFold(k, shuffle=shuffle, random_state=seed if shuffle else None), y, y)
    assert sorted(i for _, test in folds for i in test) == list(range(len(y)))
    assert all(sorted(train + test) == list(range(len(y))) for train, test in folds)
    counts = np.array([np.bincount(y[test], minlength=classes) for _, test in folds])
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(2, 5), seeds)
def test_folds_in_order_are_those_of_scikit_learn(k, classes, seed):
    judge = pytest.importorskip("sklearn.model_selection")
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.concatenate([[0] * k, [1], rng.integers(0, classes, rng.integers(0, 40))]))
    assert folds_of(KFold(k), y) == folds_of(judge.KFold(k), y)
    names = np.array(["e", "b", "a", "d", "c"])[y]
    assert folds_of(StratifiedKFold(k), y, names) == folds_of(judge.StratifiedKFold(k), y, names)


@pytest.mark.parametrize("splitter", [KFold, StratifiedKFold])
def test_equal_seeds_give_equal_folds(splitter):
    y = np.arange(40) % 3
    a, b, c = (folds_of(splitter(4, shuffle=True, random_state=seed), y, y) for seed in (1, 1, 2))
    assert a == b != c
    rng = [np.random.default_rng(7) for _ in range(2)]
    first, second = (folds_of(splitter(4, shuffle=True, random_state=r), y, y) for r in rng)
    assert first == second
    assert first != folds_of(splitter(4, shuffle=True, random_state=rng[0]), y, y)  # a generator moves on


groups_of_samples = st.lists(st.integers(0, 7), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(groups_of_samples, st.integers(2, 5), st.none() | seeds)
def test_groups_are_never_torn(groups, k, seed):
    n = len(groups)
    splitters = [LeaveOneGroupOut(), GroupKFold(k, shuffle=seed is not None, random_state=seed)]
    for splitter, fewest in zip(splitters, (2, k), strict=True):
        if len(set(groups)) < fewest:
            with pytest.raises(ValueError, match=type(splitter).__name__):
                splitter.split(range(n), None, groups)
            continue
        folds = list(splitter.split(range(n), None, groups))
        assert len(folds) == splitter.get_n_splits(range(n), None, groups)
        assert sorted(i for _, test in folds for i in test) == list(range(n))
        for train, test in folds:
            assert sorted([*train, *test]) == list(range(n)) and len(test)
            assert not {groups[i] for i in train} & {groups[i] for i in test}


@settings(max_examples=40, deadline=None)
@given(groups_of_samples, st.integers(2, 5))
def test_folds_of_groups_are_those_of_scikit_learn(groups, k):
    judge = pytest.importorskip("sklearn.model_selection")
    names = np.array(["e", "b", "a", "d", "c", "h", "g", "f"])[groups]
    different, counts = np.unique(names, return_counts=True)

    def folds(splitter):
        return [(train.tolist(), test.tolist()) for train, test in splitter.split(names, None, names)]

    if len(different) > 1:
        assert folds(LeaveOneGroupOut()) == folds(judge.LeaveOneGroupOut())
    if len(different) >= k:
        ours, theirs = folds(GroupKFold(k)), folds(judge.GroupKFold(k))
        assert [len(test) for _, test in ours] == [len(test) for _, test in theirs]
        if len(set(counts)) == len(counts):  # which of two equally large groups comes first is free
            assert ours == theirs


def test_shuffled_group_folds_have_equally_many_groups_and_follow_the_seed():
    groups = np.arange(60) % 11
    splits = [list(GroupKFold(3, shuffle=True, random_state=s).split(groups, None, groups)) for s in (1, 1, 2)]
    tests = [[set(groups[test].tolist()) for _, test in folds] for folds in splits]
    assert tests[0] == tests[1] != tests[2]
    assert sorted(map(len, tests[0])) == [3, 4, 4]


@pytest.mark.parametrize("splitter", [GroupKFold(2), LeaveOneGroupOut()])
def test_groups_that_cannot_be_kept_apart_get_one_sentence(splitter):
    name = type(splitter).__name__
    with pytest.raises(ValueError, match=f"{name}: the groups are missing"):
        splitter.split(range(3))
    with pytest.raises(ValueError, match=f"{name}: X has 3 samples but there are 2 groups"):
        splitter.split(range(3), None, [0, 1])
    with pytest.raises(ValueError, match=f"{name}: .*one group only|{name}: 2 folds need as many groups"):
        splitter.split(range(3), None, [0, 0, 0])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 30), seeds, st.booleans())
def test_split_is_a_partition_with_the_sizes_of_scikit_learn(n, seed, shuffle):
    judge = pytest.importorskip("sklearn.model_selection")
    rng = np.random.default_rng(seed)
    x = np.arange(n)
    test, train = int(rng.integers(1, n)), float(rng.uniform(0.1, 0.9))
    for sizes in ({}, {"test_size": test}, {"train_size": train}, {"test_size": 0.3, "train_size": 0.4}):
        try:
            theirs = judge.train_test_split(x, x, shuffle=shuffle, **sizes)
        except ValueError:
            with pytest.raises(ValueError, match="train_test_split"):
                train_test_split(x, x, shuffle=shuffle, **sizes)
            continue
        ours = train_test_split(x, x, shuffle=shuffle, random_state=seed if shuffle else None, **sizes)
        assert [len(part) for part in ours] == [len(part) for part in theirs]
        assert not set(ours[0]) & set(ours[1])
        np.testing.assert_array_equal(ours[0], ours[2])
        if not shuffle:
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(2, 4))
def test_three_parts_share_out_every_class(seed, classes):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.concatenate([np.arange(classes).repeat(6), rng.integers(0, classes, 20)]))
    x = np.arange(len(y))
    parts = train_validation_test_split(x, y, validation_size=0.2, test_size=0.25, stratify=y, random_state=seed)
    xs, ys = parts[:3], parts[3:]
    assert sorted(np.concatenate(xs)) == list(x)
    assert [len(p) for p in xs[1:]] == [int(np.ceil(0.2 * len(y))), int(np.ceil(0.25 * len(y)))]
    for part, labels in zip(xs, ys, strict=True):
        np.testing.assert_array_equal(y[part], labels)
        fair = np.bincount(y) * len(part) / len(y)
        assert np.abs(np.bincount(labels, minlength=classes) - fair).max() < 2
    again = train_validation_test_split(x, y, validation_size=0.2, test_size=0.25, stratify=y, random_state=seed)
    for a, b in zip(parts, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_split_keeps_dtype_and_lists():
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    a, b, c, d = train_test_split(x, ["one", "two", "three", "four"], test_size=0.5, random_state=0)
    assert a.dtype == np.float32 and a.shape == b.shape == (2, 2)
    assert isinstance(c, list) and sorted(c + d) == ["four", "one", "three", "two"]


# --- cross-validation ---------------------------------------------------------------------------------------


class OnlyFits:
    def fit(self, X, y):
        return self


class NearestMean:
    """A classifier that counts how often it was made."""

    made = 0

    def __init__(self):
        type(self).made += 1

    def fit(self, X, y):
        self.classes = np.unique(y)
        self.means = np.array([X[y == c].mean(axis=0) for c in self.classes])

    def predict(self, X):
        distance = ((X[:, None] - self.means) ** 2).sum(axis=2)
        return self.classes[distance.argmin(axis=1)]


@pytest.fixture
def blobs():
    rng = np.random.default_rng(3)
    y = np.array(["low", "mid", "top"]).repeat(20)
    return rng.normal(np.arange(3).repeat(20)[:, None] * [1.5, 0.5], 1), y


def test_each_fold_gets_a_fresh_model(blobs):
    before = NearestMean.made
    result = cross_validate(NearestMean, *blobs, cv=4)
    assert NearestMean.made == before + 4
    assert result.scores["accuracy"].shape == (4,) and result.scores["f1_per_class"].shape == (4, 3)
    assert result.mean["accuracy"] == pytest.approx(result.scores["accuracy"].mean())
    assert result.std["accuracy"] == pytest.approx(result.scores["accuracy"].std(ddof=1))
    assert type(result.mean["accuracy"]) is type(result.std["accuracy"]) is float
    assert result.mean["f1_macro"] == pytest.approx(result.mean["f1_per_class"].mean())
    assert "accuracy" in str(result) and "±" in str(result)


def test_predictions_come_from_the_model_that_had_not_seen_the_sample(blobs):
    X, y = blobs
    cv = KFold(5, shuffle=True, random_state=0)
    result = cross_validate(NearestMean, X, y, cv=cv)
    for train, test in cv.split(X):
        model = NearestMean()
        model.fit(X[train], y[train])
        np.testing.assert_array_equal(result.predictions[test], model.predict(X[test]))
    assert result.mean["accuracy"] == pytest.approx(np.mean(result.predictions == y))  # the folds are of equal size


def test_whole_groups_can_be_left_out(blobs):
    X, y = blobs
    groups = np.arange(60) % 4
    result = cross_validate(NearestMean, X, y, cv=LeaveOneGroupOut().split(X, y, groups))
    assert [np.unique(groups[test]).tolist() for _, test in result.folds] == [[0], [1], [2], [3]]


def test_sparse_samples_are_cut_like_others(blobs):
    X, y = blobs
    dense = lambda X_train, y_train, X_test: np.sign(X_test.toarray()[:, 0]) + len(X_train)  # noqa: E731
    result = cross_validate(dense, CSRMatrix.from_dense(X), y, cv=3, scoring={})
    np.testing.assert_array_equal(result.predictions, np.sign(X[:, 0]) + 40)


def test_a_function_of_three_arguments_is_a_recipe_too(blobs):
    seen = []

    def recipe(X_train, y_train, X_test):
        seen.append((len(X_train), len(X_test)))
        model = NearestMean()
        model.fit(X_train, y_train)
        return model.predict(X_test)

    a, b = cross_validate(recipe, *blobs), cross_validate(NearestMean, *blobs)
    assert seen == [(48, 12)] * 5
    np.testing.assert_array_equal(a.predictions, b.predictions)


def test_scores_are_those_of_scikit_learn(blobs):
    judge = pytest.importorskip("sklearn.model_selection")
    from sklearn.naive_bayes import GaussianNB

    names = ["accuracy", "precision_macro", "recall_macro", "f1_macro"]
    theirs = judge.cross_validate(GaussianNB(), *blobs, cv=6, scoring=names)
    ours = cross_validate(lambda: GaussianNB(), *blobs, cv=6)
    for name in names:
        np.testing.assert_allclose(ours.scores[name], theirs[f"test_{name}"])


def test_a_class_missing_from_a_fold_has_no_score_there():
    y = np.array([0, 0, 0, 1, 1, 1])
    guess = lambda X_train, y_train, X_test: np.ones(len(X_test), int)  # noqa: E731
    result = cross_validate(guess, y, y, cv=KFold(2))
    np.testing.assert_array_equal(result.scores["recall_per_class"], [[0, np.nan], [np.nan, 1]])
    np.testing.assert_array_equal(
        result.scores["precision_per_class"], [[0, np.nan], [np.nan, 1]]
    )  # never predicted: 0
    np.testing.assert_array_equal(result.mean["recall_per_class"], [0, 1])


def test_table_lists_classes_and_their_average(blobs):
    result = cross_validate(NearestMean, *blobs)
    table = result.table(["L", "M", "T"])
    assert list(table) == ["L", "M", "T", "macro average"]
    assert list(table["L"]) == ["precision", "recall", "F1"]
    np.testing.assert_array_equal(table["M"]["F1"], result.scores["f1_per_class"][:, 1])
    with pytest.raises(ValueError, match="2 class_names for 3 classes"):
        result.table(["L", "M"])


def test_own_scores_and_two_dimensional_predictions():
    X, y = np.arange(12.0), np.arange(12) % 2
    result = cross_validate(
        lambda X_train, y_train, X_test: np.tile([0.25, 0.75], (len(X_test), 1)),
        X,
        y,
        cv=3,
        scoring={"mean of truth": lambda t, p: (p[:, 1] * t).mean()},
    )
    assert result.predictions.shape == (12, 2)
    assert result.mean["mean of truth"] == pytest.approx(0.375)


# --- errors -------------------------------------------------------------------------------------------------


def fit_two(X, y):
    return y


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: KFold(1), ValueError, "n_splits=1"),
        (lambda: KFold(2.5), TypeError, "whole number"),
        (lambda: KFold(True), TypeError, "whole number, not True"),
        (lambda: KFold(3, shuffle=True, random_state=True).split([1, 2, 3]), TypeError, "a seed.*not bool"),
        (lambda: train_test_split([1, 2], test_size=True), ValueError, "test_size=True"),
        (lambda: train_test_split([1, 2], test_size=0), ValueError, "test_size=0"),
        (lambda: train_test_split([1, 2], test_size=0.0), ValueError, "test_size=0.0"),
        (lambda: train_test_split([1, 2], test_size=1.0), ValueError, "test_size=1.0"),
        (lambda: train_test_split([1, 2], train_size=2), ValueError, "train_size=2"),
        (lambda: KFold(3, random_state=1), ValueError, "add shuffle=True"),
        (lambda: KFold(3, shuffle=True, random_state="1").split([1, 2, 3]), TypeError, "a seed"),
        (lambda: KFold(4).split([1, 2, 3]), ValueError, "at least 4 samples, but there are 3"),
        (lambda: KFold(2).split([1, 2, 3], [1, 2]), ValueError, "X has 3 samples but y has 2"),
        (lambda: StratifiedKFold(2).split([1, 2, 3]), ValueError, "use KFold"),
        (lambda: StratifiedKFold(2).split([1, 2, 3], [1, 1, 1]), ValueError, "one class only"),
        (lambda: StratifiedKFold(3).split(range(4), [0, 0, 1, 1]), ValueError, "no class has 3 members"),
        (lambda: StratifiedKFold(2).split([1, 2], [0.5, 0.7]), ValueError, "class labels"),
        (lambda: train_test_split(), ValueError, "at least one array"),
        (lambda: train_test_split([1, 2], [1]), ValueError, "not 2, 1"),
        (lambda: train_test_split([1, 2], test_size=2), ValueError, "test_size=2"),
        (lambda: train_test_split([1, 2], test_size=1.5), ValueError, "test_size=1.5"),
        (lambda: train_test_split([1]), ValueError, "parts of"),
        (lambda: train_test_split(range(9), test_size=5, train_size=5), ValueError, "parts of 5, 5 samples"),
        (lambda: train_test_split(range(4), stratify=[0, 1, 1, 1]), ValueError, "smallest class has 1"),
        (
            lambda: train_test_split(range(9), test_size=1, stratify=[0, 1, 1] * 3),
            ValueError,
            "all 2 classes",
        ),
        (lambda: train_test_split([1, 2], stratify=[0]), ValueError, "1 classes for 2 samples"),
        (lambda: train_test_split([1, 2], stratify=[0, 1, 1]), ValueError, "3 classes for 2 samples"),
        (lambda: train_test_split([1, 2], stratify=[0, 1], shuffle=False), ValueError, "shuffle=True"),
        (lambda: cross_validate(NearestMean(), [1, 2], [0, 1]), TypeError, "lambda"),
        (lambda: cross_validate(fit_two, [1, 2], [0, 1]), TypeError, r"not 2 \(X, y\)"),
        (lambda: cross_validate(lambda: {}, [1, 2] * 5, [0, 1] * 5), TypeError, "lacks fit or predict"),
        (lambda: cross_validate(OnlyFits, [1, 2] * 5, [0, 1] * 5), TypeError, "OnlyFits, which lacks fit or predict"),
        (lambda: cross_validate(NearestMean, [1, 2], [0]), ValueError, "not 2, 1"),
        (
            lambda: cross_validate(NearestMean, [1, 2], [0, 1], scoring="acuracy"),
            ValueError,
            "unknown score 'acuracy'",
        ),
        (lambda: cross_validate(NearestMean, [1, 2], [0, 1], cv=[([0], [1])]), ValueError, "exactly once"),
        (
            lambda: cross_validate(lambda a, b, c: [0], [1] * 9, [0, 1, 1] * 3, cv=3),
            ValueError,
            "fold 1 has 3 test",
        ),
    ],
)
def test_bad_input_is_one_clear_sentence(call, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_small_class_is_a_warning():
    with pytest.warns(UserWarning, match="smallest class has 1 sample") as caught:
        StratifiedKFold(3).split(range(7), [0, 0, 0, 0, 1, 1, 2])
    assert caught[0].filename == __file__


def test_scores_of_some_of_the_folds():
    y = np.array(list("aabbab"))
    folds = [(np.array([1, 2]), np.array([3, 0])), (np.array([0, 3]), np.array([4, 1]))]
    scored = score_folds(y, folds, [np.array(["b", "b"]), np.array(["a", "a"])])
    assert scored.scores["accuracy"].tolist() == [0.5, 1]
    assert scored.predictions.tolist() == ["b", "a", "b", "a"]  # of samples 0, 1, 3, 4
    assert scored.classes.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="score_folds: 2 folds and 1 predictions"):
        score_folds(y, folds, [y[:2]])


def test_what_a_splitter_says_of_itself():
    assert repr(KFold(3)) == "KFold(n_splits=3, shuffle=False, random_state=None)"
    assert repr(StratifiedKFold(4, shuffle=True, random_state=1)) == (
        "StratifiedKFold(n_splits=4, shuffle=True, random_state=1)"
    )
    assert repr(LeaveOneGroupOut()) == "LeaveOneGroupOut()"
    assert KFold().n_splits == 5 and KFold(np.int64(3)).get_n_splits() == 3
    assert LeaveOneGroupOut().get_n_splits(groups=list("abca")) == 3


@pytest.mark.parametrize("shuffle", [False, True])
def test_as_many_folds_as_samples_leaves_one_out(shuffle):
    folds = folds_of(KFold(3, shuffle=shuffle), "abc")
    assert sorted(test for _, test in folds) == [[0], [1], [2]]


def test_the_smallest_parts():
    """Two samples, two parts; two of each class, one in each part; three parts of three."""
    assert sorted(len(part) for part in train_test_split([1, 2])) == [1, 1]
    train, test = train_test_split(list("aabb"), test_size=2, stratify=list("aabb"))
    assert sorted(train) == sorted(test) == ["a", "b"]
    assert [len(part) for part in train_validation_test_split([1, 2, 3])] == [1, 1, 1]
    assert len(train_test_split(range(10), train_size=3, test_size=2)[0]) == 3  # the rest is in neither


def test_arguments_go_by_their_names(blobs):
    X, y = blobs
    a, b = cross_validate(estimator=NearestMean, X=X, y=y, cv=3), cross_validate(NearestMean, X, y, cv=3)
    np.testing.assert_array_equal(a.predictions, b.predictions)
    with pytest.raises(TypeError, match="positional"):
        cross_validate(NearestMean, X, y, 3)


def test_what_an_estimator_may_be(blobs):
    """A function may have options besides its three arguments; one model, even one that can be called, is none."""
    X, y = blobs

    def guess(X_train, y_train, X_test, answer="mid", *rest, **options):
        return np.full(len(X_test), answer)

    assert (cross_validate(guess, X, y).predictions == "mid").all()

    class Called(NearestMean):
        def __call__(self, *arguments):
            raise AssertionError

    for one in (Called(), NearestMean(), 3):
        with pytest.raises(TypeError, match=rf"^cross_validate: {type(one).__name__} is one model, but each fold"):
            cross_validate(one, X, y)


def test_folds_may_come_from_a_splitter_of_ones_own(blobs):
    class Halves:
        def split(self, X, y):
            odd = np.arange(len(y)) % 2 == 1
            return [(np.flatnonzero(odd), np.flatnonzero(~odd)), (np.flatnonzero(~odd), np.flatnonzero(odd))]

    X, y = blobs
    result = cross_validate(NearestMean, X, y, cv=Halves())
    assert len(result.folds) == 2 and len(result.predictions) == len(y)
    with pytest.raises(FrozenInstanceError):
        result.folds = []


def test_hundreds_of_folds():
    """Counts above 256 are equal without being one object."""
    y = np.arange(300) % 2
    folds = [(np.array([1 - i % 2]), np.array([i])) for i in range(300)]
    scored = score_folds(y, folds, [y[test] for _, test in folds])
    assert scored.scores["accuracy"].shape == (300,) and scored.mean["accuracy"] == 1
