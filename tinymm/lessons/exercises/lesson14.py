"""Lesson 14: three senses in one model, and the customer desk."""

import numpy as np

import tinymm as tm
from tinymm import formulas
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(
    14, "Three senses, one model", minutes=40, question="How do seeing, hearing and reading help each other?"
)


# --- 14.1 ------------------------------------------------------------------------------------------------


def _fuse_given(rng):
    n, k = int(rng.integers(2, 5)), int(rng.integers(3, 6))
    present = rng.random((n, 3)) < 0.6
    present[np.arange(n), rng.integers(3, size=n)] = True
    present[0] = [True, False, True]
    return rng.normal(size=(3, n, k)), present


def _multiplied(scores, present):
    """The probabilities of the senses that are there, multiplied, and made to add up to 1."""
    p = np.ones(scores.shape[1:])
    for n in range(len(present)):
        for m in np.flatnonzero(present[n]):
            p[n] *= formulas.softmax(scores[m, n])
    return p / p.sum(axis=1, keepdims=True)


@exercise(
    "14.1",
    given=_fuse_given,
    truth=_multiplied,
    returns=("probabilities",),
    hints=(
        "A sense that is not there must add 0: multiply its scores by present, which is 1 or 0.",
        "present.T[:, :, None] has the shape (M, N, 1) and fits the scores (M, N, K). Then add up over axis 0.",
        "The softmax comes last, once: tm.formulas.softmax(total).",
    ),
)
def fuse(scores, present):
    """Return the probabilities (N, K) that M senses give together.

    scores (M, N, K): what sense m says of sample n; present (N, M): whether it is there.
    tm.formulas.softmax works row by row.
    """
    total = (scores * present.T[:, :, None]).sum(axis=0)
    return tm.formulas.softmax(total)


fuse.mistake(
    "A missing sense has its say here, too: its scores may be anything, and must not count.",
    lambda scores, present: formulas.softmax(scores.sum(axis=0)),
)
fuse.mistake(
    "These are scores, not probabilities: the softmax is missing.",
    lambda scores, present: (scores * present.T[:, :, None]).sum(axis=0),
)
fuse.mistake(
    "Add the scores, do not take their mean: two senses that agree are surer together than each alone.",
    lambda scores, present: formulas.softmax(
        (scores * present.T[:, :, None]).sum(axis=0) / present.sum(axis=1)[:, None]
    ),
)
fuse.mistake(
    "This is the mean of the probabilities: everyone has one vote, however unsure. Add the scores instead, then softmax.",
    lambda scores, present: (
        (formulas.softmax(scores) * present.T[:, :, None]).sum(axis=0) / present.sum(axis=1)[:, None]
    ),
)
fuse.mistake(
    "present says which senses are there; here just those are left out.",
    lambda scores, present: formulas.softmax((scores * ~present.T[:, :, None]).sum(axis=0)),
)


# --- 14.2 ------------------------------------------------------------------------------------------------


def _keep_given(rng):
    present = rng.random((8, 3)) < 0.5
    present[0], present[1] = False, [True, False, True]
    return present, rng.integers(3, size=8)


def _kept(present, keep):
    return np.array([row if row.any() else np.arange(row.size) == k for row, k in zip(present, keep, strict=True)])


def _with_change(change):
    """A copy of `present` that is changed."""

    def answer(present, keep):
        found = present.copy()
        change(found, keep)
        return found

    return answer


def _for_all(found, keep):
    found[np.arange(len(found)), keep] = True


def _everything(found, keep):
    found[~found.any(axis=1)] = True


def _whole_columns(found, keep):
    found[:, keep[~found.any(axis=1)]] = True


@exercise(
    "14.2",
    given=_keep_given,
    truth=_kept,
    returns=("who is there",),
    hints=(
        "empty = ~present.any(axis=1) is true for samples from which every sense was taken.",
        "Copy first: found = present.copy(). Then rows = np.flatnonzero(empty) are the samples to mend.",
        "found[rows, keep[rows]] = True sets one place in each of these rows.",
    ),
)
def keep_one(present, keep):
    """Return present (N, M), true or false, with a sense put back where all are gone.

    keep (N,) says which sense a sample gets back. Samples that still have one stay as they are.
    """
    found = present.copy()
    rows = np.flatnonzero(~present.any(axis=1))
    found[rows, keep[rows]] = True
    return found


keep_one.mistake(
    "Only samples without any sense get one back; here every sample gets one more.", _with_change(_for_all)
)
keep_one.mistake(
    "One sense is to be put back, keep[n]; here an empty sample gets all of them.", _with_change(_everything)
)
keep_one.mistake(
    "found[:, …] sets whole columns, in every sample. Name the rows, too: found[rows, keep[rows]].",
    _with_change(_whole_columns),
)
keep_one.mistake("Samples that lost every sense still have none.", lambda present, keep: present.copy())


