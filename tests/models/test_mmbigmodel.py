"""The reference model: its shape, and the same training as PyTorch's twin, number by number."""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm import optim
from tinymm.data.datasets import load_digits
from tinymm.data.image import digits_to_28
from tinymm.models import MMBigModel


def test_it_has_exactly_308106_parameters():
    assert sum(p.size for p in MMBigModel().parameters()) == 308_106


def test_logits_for_every_image_and_class():
    x = np.zeros((3, 1, 28, 28), np.float32)
    assert MMBigModel()(x).shape == (3, 10)
    assert MMBigModel(classes=4)(x).shape == (3, 4)
    assert MMBigModel()(x[:0]).shape == (0, 10)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"x is \(2, 1, 8, 8\), but it needs images \(N, 1, 28, 28\)"):
        MMBigModel()(np.zeros((2, 1, 8, 8), np.float32))


def twin_state(torch, model):
    """The model's weights under PyTorch's names."""
    renamed = {
        "lstm.weight_ih": "lstm.weight_ih_l0",
        "lstm.weight_hh": "lstm.weight_hh_l0",
        "lstm.bias": "lstm.bias_ih_l0",
    }
    state = {renamed.get(name, name): torch.tensor(value) for name, value in model.state_dict().items()}
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


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-4), (np.float64, 1e-10)])
def test_twenty_adam_steps_have_pytorchs_losses_and_gradients(dtype, rtol):
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    tm.manual_seed(0)
    model = MMBigModel().astype(dtype)
    twin = torch_twin(torch, model).to(torch.tensor(np.zeros(1, dtype)).dtype)
    twin.load_state_dict(twin_state(torch, model))
    digits = load_digits()
    x, y = digits_to_28(digits.x[: 20 * 16]).astype(dtype), digits.y[: 20 * 16]
    ours, theirs = (
        optim.Adam(model.parameters()),
        torch.optim.Adam([p for p in twin.parameters() if p.requires_grad]),
    )
    losses = []
    for step in range(20):
        batch = slice(16 * step, 16 * (step + 1))
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
