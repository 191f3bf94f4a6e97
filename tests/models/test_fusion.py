"""Fusion: each against its formula, written out sample by sample, and deaf to senses that are missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import formulas
from tinymm.models.fusion import FUSIONS, drop_senses

SIZES, CLASSES = (3, 5, 2), 4


def affine(layer, x):
    return layer.weight.data @ x + layer.bias.data


def early(fusion, x, present):
    seen = [value if here else 0 * value for value, here in zip(x, present, strict=True)]
    hidden = np.maximum(affine(fusion.hidden, np.concatenate([*seen, present.astype(float)])), 0)
    return affine(fusion.classifier, hidden)


def late(fusion, x, present):
    """The product of the probabilities, as logits up to a constant."""
    p = np.ones(CLASSES)
    for m in np.flatnonzero(present):
        p *= formulas.softmax(affine(fusion.classifiers[m], x[m]))
    return np.log(p / p.sum())


def gated(fusion, x, present):
    everything = np.concatenate([value if here else 0 * value for value, here in zip(x, present, strict=True)])
    h = 0
    for m in np.flatnonzero(present):
        h = h + formulas.sigmoid(affine(fusion.gates[m], everything)) * np.tanh(affine(fusion.values[m], x[m]))
    return affine(fusion.classifier, h)


def low_rank(fusion, x, present):
    """The full tensor of weights, made from its factors, times the product of all features with each other."""
    there = np.flatnonzero(present)
    h = np.zeros(fusion.classifier.weight.shape[1])
    for unit in range(len(h)):
        weights, products = 0, np.ones(())
        for r in range(fusion.rank):
            row = r * len(h) + unit
            of_rank = np.ones(())
            for m in there:
                factor = fusion.factors[m]
                of_rank = np.multiply.outer(of_rank, np.append(factor.weight.data[row], factor.bias.data[row]))
            weights = weights + of_rank
        for m in there:
            products = np.multiply.outer(products, np.append(x[m], 1))
        h[unit] = np.sum(weights * products)
    return affine(fusion.classifier, h)


TWINS = {"early": early, "late": late, "gated": gated, "low-rank": low_rank}
every_fusion = pytest.mark.parametrize("name", FUSIONS)


def made(name, seed=0):
    tm.manual_seed(seed)
    return FUSIONS[name](SIZES, CLASSES).astype(np.float64)


def some(rng, n=4):
    """Features, and who is present: at least one sense each."""
    present = rng.random((n, 3)) < 0.5
    present[np.arange(n), rng.integers(3, size=n)] = True
    return [rng.standard_normal((n, size)) for size in SIZES], present


def centred(logits):
    """Logits are equal if they differ by a constant."""
    return logits - logits.mean(axis=-1, keepdims=True)


def test_every_fusion_has_a_twin():
    assert TWINS.keys() == FUSIONS.keys()


@every_fusion
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_fusion_is_its_formula(name, seed):
    fusion, (features, present) = made(name, seed), some(np.random.default_rng(seed))
    expected = [TWINS[name](fusion, [x[n] for x in features], present[n]) for n in range(4)]
    np.testing.assert_allclose(centred(fusion(features, present).data), centred(np.array(expected)), rtol=1e-9)


@every_fusion
@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf, 1e300])
def test_a_missing_sense_may_hold_anything(name, garbage):
    fusion, (features, present) = made(name), some(np.random.default_rng(1), 6)
    assert not present.all()

    def step(value):
        inputs = [tm.tensor(np.where(here[:, None], x, value)) for x, here in zip(features, present.T, strict=True)]
        for x in inputs:
            x.requires_grad = True
        fusion.zero_grad()
        logits = fusion(inputs, present)
        (logits * np.arange(1.0, 5)).sum().backward()
        return [logits.data, *(p.grad for p in fusion.parameters()), *(x.grad for x in inputs)]

    with np.errstate(invalid="raise", over="raise"):
        for zero, other in zip(step(0.0), step(garbage), strict=True):
            np.testing.assert_array_equal(np.asarray(zero), np.asarray(other))
            assert np.isfinite(np.asarray(other)).all()


@every_fusion
def test_every_present_sense_counts(name):
    fusion, (features, _) = made(name), some(np.random.default_rng(2))
    everyone = np.ones((4, 3), bool)
    logits = fusion(features, everyone).data
    for m in range(3):
        changed = [x + (i == m) for i, x in enumerate(features)]
        assert (np.abs(centred(fusion(changed, everyone).data) - centred(logits)) > 1e-9).any(axis=1).all()
        without = everyone & (np.arange(3) != m)
        assert (np.abs(centred(fusion(features, without).data) - centred(logits)) > 1e-9).any(axis=1).all()


@every_fusion
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_and_no_samples(name, dtype):
    fusion = made(name).astype(dtype)
    features, present = some(np.random.default_rng(3))
    inputs = [x.astype(dtype) for x in features]
    assert fusion(inputs, present).dtype == dtype
    assert fusion([x[:0] for x in inputs], present[:0]).shape == (0, CLASSES)


@every_fusion
def test_derivatives(name):
    fusion, (features, present) = made(name), some(np.random.default_rng(4), 2)
    assert tm.gradcheck(lambda *x: fusion(x, present), *(tm.tensor(x, requires_grad=True) for x in features))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 0.9, 1.0]), st.integers(1, 4))
def test_dropping_leaves_each_sample_a_sense_it_had(seed, p, senses):
    rng = np.random.default_rng(seed)
    present = rng.random((20, senses)) < 0.6
    kept = drop_senses(present, p, np.random.default_rng(seed))
    assert not (kept & ~present).any()
    np.testing.assert_array_equal(kept.any(axis=1), present.any(axis=1))
    np.testing.assert_array_equal(kept, drop_senses(present, p, np.random.default_rng(seed)))
    if p == 0:
        np.testing.assert_array_equal(kept, present)
    if p == 1:
        assert (kept.sum(axis=1) == present.any(axis=1)).all()


def test_how_often_senses_are_dropped():
    """With all three dropped (p³) one of them stays: each is there with probability 1 − p + p³/3."""
    kept = drop_senses(np.ones((30_000, 3), bool), 0.5, np.random.default_rng(0))
    np.testing.assert_allclose(kept.mean(axis=0), 0.5 + 0.125 / 3, atol=0.01)


def test_dropping_follows_the_packages_own_seed():
    present = np.ones((50, 3), bool)
    tm.manual_seed(3)
    first = drop_senses(present, 0.5)
    second = drop_senses(present, 0.5)
    tm.manual_seed(3)
    np.testing.assert_array_equal(drop_senses(present, 0.5), first)
    assert (first != second).any()
