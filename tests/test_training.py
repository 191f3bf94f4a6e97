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


def test_a_validation_of_ones_own(capsys):
    modes = []

    def measure(model):
        modes.append(model.training)
        return {"word_error_rate": 0.25}

    history = train(network(), epochs=2, validation=measure, progress="learning")
    assert history["validation_word_error_rate"] == [0.25, 0.25] and modes == [False, False]
    assert "val word_error_rate 0.250" in capsys.readouterr().err


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
    with pytest.raises(
        NonFiniteLossError, match=r"epoch 1, step 1 of 13: the loss is nan; the first layer .* is 1: try"
    ):
        train(model)
    after = model.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_non_finite_data_is_named_as_the_cause():
    x, y = blobs(32)
    x[3, 0] = np.nan
    model = network()
    with pytest.raises(NonFiniteLossError, match=r"epoch 1, step [12] of 2: .*the batch itself holds NaN") as caught:
        fit(model, DataLoader(x, y, batch_size=16), optim.SGD(model.parameters(), 0.1), 1)
    seen, labels = caught.value.batch
    assert len(seen) == len(labels) == 16 and np.isnan(seen).sum() == 1


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
    assert "learning" in shown and "loss" in shown and "acc" in shown
    train(network(), epochs=1)
    assert capsys.readouterr().err == ""


def test_binary_logistic_regression_and_regression_train_too():
    x, y = blobs()
    model = nn.LogisticRegression(2)
    loss = F.binary_cross_entropy_with_logits
    history = fit(model, DataLoader(x, y), optim.Adam(model.parameters(), 0.1), 10, (x, y), loss)
    assert history["validation_accuracy"][-1] > 0.95
    model = nn.Linear(2, 1)
    history = fit(model, DataLoader(x, x[:, :1]), optim.Adam(model.parameters(), 0.1), 20, (x, x[:, :1]), F.mse_loss)
    assert set(history) == {"train_loss", "validation_loss"}
    assert history["train_loss"][-1] < history["train_loss"][0]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_gradient_that_is_not_finite_stops_before_it_does_harm():
    model = nn.Linear(2, 2)
    before = model.state_dict()

    def steep(logits, y):
        return F.cross_entropy(logits, y) + F.sqrt((logits * 0).sum())

    x, y = blobs(16)
    with pytest.raises(
        NonFiniteLossError, match=r"epoch 1, step 1 of 1: the loss is .* but the gradient of weight is not"
    ):
        fit(model, DataLoader(x, y), optim.Adam(model.parameters()), 1, loss=steep, max_grad_norm=1.0)
    assert all(np.array_equal(before[name], model.state_dict()[name]) for name in before)


def test_nothing_to_train_is_refused():
    x, y = blobs(16)
    model = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="holds none of the model's parameters"):
        fit(model, DataLoader(x, y), optim.SGD(nn.Linear(2, 2).parameters(), 0.1), 1)
    with pytest.raises(ValueError, match="epochs is -1"):
        fit(model, DataLoader(x, y), optim.SGD(model.parameters(), 0.1), -1)


def test_predict_needs_one_output_and_leaves_frozen_layers_alone():
    with pytest.raises(TypeError, match="LSTM returns 2 outputs"):
        predict(nn.LSTM(3, 4), np.ones((2, 2, 3), np.float32))
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    model[1].eval()
    predict(model, blobs(4)[0])
    assert model.training and model[0].training and not model[1].training


def test_equal_loss_curves_with_one_and_two_threads():
    from tinymm.kernels import threads
    from tinymm.models import MMBigModel

    random = np.random.default_rng(0)
    x, y = random.random((96, 1, 28, 28), dtype=np.float32), random.integers(0, 10, 96)
    before = threads.get_num_threads()
    curves = []
    try:
        for number in (1, 2):
            threads.set_num_threads(number)
            tm.manual_seed(0)
            model = MMBigModel()
            history = fit(model, DataLoader(x, y, batch_size=32), optim.Adam(model.parameters()), 2)
            weights = {name: value.tobytes() for name, value in model.state_dict().items()}
            curves.append((history["train_loss"], weights))
    finally:
        threads.set_num_threads(before)
    assert curves[0] == curves[1]
