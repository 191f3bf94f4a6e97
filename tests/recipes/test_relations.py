"""The relations between senses: trained, judged by recall, and used to find one sense by another."""

from dataclasses import replace

import numpy as np
import pytest

from tinymm import checkpoint
from tinymm.data.datasets import Senses
from tinymm.data.datasets.dataset import as_samples
from tinymm.metrics import recall_at_k
from tinymm.recipes import Recipe, Trained, train_model
from tinymm.recipes.loading import Loaded, Parts
from tinymm.recipes.relations import RELATIONS, Relations

from .samples import together

QUICK = Recipe(data="multimodal-digits", model="shared-space", batch_size=8, lr=0.003)


@pytest.fixture(scope="module")
def trained():
    return train_model(replace(QUICK, epochs=16), together(48), validation=together(12, seed=1), seed=0)


def test_it_learns_to_bring_the_senses_together(trained):
    data = together(24, seed=1)
    judged = RELATIONS.judge([(data, trained.predict(data.x))])
    assert judged.summary["recall@1"][0] > 0.5  # by chance 0.04; other seeds and roundings gave 0.73 to 1
    assert len(trained.history["validation_recall"]) == 16
    points = judged.predictions
    expected = recall_at_k(points[:, 0], points[:, 2], data.y, data.y)
    assert judged.table["image → text"]["recall@1"][0] == expected
    rows = [row["recall@5"][0] for name, row in judged.table.items() if name != "mean"]
    assert len(rows) == 6 and judged.summary["recall@5"][0] == pytest.approx(np.mean(rows))


def test_it_comes_back_from_its_checkpoint(trained, tmp_path):
    checkpoint.save(trained.state_dict(), tmp_path / "trained.npz")
    again = Trained.from_state(checkpoint.load(tmp_path / "trained.npz"))
    data = together(6)
    np.testing.assert_array_equal(again.predict(data.x), trained.predict(data.x))


def test_what_lies_nearest_is_found_by_any_sense(trained, monkeypatch):
    held = together(24, seed=1)
    monkeypatch.setattr(Relations, "load", lambda *_: Loaded(held, None))
    monkeypatch.setattr(Relations, "cut", lambda *_: Parts(np.arange(0), np.arange(24), "all", []))
    sample = held.x[0]
    asked = as_samples([sample, Senses(image=sample.image), Senses(text=sample.text)])
    for answer in RELATIONS.answers(trained, asked, top=2):
        nearest = answer.values["nearest"]
        assert list(nearest) == ["image", "audio", "text"] and all(len(items) == 2 for items in nearest.values())
        assert all(items[0]["cosine"] >= items[1]["cosine"] for items in nearest.values())
        assert "image" in answer.line
    itself = RELATIONS.answers(trained, asked[1:2], top=1)[0].values["nearest"]["image"][0]
    assert itself["what"] == "image 0" and itself["cosine"] == pytest.approx(1, abs=1e-3)


def test_two_senses_are_enough_and_one_is_not():
    data = together(16)
    made = train_model(replace(QUICK, epochs=1, senses="audio,text"), data)
    judged = RELATIONS.judge([(data, made.predict(data.x))])
    assert set(judged.table) == {"audio → text", "text → audio", "mean"}
    drawings = RELATIONS.drawings(made, judged)
    assert drawings["The shared space"][1]().get_title() == "The shared space: audio, text"
    with pytest.raises(ValueError, match="relations are between two or three"):
        train_model(replace(QUICK, senses="text"), data)
