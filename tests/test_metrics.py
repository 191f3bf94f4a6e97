"""The metrics against their definitions and, where it is installed, against scikit-learn."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import metrics

LABEL_SCORES = ["precision_score", "recall_score", "f1_score"]


@st.composite
def labelled(draw, max_classes=5):
    """Labels as whole numbers, booleans or text, predictions that may miss classes, and weights or None."""
    kind = draw(st.sampled_from(["int", "text", "bool"]))
    names = {
        "int": np.array([-3, 0, 1, 7, 20]),
        "text": np.array(["ant", "bee", "Cat", "dögs", "e"]),
        "bool": np.array([False, True]),
    }[kind][:max_classes]
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = rng.choice(rng.choice(names, rng.integers(1, len(names) + 1)), n)
    guess = np.where(rng.random(n) < 0.5, truth, rng.choice(rng.choice(names, 2), n))
    weight = [None, rng.random(n) + 0.1, rng.integers(1, 4, n)][draw(st.integers(0, 2))]
    return truth, guess, weight, names


def quiet(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


@settings(max_examples=30, deadline=None)
@given(labelled(), st.sampled_from(["micro", "macro", "weighted", None]), st.sampled_from([0, 1, np.nan]))
def test_label_scores_are_those_of_scikit_learn(data, average, zero_division):
    judge = pytest.importorskip("sklearn.metrics")
    truth, guess, weight, names = data
    for labels in (None, names[::-1], names[1:3]):
        given_ = {
            "average": average,
            "labels": labels,
            "sample_weight": weight,
            "zero_division": zero_division,
        }
        for name in LABEL_SCORES:
            ours = getattr(metrics, name)(truth, guess, **given_)
            np.testing.assert_allclose(ours, quiet(getattr(judge, name), truth, guess, **given_), rtol=1e-12)
        ours = metrics.precision_recall_fscore_support(truth, guess, **given_)
        theirs = quiet(judge.precision_recall_fscore_support, truth, guess, **given_)
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(labelled())
def test_accuracy_and_confusion_matrix_are_those_of_scikit_learn(data):
    judge = pytest.importorskip("sklearn.metrics")
    truth, guess, weight, names = data
    for normalize in (True, False):
        ours = metrics.accuracy_score(truth, guess, sample_weight=weight, normalize=normalize)
        assert ours == pytest.approx(judge.accuracy_score(truth, guess, sample_weight=weight, normalize=normalize))
    for labels in (None, names[::-1]):
        for normalize in (None, "true", "pred", "all"):
            given_ = {"labels": labels, "normalize": normalize, "sample_weight": weight}
            ours, theirs = (
                metrics.confusion_matrix(truth, guess, **given_),
                quiet(judge.confusion_matrix, truth, guess, **given_),
            )
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
            assert ours.dtype == theirs.dtype


@settings(max_examples=30, deadline=None)
@given(labelled())
def test_report_is_that_of_scikit_learn(data):
    judge = pytest.importorskip("sklearn.metrics")
    truth, guess, weight, names = data
    for given_ in (
        {},
        {"digits": 3},
        {"labels": names[:2], "target_names": ["the first", "a much longer name"]},
    ):
        ours = metrics.classification_report(truth, guess, zero_division=0, **given_)
        theirs = quiet(judge.classification_report, truth, guess, zero_division=0, **given_)
        assert ours == re.sub(r"  (\d+)\.0\n", r"    \1\n", theirs)  # its counts are floats where nothing is right
        given_ = given_ | {"output_dict": True, "sample_weight": weight, "zero_division": np.nan}
        ours, theirs = (
            metrics.classification_report(truth, guess, **given_),
            quiet(judge.classification_report, truth, guess, **given_),
        )
        assert list(ours) == list(theirs)
        for row in ours:
            assert ours[row] == pytest.approx(theirs[row], nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(labelled(max_classes=2), st.booleans())
def test_binary_scores_are_those_of_scikit_learn(data, positive_first):
    judge = pytest.importorskip("sklearn.metrics")
    truth, guess, weight, names = data
    pos_label = names[0 if positive_first else 1].item()
    for name in LABEL_SCORES:
        given_ = {"pos_label": pos_label, "sample_weight": weight, "zero_division": 0}
        try:
            theirs = getattr(judge, name)(truth, guess, **given_)
        except ValueError:
            with pytest.raises(ValueError, match="pos_label"):
                getattr(metrics, name)(truth, guess, **given_)
        else:
            assert getattr(metrics, name)(truth, guess, **given_) == pytest.approx(theirs)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([np.float32, np.float64]))
def test_probability_scores_are_those_of_scikit_learn(k, seed, weighted, dtype):
    judge = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    names = np.array(["a", "b", "c", "d", "e"])[:k]
    truth = np.concatenate([names, rng.choice(names, 20)])  # every class occurs
    proba = np.round(rng.dirichlet(np.ones(k), len(truth)), 1)  # rounding makes ties, zeros and ones
    proba = (proba / proba.sum(axis=1, keepdims=True)).astype(dtype)
    weight = rng.random(len(truth)) if weighted else None
    tolerance = 1e-5 if dtype == np.float32 else 1e-9
    for normalize in (True, False):
        given_ = {"sample_weight": weight, "normalize": normalize}
        for keep in (
            truth,
            np.where(truth == names[-1], names[0], truth),
        ):  # and once the last class is missing
            ours = metrics.log_loss(keep, proba, labels=names, **given_)
            assert ours == pytest.approx(judge.log_loss(keep, y_proba=proba, labels=names, **given_), rel=tolerance)
        score = proba[:, 1] if k == 2 else proba
        for top in range(1, k):
            ours = metrics.top_k_accuracy_score(truth, score, k=top, **given_)
            assert ours == pytest.approx(judge.top_k_accuracy_score(truth, score, k=top, **given_))
    for average in ("macro", "weighted", None):
        given_ = {"average": average, "sample_weight": weight}
        ours = metrics.roc_auc_score(truth, score, **given_)
        np.testing.assert_allclose(ours, judge.roc_auc_score(truth, score, multi_class="ovr", **given_), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_area_is_the_share_of_pairs_in_order(seed):
    rng = np.random.default_rng(seed)
    truth, score = rng.permutation([0, 1, *rng.integers(0, 2, 8)]), rng.integers(0, 4, 10)
    pairs = [(a > b) + 0.5 * (a == b) for a in score[truth == 1] for b in score[truth == 0]]
    assert metrics.roc_auc_score(truth, score) == pytest.approx(np.mean(pairs))


def test_scores_by_hand():
    truth, guess = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2]
    assert metrics.confusion_matrix(truth, guess).tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    np.testing.assert_allclose(metrics.precision_score(truth, guess, average=None), [1, 1 / 2, 1 / 2])
    np.testing.assert_allclose(metrics.recall_score(truth, guess, average=None), [2 / 3, 1 / 2, 1])
    np.testing.assert_allclose(metrics.f1_score(truth, guess, average=None), [4 / 5, 1 / 2, 2 / 3])
    assert metrics.f1_score(truth, guess, average="micro") == pytest.approx(4 / 6)
    assert metrics.top_k_accuracy_score([1, 0], [0.7, 0.2], k=1) == 1
    assert metrics.log_loss([0, 1], np.array([[1.0, 0.0], [1.0, 0.0]])) == pytest.approx(-np.log(2**-52) / 2)
    assert metrics.log_loss([0, 1], np.eye(2)) == pytest.approx(2**-52, rel=1e-3, abs=0)  # nothing is quite certain


def test_one_warning_names_every_undefined_score():
    with pytest.warns(metrics.UndefinedMetricWarning) as caught:
        metrics.precision_recall_fscore_support(["a", "b"], ["a", "c"], labels=["a", "b", "c", "d"])
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "precision of class b, d (never predicted)" in message and "recall of class c, d" in message
    assert caught[0].filename == __file__
    with pytest.warns(metrics.UndefinedMetricWarning, match="precision") as caught:
        assert metrics.precision_score([1, 0], [0, 0]) == 0
    assert caught[0].filename == __file__
    with pytest.warns(metrics.UndefinedMetricWarning) as caught:
        metrics.classification_report([0, 1], [0, 0])
    assert len(caught) == 1 and caught[0].filename == __file__
    with pytest.warns(metrics.UndefinedMetricWarning, match=r"precision of class all \(never predicted\)"):
        assert metrics.precision_score([0, 1], [0, 1], labels=[2], average="micro") == 0


def test_a_chosen_zero_division_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metrics.precision_score([1, 0], [0, 0], zero_division=1) == 1
        assert np.isnan(metrics.precision_score([1, 0], [0, 0], zero_division=np.nan))


def test_meaningless_scores_warn():
    with pytest.warns(metrics.UndefinedMetricWarning, match="one class"):
        assert np.isnan(metrics.roc_auc_score([1, 1], [0.2, 0.3]))
    with pytest.warns(metrics.UndefinedMetricWarning, match="class \\[2\\]"):
        assert np.isnan(metrics.roc_auc_score([0, 1], [[0.2, 0.3, 0.5], [0, 1, 0]], labels=[0, 1, 2]))
    with pytest.warns(metrics.UndefinedMetricWarning, match="every prediction"):
        assert metrics.top_k_accuracy_score([0, 1], [0.2, 0.3], k=2) == 1
    with pytest.warns(UserWarning, match="add up to 1"):
        metrics.log_loss([0, 1], [[0.2, 0.3], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: metrics.accuracy_score([0, 1], [0]), ValueError, "y_true has 2 samples but y_pred has 1"),
        (lambda: metrics.accuracy_score([], []), ValueError, "empty"),
        (lambda: metrics.accuracy_score([0, 1], [[0.1, 0.9], [0.5, 0.5]]), ValueError, "argmax"),
        (lambda: metrics.accuracy_score([0, 1], [0.2, 0.7]), ValueError, "fractions"),
        (lambda: metrics.accuracy_score([0, np.nan], [0, 1]), ValueError, "NaN"),
        (
            lambda: metrics.accuracy_score([0, 1], ["0", "1"]),
            ValueError,
            "numbers such as 0 but y_pred holds text",
        ),
        (lambda: metrics.accuracy_score(np.array(["a", None]), ["a", "b"]), ValueError, "mixes text"),
        (lambda: metrics.accuracy_score([0j], [0j]), TypeError, "complex"),
        (lambda: metrics.accuracy_score([0, 1], [0, 1], sample_weight=[1]), ValueError, "sample_weight"),
        (lambda: metrics.f1_score([0, 1, 2], [0, 1, 2]), ValueError, 'average="macro"'),
        (lambda: metrics.f1_score([0, 1], [0, 1], average="mean"), ValueError, "'mean'"),
        (
            lambda: metrics.f1_score(["a", "b"], ["a", "b"]),
            ValueError,
            "pos_label=1 is not one of the classes",
        ),
        (lambda: metrics.f1_score([0, 1], [0, 1], zero_division=2), ValueError, "zero_division"),
        (lambda: metrics.f1_score([0, 1], [0, 1], labels=[], average=None), ValueError, "labels is empty"),
        (lambda: metrics.confusion_matrix([0, 1], [0, 1], labels=[5]), ValueError, "none of labels"),
        (lambda: metrics.confusion_matrix([0, 1], [0, 1], normalize="rows"), ValueError, "normalize"),
        (
            lambda: metrics.classification_report([0, 1], [0, 1], target_names=["a"]),
            ValueError,
            "1 target_names for 2",
        ),
        (lambda: metrics.log_loss([0, 1], [[3.0, -1.0], [0.0, 1.0]]), ValueError, "softmax"),
        (lambda: metrics.log_loss([0, 1], [[0.1, 0.2, 0.7]] * 2), ValueError, "3 classes, but there are 2"),
        (lambda: metrics.log_loss([0, 5], [0.1, 0.2], labels=[0, 1]), ValueError, r"y_true holds \[5\]"),
        (lambda: metrics.log_loss([0, 1], [0.1, np.nan]), ValueError, "1 of the scores are NaN"),
        (lambda: metrics.log_loss([0, 1], [0.1, 0.2, 0.3]), ValueError, r"not \(3,\)"),
        (lambda: metrics.roc_auc_score([0, 1, 2], [0.1, 0.2, 0.3]), ValueError, "one column per class"),
        (lambda: metrics.roc_auc_score([0, 1], [0.1, 0.2], multi_class="ovo"), ValueError, "ovr"),
        (lambda: metrics.roc_auc_score([0, 1], [0.1, 0.2], average="micro"), ValueError, "micro"),
        (lambda: metrics.top_k_accuracy_score([0, 1], [0.1, 0.2], k=0), ValueError, "at least 1"),
        (lambda: metrics.top_k_accuracy_score([0, 1], [0.1, 0.2], k=True), ValueError, "not True"),
        (lambda: metrics.top_k_accuracy_score([0, 1], [0.1, 0.2], k=1.5), ValueError, "not 1.5"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "mend"), [((5, 1), "ravel"), ((1, 3), "argmax"), ((2, 3, 4), "ravel"), ((), "ravel")]
)
def test_the_mend_fits_the_shape(shape, mend):
    with pytest.raises(ValueError, match=rf"y_true must be one label per sample.* try y_true\.{mend}\("):
        metrics.accuracy_score(np.zeros(shape, int), [0])


def test_a_fraction_is_no_zero_division():
    with pytest.raises(ValueError, match=r'zero_division must be 0, 1, nan or "warn", not 0\.5'):
        metrics.f1_score([0, 1], [0, 1], zero_division=0.5)


def test_labels_in_an_array_of_objects():
    assert metrics.accuracy_score(np.array(["a", "b"], object), ["a", "a"]) == 0.5
    assert metrics.accuracy_score(np.array([3, 4], object), [3, 3]) == 0.5
    for labels in (["a", 1], [None, 1], [None, None], ["a", None]):
        with pytest.raises(ValueError, match="accuracy_score: y_true mixes text with other values"):
            metrics.accuracy_score(np.array(labels, object), ["a", "b"])


def test_the_mend_fits_the_number_of_columns():
    three = [[0.2, 0.3, 0.5]] * 2
    for truth, columns, mend in (
        ([0, 1], three, "name them all with labels="),
        ([0, 1, 2, 3], [three[0]] * 4, "pass one"),
    ):
        with pytest.raises(ValueError, match=rf"stand for 3 classes, but there are {len(truth)} .*: {mend}"):
            metrics.log_loss(truth, columns)


def test_a_score_of_several_classes_is_one_number_but_for_no_average():
    truth, guess = [0, 1, 2, 2], [0, 2, 2, 2]
    for score in (metrics.precision_score, metrics.recall_score, metrics.f1_score):
        for average in ("micro", "macro", "weighted"):
            assert type(score(truth, guess, average=average, zero_division=0)) is float
        assert score(truth, guess, average=None, zero_division=0).shape == (3,)
    assert metrics.precision_recall_fscore_support(truth, guess, average="micro") == (0.75, 0.75, 0.75, None)


@pytest.mark.parametrize(
    ("score", "hits"), [([0.5, 0.6, 0.0, 1.0], 2), ([0.5, 0.6, -0.1, 1.0], 1), ([0.5, 0.6, 0.0, 1.1], 1)]
)
def test_one_score_for_two_classes_is_a_probability_or_a_margin(score, hits):
    """Above 0.5 where all lie in [0, 1], else above 0."""
    assert metrics.top_k_accuracy_score([0, 1, 1, 0], score, k=1, normalize=False) == hits


KEYWORDS = {  # the first arguments, as scikit-learn spells them; beyond the names of all options only keywords
    **dict.fromkeys([*LABEL_SCORES, "precision_recall_fscore_support", "classification_report"], ("y_true", "y_pred")),
    **dict.fromkeys(["confusion_matrix", "accuracy_score"], ("y_true", "y_pred")),
    **dict.fromkeys(["log_loss", "brier_score_loss", "reliability_curve"], ("y_true", "y_proba")),
    **dict.fromkeys(["roc_auc_score", "top_k_accuracy_score"], ("y_true", "y_score")),
    "expected_calibration_error": ("y_true", "y_proba"),
}


@pytest.mark.parametrize("name", KEYWORDS)
def test_arguments_go_by_their_names(name):
    metric, values = getattr(metrics, name), ([0, 1, 1, 0], [0, 1, 1, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a top 2 of 2
        named, placed = metric(**dict(zip(KEYWORDS[name], values, strict=True))), metric(*values)
    np.testing.assert_equal(named, placed)
    if name != "accuracy_score":
        with pytest.raises(TypeError, match="positional"):
            metric(*values, None, None, None)


@pytest.mark.parametrize("average", ["binary", "micro", "macro", "weighted"])
def test_an_option_may_come_from_a_file(average):
    """Equal text is enough; it need not be the same object."""
    truth, guess = [0, 1, 1, 0, 1], [0, 1, 0, 1, 1]
    for zero_division in ("warn", 0):
        expected = metrics.f1_score(truth, guess, average=average, zero_division=zero_division)
        read = "".join(zero_division) if zero_division else 0
        assert metrics.f1_score(truth, guess, average="".join(average), zero_division=read) == expected
    if average in ("macro", "weighted"):
        scores = [[0.6, 0.4], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7]]
        expected = metrics.roc_auc_score(truth, scores, average=average)
        assert metrics.roc_auc_score(truth, scores, average="".join(average), multi_class="".join("ovr")) == expected


def test_rows_that_do_not_add_up_are_warned_of_where_the_score_was_asked_for():
    for score in (metrics.log_loss, metrics.brier_score_loss):
        with pytest.warns(UserWarning, match="do not add up to 1") as caught:
            score([0, 1], [[0.2, 0.3], [0.5, 0.5]])
        assert caught[0].filename == __file__


def test_rows_that_add_up_are_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in (np.float32, np.float64):
            p = np.random.default_rng(0).dirichlet([1, 1, 1], 30).astype(dtype)
            metrics.log_loss(np.arange(30) % 3, p)


def test_the_positive_class_is_1_unless_another_is_named():
    truth, guess = [0, 1, 1, 0, 0], [1, 1, 0, 0, 0]
    assert metrics.precision_score(truth, guess) == metrics.recall_score(truth, guess) == 1 / 2
    assert metrics.f1_score(truth, guess) == 1 / 2
    both = metrics.precision_recall_fscore_support(truth, guess, average="binary")
    assert both == (1 / 2, 1 / 2, 1 / 2, None)
