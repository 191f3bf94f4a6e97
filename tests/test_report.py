"""The report is one page, complete in itself, and says what it was given."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tinymm import plots
from tinymm.report import write_report


class Page(HTMLParser):
    """The tags, attributes and text of a page; complains about tags that are not closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


def report(tmp_path, *args, **kwargs):
    path = write_report(tmp_path / "run" / "report.html", *args, **kwargs)
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    return Page(path.read_text(encoding="utf-8"))


def full(tmp_path):
    axes = plots.learning_curves({"train_loss": [1.0, 0.5], "train_accuracy": [0.5, 0.6]})
    return report(
        tmp_path,
        "digits-cnn",
        summary={"accuracy": [0.9, 1.0], "parameters": 308106, "time": "2 min"},
        metrics={
            "zero": {"precision": [0.5, 0.7], "support": 12},
            "average": {"precision": np.array([np.nan, 0.25])},
        },
        figures={"Curves": axes, "Confusion": plots.png(plots.confusion_matrix([[1, 0], [2, 3]]))},
        explanation="good: lovely",
        mistakes="good, taken for bad: not bad at all",
        data="12 samples\n  2 dropped",
        configuration={"lr": 0.001, "layers": [32, 64]},
        command="tinymm train --seed 0",
        versions={"tinymm": "0.1.0"},
        notes="Small data.",
    )


def test_everything_passed_is_on_the_page(tmp_path):
    text = full(tmp_path).text
    for words in (
        "digits-cnn",
        "0.9500 ± 0.0707",
        "308,106",
        "2 min",
        "0.6000 ± 0.1414",
        "0.2500",
        "over 2 folds",
        "What the model looks at good: lovely",
        "Mistakes good, taken for bad: not bad at all",
        "12 samples",
        "2 dropped",
        "0.001",
        "[32, 64]",
        "tinymm train --seed 0",
        "0.1.0",
        "Small data.",
    ):
        assert words in text


def test_the_page_needs_nothing_else(tmp_path):
    page = full(tmp_path)
    assert not {"script", "link", "iframe"} & set(page.tags)
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 2 and all(value.startswith("data:image/png;base64,") for value in sources)
    assert "http" not in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_text_is_escaped(tmp_path):
    nasty = "<script>alert('&\"')</script>"
    png = plots.png(plots.confusion_matrix([[1]]))
    page = report(
        tmp_path, nasty, summary={nasty: nasty}, metrics={nasty: {nasty: 1}}, figures={nasty: png}, data=nasty,
        configuration={nasty: nasty}, command=nasty, versions={nasty: nasty}, notes=nasty,
        explanation=nasty, mistakes=nasty,
    )  # fmt: skip
    assert "script" not in page.tags
    assert page.text.count(nasty) == 16  # in each place it was passed, the title in two
    assert ("alt", nasty) in page.attributes


def test_what_is_not_passed_is_left_out(tmp_path):
    page = report(tmp_path, "empty")
    assert "h2" not in page.tags and page.text.split() == ["empty", "empty"]


def test_a_new_report_replaces_the_old_one(tmp_path):
    report(tmp_path, "first")
    assert "second" in report(tmp_path, "second").text


def test_a_failed_report_leaves_nothing(tmp_path):
    for picture in (b"GIF89a", b"", "curve.png", 3):
        with pytest.raises(TypeError, match="figure 'x'") as caught:
            write_report(tmp_path / "run" / "report.html", "bad", figures={"x": picture})
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
