from dataclasses import replace

import numpy as np
import pytest

from benchmarks import multimodal
from benchmarks.multimodal import DEGRADED, MODELS, table
from tinymm.data.datasets import open_dataset


def tables(best=0.7):
    """Two seeds: senses alone at 65, 70 and 75 % (the last of them as good as `best` says), fusions at 0.8 and more."""
    rows = np.tile([0.65, 0.7, best, 0.8, 0.81, 0.82, 0.9], (len(DEGRADED), 1))
    return [rows - 0.01, rows + 0.01]


def test_the_table_holds_the_means_and_names_what_fusion_adds():
    text = table(tables())
    assert f"| {DEGRADED[0].name} | 65.0 | 70.0 | 70.0 | **80.0** | **81.0** | **82.0** | **90.0** |" in text
    assert text.count("points above the best of them: early +10.0, late +11.0, gated +12.0, low-rank +20.0") == len(
        DEGRADED
    )
    worse = table(tables(best=0.95))
    assert "**" not in worse.split("\n")[2] and "points above" not in worse


def test_a_sense_that_is_missing_has_no_accuracy():
    rows = tables()
    for seed in rows:
        seed[-3, 0] = np.nan
    assert "| no image | – | 70.0 |" in table(rows)


def test_a_page_and_a_picture_are_left_and_what_is_measured_is_not_measured_again(monkeypatch, tmp_path):
    measured = []

    def accuracies(seed, found):
        """One model after the other; Ctrl-C before the last one from seed 1, once."""
        for name in [name for name in MODELS if name not in found]:
            if (seed, name) == (1, "low-rank") and len(measured) == 13:
                measured.append("Ctrl-C")
                raise KeyboardInterrupt
            found[name] = [
                None if name == "image" and level.name == "no image" else 0.6 + 0.2 * seed for level in DEGRADED
            ]
            measured.append((seed, name))
            yield name

    monkeypatch.setattr(multimodal, "accuracies", accuracies)
    with pytest.raises(KeyboardInterrupt):
        multimodal.fusion(2, tmp_path / "new")
    assert "Mean of 1 seed." in (tmp_path / "new" / "multimodal.md").read_text(encoding="utf-8")
    multimodal.fusion(2, tmp_path / "new", resume=True)
    assert measured == [*((0, n) for n in MODELS), *((1, n) for n in list(MODELS)[:-1]), "Ctrl-C", (1, "low-rank")]
    page = (tmp_path / "new" / "multimodal.md").read_text(encoding="utf-8")
    assert "Mean of 2 seeds." in page and all(name in page for name in MODELS) and "| no image | – | 70.0 |" in page
    assert (tmp_path / "new" / "multimodal.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_that_sees_nothing_has_no_accuracy(monkeypatch):
    data = open_dataset("multimodal-digits").subset(np.arange(24))
    monkeypatch.setattr(multimodal, "split", lambda recipe: (data, data.subset(np.arange(6))))
    quick = {n: replace(recipe, epochs=1) for n, recipe in MODELS.items() if n in ("image", "late")}
    monkeypatch.setattr(multimodal, "MODELS", quick)
    found = {"late": [0.5] * len(DEGRADED)}
    assert list(multimodal.accuracies(0, found)) == ["image"]
    assert [level.name for level, a in zip(DEGRADED, found["image"], strict=True) if a is None] == ["no image"]
    assert not list(multimodal.accuracies(0, found))
