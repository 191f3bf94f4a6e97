"""Arrays whose bytes lie the other way round: everything that takes arrays gives the same for them, or refuses them.

Numba tells arrays that are read-only, or have more than four axes, apart by a fingerprint that leaves out the byte order:
a kernel that has seen such an array would read swapped bytes as if they were not. So everything is called with read-only
arrays of the machine's own order first.
"""

import re

import numpy as np
import pytest

import tinymm as tm
from tests.functional.table import ROWS, as_tuple
from tinymm import functional as F
from tinymm import metrics, nn, optim
from tinymm.data import audio, image
from tinymm.data.standardizing import Standardizer
from tinymm.sparse import CSRMatrix


def read_only(a):
    a = np.array(a)
    a.flags.writeable = False
    return a


def swapped(a):
    a = np.asarray(a)
    return read_only(a.astype(a.dtype.newbyteorder("S")))


def plain(y):
    return [np.asarray(a) for a in as_tuple(y)]


def assert_same_or_refused(call, *arrays):
    """One array after the other with swapped bytes, then all; whether any was taken."""
    expected, taken = plain(call(*map(read_only, arrays))), False
    for which in [*range(len(arrays)), None]:
        given = [swapped(a) if which in (i, None) else read_only(a) for i, a in enumerate(arrays)]
        try:
            found = plain(call(*given))
        except TypeError as error:
            assert re.search(r">f[48]", str(error)), error
            continue
        taken = True
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    return taken


def with_gradients(call):
    """The same, and the gradient of each argument in turn, the others being plain arrays."""

    def called(*arrays):
        found = as_tuple(call(*arrays))
        for i, array in enumerate(arrays):
            if array.dtype.kind != "f":
                continue
            x = tm.Tensor(array, requires_grad=True)
            outputs = as_tuple(call(*arrays[:i], x, *arrays[i + 1 :]))
            sum((y * y).sum() for y in outputs).backward()
            found += x.grad.data, *(y.data for y in outputs)
        return found

    return called


# What others are made of is reached through them alone, by arrays that have been seen to and by gradients.
PUBLIC = [row for row in ROWS if row.name in F.__all__]


@pytest.mark.parametrize("row", PUBLIC, ids=[f"{row.name}-{i}" for i, row in enumerate(PUBLIC)])
def test_operations(row):
    with np.errstate(all="ignore"):
        arrays = row.arrays(np.random.default_rng(0), row.cases[0], np.float32)
        assert_same_or_refused(with_gradients(lambda *operands: row.call(F, *operands)), *arrays)


