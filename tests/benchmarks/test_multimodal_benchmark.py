import numpy as np

from benchmarks import multimodal
from benchmarks.multimodal import DEGRADED, MODELS, table


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


def test_a_page_and_a_picture_are_left(monkeypatch, tmp_path):
    monkeypatch.setattr(multimodal, "accuracies", lambda seed: tables()[seed])
    multimodal.fusion(2, tmp_path / "new")
    page = (tmp_path / "new" / "multimodal.md").read_text(encoding="utf-8")
    assert "Mean of 2 seeds." in page and all(name in page for name in MODELS)
    assert (tmp_path / "new" / "multimodal.png").read_bytes().startswith(b"\x89PNG")