# --- 14.3 ------------------------------------------------------------------------------------------------


def _noise_given(rng):
    n = int(rng.integers(20, 40))
    return rng.normal(size=n) * rng.uniform(0.2, 2), rng.normal(size=n) * rng.uniform(0.2, 2), rng.uniform(3, 20)


def _mixed(sound, noise, snr, *, root=np.sqrt, per=10, sign=1, power=lambda x: np.mean(x**2)):
    wanted = power(sound) / 10 ** (sign * snr / per)
    return sound + noise * root(wanted / power(noise))


@exercise(
    "14.3",
    given=_noise_given,
    returns=("noisy sound",),
    hints=(
        "Turn the formula round: the noise's power must be P(sound) / 10**(snr / 10).",
        "Multiply the noise by a factor a; its power is then multiplied by a². So a is a root: "
        "np.sqrt(wanted / np.mean(noise**2)).",
    ),
)
def mix(sound, noise, snr):
    """Return sound + a · noise, (T,), with the factor a that makes the ratio snr decibels.

    snr = 10 log₁₀(P(sound) / P(a · noise)), where the power P(x) is the mean of x².
    """
    wanted = np.mean(sound**2) / 10 ** (snr / 10)
    return sound + noise * np.sqrt(wanted / np.mean(noise**2))


mix.mistake(
    "The root is missing: a factor a makes the power a² times as large.",
    lambda sound, noise, snr: _mixed(sound, noise, snr, root=lambda a: a),
)
mix.mistake(
    "20 belongs to amplitudes; for powers it is 10.", lambda sound, noise, snr: _mixed(sound, noise, snr, per=20)
)
mix.mistake(
    "The other way round: more decibels must mean less noise.",
    lambda sound, noise, snr: _mixed(sound, noise, snr, sign=-1),
)
mix.mistake(
    "The noise has a power of its own: divide by it.",
    lambda sound, noise, snr: sound + noise * np.sqrt(np.mean(sound**2) / 10 ** (snr / 10)),
)
mix.mistake(
    "The sound's power is missing: the louder the sound, the louder the noise may be.",
    lambda sound, noise, snr: sound + noise * np.sqrt(1 / 10 ** (snr / 10) / np.mean(noise**2)),
)


# --- 14.4 ------------------------------------------------------------------------------------------------


def _threshold_given(rng):
    confidence = np.round(rng.permutation(np.linspace(0.3, 0.99, 30)), 3)
    right = rng.random(30) < confidence
    right[confidence.argmax()] = True
    right[confidence.argmin()] = False
    return confidence, right, float(rng.uniform(0.08, 0.2))


def _threshold(
    confidence, right, risk, *, pick=min, share=lambda wrong, answered: np.sum(wrong & answered) / np.sum(answered)
):
    good = [t for t in confidence if share(~right, confidence >= t) <= risk]
    return pick(good)


@exercise(
    "14.4",
    given=_threshold_given,
    truth=_threshold,
    returns=("threshold",),
    hints=(
        "Try each of the confidences as a threshold t. answered = confidence >= t says who is answered.",
        "Of those that are answered, np.mean(~right[answered]) are wrong. Is that at most the risk?",
        "Of all t that will do take the smallest: it answers the most.",
    ),
)
def threshold(confidence, right, risk):
    """Return the smallest of the confidences that will do as a threshold t.

    t will do if of all samples with confidence ≥ t at most the share `risk` is wrong.
    confidence (N,), right (N,): true or false. One of them always will do.
    """
    good = []
    for t in confidence:
        answered = confidence >= t
        if np.mean(~right[answered]) <= risk:
            good.append(t)
    return min(good)


threshold.mistake(
    "This one is the safest, and hardly anyone gets an answer. Take the smallest that will do.",
    lambda confidence, right, risk: _threshold(confidence, right, risk, pick=max),
)
threshold.mistake(
    "The share is that of the answered ones; you divide by all.",
    lambda confidence, right, risk: _threshold(
        confidence, right, risk, share=lambda wrong, answered: np.sum(wrong & answered) / len(wrong)
    ),
)
threshold.mistake(
    "This is the share of right answers; at most `risk` may be wrong.",
    lambda confidence, right, risk: min(t for t in confidence if np.mean(right[confidence >= t]) >= risk),
)
threshold.mistake(
    "Here all samples count, whatever their confidence. Look only at those with confidence >= t.",
    lambda confidence, right, risk: np.quantile(confidence, 1 - np.mean(right)),
)
threshold.mistake(
    "Going down from the surest, you stop at the first mistake that is too many. Further down the share may be small again.",
    lambda confidence, right, risk: _stopped_early(confidence, right, risk),
)


def _stopped_early(confidence, right, risk):
    order = np.argsort(-confidence)
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    too_many = np.flatnonzero(wrong > risk)
    return confidence[order[too_many[0] - 1]]