def numbers(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


LABELS = np.random.default_rng(0).integers(1, 7, (5, 4))
LARGE = {  # such as go to the kernels, and labels, lengths and places of whole numbers
    "matmul": (F.matmul, numbers(90, 80), numbers(80, 70)),
    "linear": (F.linear, numbers(90, 80), numbers(70, 80), numbers(70)),
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, padding=1), numbers(2, 64, 6, 6), numbers(64, 64, 3, 3), numbers(64)),
    "conv2d of one channel": (F.conv2d, numbers(2, 1, 9, 9), numbers(32, 1, 3, 3), numbers(32)),
    "conv_relu_pool": (F.conv_relu_pool, numbers(2, 3, 8, 8), numbers(16, 3, 3, 3), numbers(16)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), numbers(2, 16, 8, 8)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), numbers(2, 16, 8, 8)),
    "lstm": (
        lambda *inputs: F.lstm(*inputs[:-1], lengths=inputs[-1]),
        *(numbers(5, 6, 8), numbers(64, 8), numbers(64, 16), numbers(64), LABELS[:, 0]),
    ),
    "cross_entropy": (F.cross_entropy, numbers(5, 40), LABELS[:, 0]),
    "ctc_loss": (
        lambda z, labels, steps, lengths: F.ctc_loss(F.log_softmax(z), labels, steps, lengths),
        *(numbers(5, 12, 7), LABELS, np.full(5, 12), np.full(5, 3)),
    ),
    "embedding": (lambda i, w: F.embedding(i, w), LABELS, numbers(7, 40)),
    "batch_norm": (
        lambda x, mean, var: F.batch_norm(x, mean, var, None, None),
        *(numbers(4, 3, 5, 5), numbers(3), np.float32([1, 2, 3])),
    ),
    "CSRMatrix": (
        lambda starts, columns, values, w: CSRMatrix(starts, columns, values, (3, 50)) @ w,
        *(np.array([0, 2, 2, 4]), np.array([1, 49, 0, 7]), numbers(4), numbers(50, 30)),
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_kernels(name):
    call, *arrays = LARGE[name]
    recorded = name not in ("CSRMatrix", "batch_norm")  # whose statistics have no derivative
    assert_same_or_refused(with_gradients(call) if recorded else call, *arrays)


def test_values_of_a_sparse_matrix_keep_their_precision():
    values = np.array([1 / 3])
    x = CSRMatrix([0, 1], [0], swapped(values), (1, 1))
    assert x.dtype == np.float64 and x.toarray() == values


@pytest.mark.parametrize("name", ["GD", "SGD", "Adagrad", "RMSprop", "Adam", "AdamW"])
def test_optimisers(name):
    """Parameters, gradients and a state that was loaded; five axes are more than Numba's quick look takes in."""

    def trained(theta, gradient):
        parameter = nn.Parameter(theta.copy())
        options = {"momentum": 0.9} if name == "SGD" else {}
        optimizer = getattr(optim, name)([parameter], lr=0.1, **options)
        for _ in range(2):
            parameter.grad = tm.Tensor(gradient)
            optimizer.step()
            state = optimizer.state_dict()
            state["state"] = [{key: like(array) for key, array in arrays.items()} for arrays in state["state"]]
            optimizer.load_state_dict(state)
        return parameter.data

    for shape in ((40,), (2, 2, 2, 2, 5)):
        like = read_only
        expected = trained(numbers(*shape), numbers(*shape))
        for like in (read_only, swapped):
            np.testing.assert_array_equal(trained(like(numbers(*shape)), like(numbers(*shape))), expected)


def test_states_of_modules():
    ours, theirs = (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)) for _ in range(2))
    ours.load_state_dict({name: swapped(value) for name, value in theirs.state_dict().items()})
    x = numbers(2, 3, 5, 5)
    np.testing.assert_array_equal(ours(x).data, theirs(x).data)


def test_states_on_disk(tmp_path):
    state = {"weight": swapped(numbers(3)), "labels": swapped(LABELS)}
    found = tm.load(tm.save(state, tmp_path / "state.npz"))
    for key, value in state.items():
        np.testing.assert_array_equal(found[key], value)


TRUTH, GUESS = np.array([0, 1, 2, 2, 1, 0]), np.array([0, 2, 2, 2, 1, 1])
PROBABILITY = np.random.default_rng(0).dirichlet([1, 1, 1], 6)
SCORES = {
    **dict.fromkeys(("accuracy_score", "confusion_matrix", "precision_recall_fscore_support"), (TRUTH, GUESS)),
    **dict.fromkeys(("precision_score", "recall_score", "f1_score"), (TRUTH % 2, GUESS % 2)),
    **dict.fromkeys(("log_loss", "brier_score_loss", "expected_calibration_error"), (TRUTH, PROBABILITY)),
    **dict.fromkeys(("reliability_curve", "top_k_accuracy_score"), (TRUTH, PROBABILITY)),
    "roc_auc_score": (TRUTH % 2, PROBABILITY[:, 1]),
    "fit_temperature": (np.log(PROBABILITY), TRUTH),
    "recall_at_k": (PROBABILITY, PROBABILITY[::-1], TRUTH, GUESS),
}


@pytest.mark.parametrize("name", SCORES)
def test_scores(name):
    assert assert_same_or_refused(getattr(metrics, name), *SCORES[name])


