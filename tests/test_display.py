"""How things look in a notebook, and the table of a model's layers."""

from html.parser import HTMLParser

import numpy as np
import pytest

import tinymm as tm
import tinymm.nn.display
from tinymm import display, nn


class Page(HTMLParser):
    """The text of a piece of HTML; fails where tags do not match or something comes from outside."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "link", "img", "style")
        assert not any(name in ("src", "href") or "url(" in (value or "") for name, value in attributes)
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return "".join(self.texts)


# --- a Tensor ---


def test_a_tensor_shows_what_it_is_and_what_made_it():
    x = tm.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    page = Page((x * 2)._repr_html_())
    for part in ("Tensor", "shape (2, 2)", "float32", "made by multiply", "wants a gradient"):
        assert part in page.text
    assert "min 2 · mean 5 · max 8" in page.text
    assert [t for t in page.texts if t in "2468"] == ["2", "4", "6", "8"]


def test_a_long_tensor_is_shortened():
    values = np.arange(2 * 50 * 40).reshape(2, 50, 40)
    page = Page(display.tensor_html(tm.tensor(values)))
    assert page.tags.count("td") == 7 * 7
    assert "at [0]" in page.text and "…" in page.text and "⋮" in page.text
    assert "1999" in page.texts and "3999" not in page.texts
    assert "max 3999" in page.text


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (np.float32(2.5), "min 2.5 · mean 2.5 · max 2.5"),
        (np.zeros((0, 3)), "no elements"),
        (np.array([True, False, True]), "2 of 3 true"),
        (np.array([1.0, np.nan, np.inf]), "max 1 · 2 of 3 not finite"),
        (np.array([np.nan]), "1 of 1 not finite"),
        (np.arange(5), "min 0 · mean 2 · max 4"),
    ],
)
def test_tensors_of_every_kind_have_a_range(values, part):
    assert part in Page(display.tensor_html(tm.tensor(values))).text


def test_parameters_say_so_and_names_are_escaped():
    layer = nn.Linear(2, 2)
    assert "Parameter" in Page(layer.weight._repr_html_()).text
    model = Net()
    setattr(model, "<b>evil</b>", nn.ReLU())
    assert "&lt;b&gt;evil&lt;/b&gt;" in model._repr_html_()
    assert "<b>evil" not in model.summary((1, 6))._repr_html_()


# --- a Module ---


def test_a_module_is_a_tree_that_folds_with_counts():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(3, 2))
    page = Page(model._repr_html_())
    assert page.tags.count("details") == 4  # what has something inside
    for part in ("Sequential · 23 parameters", "Linear(4, 3) · 15 parameters", "weight (3, 4)", "ReLU"):
        assert part in page.text


# --- the layers of a model ---


class Net(nn.Module):
    """A body that runs twice, an LSTM, a layer that nothing calls, and two layers that share a weight."""

    def __init__(self):
        self.body = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.9))
        self.lstm = nn.LSTM(1, 5)
        self.spare = nn.Sequential(nn.Linear(5, 5))
        self.one, self.two = nn.Linear(5, 5), nn.Linear(5, 5)
        self.two.weight = self.one.weight

    def forward(self, x):
        x = self.body(self.body(x))
        _, (h, _) = self.lstm(x[:, :, None])
        return self.two(self.one(h))


def rows(table):
    return [(r.name.split(".")[-1], r.depth, r.type, r.output, r.parameters) for r in table.rows]


def test_summary_follows_the_run():
    assert rows(Net().summary((2, 6))) == [
        ("Net", 0, "Net", "(2, 5)", ""),
        ("body", 1, "Sequential", "(2, 6)", ""),
        ("0", 2, "Linear", "(2, 6)", "42"),
        ("1", 2, "Dropout", "(2, 6)", ""),
        ("body", 1, "Sequential", "(2, 6)", ""),
        ("0", 2, "Linear", "(2, 6)", "shared"),
        ("1", 2, "Dropout", "(2, 6)", ""),
        ("lstm", 1, "LSTM", "(2, 6, 5), ((2, 5), (2, 5))", "140"),
        ("one", 1, "Linear", "(2, 5)", "30"),
        ("two", 1, "Linear", "(2, 5)", "5 + shared"),
        ("spare", 1, "Sequential", "not called", ""),
        ("0", 2, "Linear", "not called", "30"),
    ]


def test_totals_count_shared_parameters_once():
    model = Net()
    model.one.bias.requires_grad_(False)
    table = model.summary((2, 6))
    assert table.total == 42 + 140 + 30 + 5 + 30 == sum(p.size for p in model.parameters())
    assert table.trainable == table.total - 5
    assert table.parameter_bytes == 4 * table.total


def test_one_module_under_two_names_is_called_by_both():
    act = nn.ReLU()
    table = nn.Sequential(nn.Linear(3, 3), act, nn.Linear(3, 2), act).summary((1, 3))
    assert [r[0] for r in rows(table)] == ["Sequential", "0", "1", "2", "3"]


def test_memory_counts_each_output_once():
    table = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).summary((2, 2, 2))
    assert table.output_bytes == 4 * 2 * (4 + 3)  # Sequential's output is Linear's


def test_summary_runs_unrecorded_in_evaluation_mode_and_restores_each_mode():
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append((self.training, tm.tape.is_recording()))
            return x

    model = nn.Sequential(Spy(), nn.Linear(3, 3), nn.Dropout())
    model[2].eval()
    model.summary((1, 3))
    assert seen == [(False, False)]
    assert [m.training for _, m in model.named_modules()] == [True, True, True, False]
    with pytest.raises(ValueError, match="linear"):
        model.summary((1, 4))
    assert model.training and model[1].training and not model[2].training
    assert tm.tape.is_recording()


@pytest.mark.parametrize("x", [(2, 4), np.ones((2, 4), np.float32), tm.tensor(np.ones((2, 4))), [[1.0] * 4] * 2])
def test_inputs_are_shapes_arrays_lists_or_tensors(x):
    model = nn.Linear(4, 3)
    if getattr(x, "dtype", None) == np.float64:
        model.astype(np.float64)
    assert model.summary(x).rows[0].output == "(2, 3)"


def test_integers_reach_an_embedding():
    assert nn.Embedding(5, 3).summary(np.array([[0, 4]])).rows[0].output == "(1, 2, 3)"


def test_the_table_as_text_and_as_html_agree():
    table = Net().summary((2, 6))
    text, page = str(table), Page(table._repr_html_())
    assert repr(table) == text
    lines = text.splitlines()
    assert lines[0].split() == ["layer", "type", "output", "parameters"]
    assert any(line.startswith("    0") and line.endswith("42") for line in lines)
    assert "247 parameters, 247 of them trainable" in text and "247 parameters, 247 of them trainable" in page.text
    assert "988 B for the parameters" in text
    assert page.tags.count("tr") == 1 + len(table.rows)
    assert len({len(line) for line in lines if line.startswith("─")}) == 1


def test_outputs_of_other_kinds_are_named():
    class Odd(nn.Module):
        def forward(self, x):
            return {"logits": x, "parts": [x, x[0]], "loss": 1.5}

    assert Odd().summary((2, 3)).rows[0].output == "logits: (2, 3), parts: ((2, 3), (3,)), loss: float"


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: nn.display.summary("model", (1, 2)), TypeError, "expected a Module, not a str"),
        (lambda: nn.Linear(2, 2).summary(), TypeError, "Linear needs an input.*shape"),
        (lambda: nn.Linear(2, 2).summary((-1, 2)), ValueError, r"\(-1, 2\) has a negative length"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)
