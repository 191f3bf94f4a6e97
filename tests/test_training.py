"""Training: it learns, it is reproducible, it stops honestly."""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm import nn, optim
from tinymm.data.loading import DataLoader
from tinymm.training import NonFiniteLossError, evaluate, fit, predict


def blobs(n=200, seed=0):
    """Two classes of points that a line separates."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, n)
    x = random.normal(size=(n, 2)) + 3.0 * np.stack([y, -y], axis=1)
    return x.astype(np.float32), y


def network(seed=0):
    tm.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 2))


def train(model, epochs=5, seed=0, **options):
    x, y = blobs()
    return fit(
        model,
        DataLoader(x, y, batch_size=16, seed=seed),
        optim.Adam(model.parameters(), 0.05),
        epochs,
        **options,
    )


def test_the_loss_falls_and_the_classes_are_learned():
    model = network()
    history = train(model, validation=blobs(seed=1))
    assert set(history) == {"train_loss", "train_accuracy", "validation_loss", "validation_accuracy"}
    assert all(len(values) == 5 for values in history.values())
    assert history["train_loss"][-1] < history["train_loss"][0]
    assert history["validation_accuracy"][-1] > 0.95
    assert not history.interrupted and not model.training


def test_equal_seeds_give_equal_weights_bit_for_bit():
    states = []
    for seed in (0, 0, 1):
        model = network(seed)
        train(model, seed=seed, epochs=2)
        states.append(model.state_dict())
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not np.array_equal(states[0][name], states[2][name]) for name in states[0])


def test_evaluate_and_predict_work_without_dropout_and_restore_the_mode():
    model = network().train()
    x, y = blobs()
    assert np.array_equal(predict(model, x, batch_size=7), predict(model, x, batch_size=200))
    assert model.training
    loss, accuracy = evaluate(model, x, y)
    logits = predict(model, x)
    assert accuracy == np.mean(logits.argmax(1) == y)
    assert loss == pytest.approx(F.cross_entropy(logits, y), rel=1e-6)
    with pytest.raises(ValueError, match="at least one sample"):
        predict(model, x[:0])


def test_the_schedule_steps_once_per_epoch():
    model = network()
    x, y = blobs(32)
    optimizer = optim.SGD(model.parameters(), 1.0)
    fit(model, DataLoader(x, y), optimizer, 3, schedule=optim.ExponentialLR(optimizer, 0.5))
    assert optimizer.lr == 0.125


def test_clipping_bounds_every_step():
    model = nn.Linear(2, 2)
    x, y = blobs(64)
    before = model.state_dict()
    fit(
        model,
        DataLoader(1000 * x, y, batch_size=64),
        optim.SGD(model.parameters(), 1.0),
        1,
        max_grad_norm=0.5,
    )
    moved = np.sqrt(sum(np.sum((model.state_dict()[k] - before[k]) ** 2) for k in before))
    assert moved == pytest.approx(0.5, rel=1e-4)


class Explodes(nn.Module):
    def forward(self, x):
        return x * np.float32(np.inf)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_non_finite_loss_names_epoch_step_and_layer_and_keeps_the_parameters():
    model = nn.Sequential(nn.Linear(2, 2), Explodes(), nn.Linear(2, 2))
    before = model.state_dict()
    with pytest.raises(NonFiniteLossError, match=r"loss is nan in epoch 1, step 1 of 13; the first layer .* is 1: try"):
        train(model)
    after = model.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_non_finite_data_is_named_as_the_cause():
    x, y = blobs(32)
    x[3, 0] = np.nan
    model = network()
    with pytest.raises(NonFiniteLossError, match="the batch itself holds NaN"):
        fit(model, DataLoader(x, y), optim.SGD(model.parameters(), 0.1), 1)


def test_ctrl_c_keeps_what_was_learned():
    class Interrupted(nn.Module):
        def __init__(self):
            self.inner, self.calls = nn.Linear(2, 2), 0

        def forward(self, x):
            self.calls += 1
            if self.calls == 20:  # in the second epoch
                raise KeyboardInterrupt
            return self.inner(x)

    model = Interrupted()
    before = model.state_dict()
    history = train(model)
    assert history.interrupted
    assert len(history["train_loss"]) == 1
    assert any(not np.array_equal(before[name], model.state_dict()[name]) for name in before)


def test_a_progress_bar_shows_loss_and_accuracy(capsys):
    train(network(), epochs=1, progress="learning")
    shown = capsys.readouterr().err
    assert "learning" in shown and "loss" in shown and "accuracy" in shown
    train(network(), epochs=1)
    assert capsys.readouterr().err == ""