def test_every_score_is_here():
    others = {"Edits", "Reliability", "UndefinedMetricWarning", "classification_report"}
    others |= {"character_error_rate", "word_error_rate", "count_edits"}  # of texts
    assert set(SCORES) == set(metrics.__all__) - others


IMAGES, SOUNDS, FEATURES = abs(numbers(2, 3, 8, 7)) % 1, numbers(2, 4000) / 9, abs(numbers(2, 30, 12))
FRONT_ENDS = {
    "adjust": (lambda x: image.adjust(x, 1.2, 0.1), IMAGES),
    "affine": (image.affine, IMAGES, np.array([1, 0.5]), np.array(20.0)),
    "bright_ink": (image.bright_ink, IMAGES),
    "clean": (lambda x, y: image.clean(x, y)[:2], IMAGES, np.array([0, 1])),
    "connected_components": (lambda x: image.connected_components(x[0, 0] > 0.5)[0], IMAGES),
    "digits_to_28": (image.digits_to_28, numbers(2, 1, 8, 8)),
    "equalize_hist": (image.equalize_hist, IMAGES),
    "frame_ink": (lambda x: image.frame_ink(x, 6), IMAGES),
    "gaussian_blur": (image.gaussian_blur, IMAGES, np.array([0.8, 1])),
    "otsu_threshold": (image.otsu_threshold, IMAGES),
    "overlap": (image.overlap, IMAGES, IMAGES[::-1]),
    "pad_to": (lambda x: image.pad_to(x, 12), IMAGES),
    "resize": (lambda x: image.resize(x, (5, 9)), IMAGES),
    "sobel": (lambda x: image.sobel(x, 1, 0), IMAGES),
    "to_grey": (image.to_grey, IMAGES),
    "warp_affine": (image.warp_affine, IMAGES, np.array([[0.9, 0.1, 1], [0.2, 1, 0]])),
    "LogMel": (lambda x: audio.LogMel()(x), SOUNDS),
    "change_gain": (audio.change_gain, SOUNDS, np.array([3.0, -3])),
    "change_speed": (lambda x: audio.change_speed(x, 1.1), SOUNDS[0]),
    "frames": (lambda x: audio.frames(x, 40, 20), SOUNDS),
    "mix_noise": (lambda x, noise: audio.mix_noise(x, 10, np.random.default_rng(0), noise), SOUNDS, SOUNDS[0]),
    "power_spectrogram": (audio.power_spectrogram, SOUNDS),
    "resample": (lambda x: audio.resample(x, 8000, 4000), SOUNDS),
    "shift_sounds": (audio.shift_sounds, SOUNDS, np.array([3, -2])),
    "trim_silence": (lambda x: audio.trim_silence(x, 8000), SOUNDS[0]),
    "voice_activity": (lambda x: audio.voice_activity(x, 8000), SOUNDS),
    "deltas": (audio.deltas, FEATURES),
    "mask_features": (lambda x: audio.mask_features(x, np.random.default_rng(0), 1, 0.2), FEATURES),
    "mfcc": (lambda x: audio.mfcc(x, 5), FEATURES),
    "normalize_features": (audio.normalize_features, FEATURES),
    "Standardizer": (lambda x: Standardizer().fit_transform(x), IMAGES),
}


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_front_ends(name):
    if name == "resample":
        pytest.importorskip("scipy")
    call, *arrays = FRONT_ENDS[name]
    assert_same_or_refused(call, *arrays)


def test_every_front_end_is_here():
    others = {
        "Augmentation",
        "CleaningReport",
        "Box",
        "boxes",
        "check_batch",
        "read_image",
    }  # made of these, or no arrays
    others |= {"LogMelStream", "SoundAugmentation", "SpecAugment", "mel_filterbank", "read_sound"}
    assert set(FRONT_ENDS) - {"Standardizer"} == {*image.__all__, *audio.__all__} - others
