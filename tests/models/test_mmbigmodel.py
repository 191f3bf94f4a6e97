"""The reference model: its shape, and the same training as PyTorch's twin, number by number; then several senses."""

import itertools

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm import optim
from tinymm.data.datasets import load_digits
from tinymm.data.image import digits_to_28
from tinymm.models import MMBigModel
from tinymm.models.fusion import FUSIONS
from tinymm.nn import LSTM, ConvReLUPool, Linear


def test_it_has_exactly_308106_parameters():
    assert sum(p.size for p in MMBigModel().parameters()) == 308_106


def test_logits_for_every_image_and_class():
    x = np.zeros((3, 1, 28, 28), np.float32)
    assert MMBigModel()(x).shape == (3, 10)
    assert MMBigModel(classes=4)(x).shape == (3, 4)
    assert MMBigModel()(x[:0]).shape == (0, 10)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"image is \(2, 1, 8, 8\), but it needs images \(N, 1, 28, 28\)"):
        MMBigModel()(np.zeros((2, 1, 8, 8), np.float32))


def twin_state(torch, model):
    """The model's weights under PyTorch's names."""
    own = {name.removeprefix("image."): value for name, value in model.state_dict().items()}
    renamed = {
        "lstm.weight_ih": "lstm.weight_ih_l0",
        "lstm.weight_hh": "lstm.weight_hh_l0",
        "lstm.bias": "lstm.bias_ih_l0",
    }
    state = {renamed.get(name, name): torch.tensor(value) for name, value in own.items()}
    state["lstm.bias_hh_l0"] = torch.zeros(512)  # the second bias, which the formula does not have
    return state


def torch_twin(torch, model):
    """The same model in PyTorch."""

    class Twin(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = torch.nn.Conv2d(1, 32, 3), torch.nn.Conv2d(32, 64, 3)
            self.features = torch.nn.Linear(1600, 128)
            self.lstm = torch.nn.LSTM(1, 128, batch_first=True)
            self.hidden, self.classifier = torch.nn.Linear(128, 128), torch.nn.Linear(128, 10)

        def forward(self, x):
            x = torch.max_pool2d(self.conv1(x).relu(), 2)
            x = torch.max_pool2d(self.conv2(x).relu(), 2)
            x = self.features(x.flatten(1)).relu()
            _, (h, _) = self.lstm(x[:, :, None])
            return self.classifier(self.hidden(h[0]).relu())

    twin = Twin()
    twin.lstm.bias_hh_l0.requires_grad_(False)
    return twin


@pytest.fixture
def torch():
    """PyTorch on one thread: where another program has a processor, its waiting threads make minutes of seconds."""
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-4), (np.float64, 1e-10)])
def test_twenty_adam_steps_have_pytorchs_losses_and_gradients(torch, dtype, rtol):
    tm.manual_seed(0)
    model = MMBigModel().astype(dtype)
    twin = torch_twin(torch, model).to(torch.tensor(np.zeros(1, dtype)).dtype)
    twin.load_state_dict(twin_state(torch, model))
    digits = load_digits()
    x, y = digits_to_28(digits.x[: 20 * 4]).astype(dtype), digits.y[: 20 * 4]
    ours, theirs = (
        optim.Adam(model.parameters()),
        torch.optim.Adam([p for p in twin.parameters() if p.requires_grad]),
    )
    losses = []
    for step in range(20):
        batch = slice(4 * step, 4 * (step + 1))
        ours.zero_grad()
        loss = F.cross_entropy(model(x[batch]), y[batch])
        loss.backward()
        theirs.zero_grad()
        other = torch.nn.functional.cross_entropy(twin(torch.tensor(x[batch])), torch.tensor(y[batch]))
        other.backward()
        if step == 0:
            gradients = {name: p.grad.numpy() for name, p in twin.named_parameters() if p.requires_grad}
            for (name, p), g in zip(model.named_parameters(), gradients.values(), strict=True):
                np.testing.assert_allclose(p.grad, g, rtol=1e-3, atol=1e-5 * np.abs(g).max(), err_msg=name)
        ours.step()
        theirs.step()
        losses.append((loss.item(), other.item()))
    np.testing.assert_allclose(*np.transpose(losses), rtol=rtol)


# --- several senses -------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
INPUTS = {
    "image": RNG.standard_normal((4, 1, 28, 28)).astype(np.float32),
    "audio": RNG.standard_normal((4, 6, 8)).astype(np.float32),
    "text": np.array([[2, 3, 4], [5, 6, 0], [7, 0, 0], [8, 2, 2]]),
}
EACH = {"image": {"image": True}, "audio": {"image": False, "audio": 8}, "text": {"image": False, "text": 9}}


def all_senses(fusion="late", **options):
    tm.manual_seed(0)
    return MMBigModel(image=True, audio=8, text=9, fusion=fusion, **options)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("senses", [c for n in (1, 2, 3) for c in itertools.combinations(INPUTS, n)], ids="+".join)
def test_any_subset_of_senses_makes_a_model_that_trains(senses, fusion):
    options = {"image": False} | {k: v for sense in senses for k, v in EACH[sense].items() if v}
    model = MMBigModel(classes=3, fusion=fusion, **options)
    assert tuple(model.encoders) == senses
    logits = model(**{sense: INPUTS[sense] for sense in senses})
    assert logits.shape == (4, 3)
    F.cross_entropy(logits, [0, 1, 2, 0]).backward()
    assert np.isfinite([float(np.sum(p.grad)) for p in model.parameters() if p.grad is not None]).all()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_missing_sense_is_none_or_masked_out_whatever_it_holds(fusion):
    model = all_senses(fusion).eval()
    for missing in range(3):
        rest = {sense: x for i, (sense, x) in enumerate(INPUTS.items()) if i != missing}
        without = model(**rest).data
        sense = list(INPUTS)[missing]
        garbage = np.full_like(INPUTS[sense], 10**6 if sense == "text" else np.nan)
        present = np.ones((4, 3), bool)
        present[:, missing] = False
        np.testing.assert_array_equal(model(**rest, **{sense: garbage}, present=present).data, without)
        assert np.abs(model(**INPUTS).data - without).max() > 1e-5


@pytest.mark.parametrize("fusion", FUSIONS)
def test_each_sample_has_the_senses_it_has(fusion):
    """A batch of samples with different senses, and the same samples one by one; the gradients stay finite."""
    model = all_senses(fusion).eval()
    present = np.array([[True, True, True], [True, False, False], [False, True, True], [False, False, True]])
    inputs = {sense: x.copy() for sense, x in INPUTS.items()}
    inputs["image"][~present[:, 0]] = np.nan
    inputs["audio"][~present[:, 1]] = np.inf
    inputs["text"][~present[:, 2]] = -5
    lengths = np.array([6, 10**9, 3, -1])  # those of the missing sounds count as little
    logits = model(inputs["image"], (inputs["audio"], lengths), inputs["text"], present)
    for n in range(4):
        own = {sense: x[n : n + 1] for (sense, x), here in zip(inputs.items(), present[n], strict=True) if here}
        if "audio" in own:
            own["audio"] = own["audio"], lengths[n : n + 1]
        np.testing.assert_allclose(logits.data[n : n + 1], model(**own).data, rtol=1e-4, atol=1e-5)
    F.cross_entropy(logits, [0, 1, 2, 3]).backward()
    assert all(np.isfinite(p.grad).all() for p in model.parameters())


def test_modality_dropout_takes_senses_away_in_training_only():
    model = all_senses(modality_dropout=1.0)
    assert len({model(**INPUTS).data.tobytes() for _ in range(8)}) > 1
    model.eval()
    assert len({model(**INPUTS).data.tobytes() for _ in range(3)}) == 1
    whole = all_senses(modality_dropout=0.0)
    whole.train()
    for encoder in whole.encoders.values():
        encoder.eval()  # their own dropout is not what is tested
    np.testing.assert_array_equal(whole(**INPUTS).data, model(**INPUTS).data)


def test_training_follows_the_packages_seed():
    logits = []
    for _ in range(2):
        model = all_senses()
        logits.append(model(**INPUTS).data)
    np.testing.assert_array_equal(*logits)


def test_with_one_sense_nothing_is_drawn():
    model = MMBigModel()
    tm.manual_seed(7)
    model(INPUTS["image"])
    drawn = tm.random.generator().random()
    tm.manual_seed(7)
    assert tm.random.generator().random() == drawn


def test_the_image_model_begins_as_it_always_did():
    """Layer by layer in this order, from the same seed: checkpoints and curves of the reference model stay comparable."""
    tm.manual_seed(4)
    layers = ConvReLUPool(1, 32, 3), ConvReLUPool(32, 64, 3), Linear(1600, 128), LSTM(1, 128), Linear(128, 128)
    expected = [p.data for layer in (*layers, Linear(128, 10)) for p in layer.parameters()]
    tm.manual_seed(4)
    found = [p.data for p in MMBigModel().parameters()]
    expected[8][128:256] = 1
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_moves_between_models_and_names_the_senses():
    first, second = all_senses().eval(), MMBigModel(image=True, audio=8, text=9).eval()
    state = first.state_dict()
    assert {name.split(".")[0] for name in state} == {"image", "audio", "text", "fusion"}
    second.load_state_dict(state)
    np.testing.assert_array_equal(first(**INPUTS).data, second(**INPUTS).data)


def test_double_precision_and_no_samples():
    model = all_senses().astype(np.float64).eval()
    inputs = {s: x.astype(np.float64) if x.dtype.kind == "f" else x for s, x in INPUTS.items()}
    present = np.tile([True, False, True], (4, 1))
    assert model(**inputs, present=present).dtype == model(audio=inputs["audio"]).dtype == np.float64
    assert model(**{s: x[:0] for s, x in inputs.items()}).shape == (0, 10)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: MMBigModel(image=False), "it has no sense"),
        (lambda: MMBigModel(fusion="mean"), "fusion 'mean' is unknown: choose one of early, late, gated, low-rank"),
        (lambda: MMBigModel(text=True), r"try len\(vocabulary\)"),
        (lambda: MMBigModel(modality_dropout=1.5), "modality_dropout is 1.5"),
        (lambda: MMBigModel()(), "got nothing"),
        (lambda: MMBigModel()(text=INPUTS["text"]), "text was given, but this model was made for image"),
        (
            lambda: all_senses()(image=INPUTS["image"], text=INPUTS["text"][:2]),
            "got 4 samples of image, 2 samples of text",
        ),
        (lambda: all_senses()(**INPUTS, present=np.ones((4, 2), bool)), r"present is bool \(4, 2\).*bool \(4, 3\)"),
        (lambda: all_senses()(**INPUTS, present=np.ones((4, 3))), r"present is float64 \(4, 3\)"),
        (lambda: all_senses()(**INPUTS, present=np.eye(4, 3, dtype=bool)), "sample 3 has none of image, audio, text"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^MMBigModel: .*{sentence}") as caught:
        call()
    assert "\n" not in str(caught.value)
