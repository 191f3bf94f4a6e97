import json

from benchmarks.chart import draw
from benchmarks.measurement import Measurement
from benchmarks.report import Report


def made():
    report = Report(
        date="2000-01-01 00:00", command="python -m benchmarks", threads=2, rounds=2, left_out={"jax": "it is not installed"},
        machine={"processor": "one", "processors": 2, "memory": "1 GB", "system": "Linux", "python": "3"},
        versions={"tinymm": "1", "torch": "2"},
    )  # fmt: skip
    report.rows = [
        Measurement("product", "limit", {"numpy": [2.0, 1.0]}, flops=1e10),
        Measurement("copy", "limit", {"numpy": [1.0, 1.0]}, traffic=1e9),
        Measurement(
            "conv A", "convolution, forward + backward", {"tinymm": [1.0, 1.0], "torch": [3.0, 3.0]}, flops=8e9
        ),
        Measurement("LSTM B", "recurrent, forward", {"tinymm": [2.0, 2.0], "torch": [1.0, 1.0]}, {"jax": "it differs"}),
        Measurement("memory", "peak memory", {"tinymm": [2.0**20], "torch": [2.0**23]}, unit="B"),
        Measurement("first", "first step, cache empty", {"tinymm": [30.0], "torch": [1.0]}),
    ]
    report.grown = {"batch": [Measurement("", "", {"tinymm": [float(f)]}, flops=f) for f in (1, 2, 4, 8)]}
    report.alone = [Measurement("LSTM B", "", {"tinymm": [1.0], "1 thread": [1.5]})]
    return report


def line(page, name):
    return next(line for line in page.splitlines() if line.startswith(f"| {name}"))


def test_limits_are_the_best_of_all_rounds():
    assert made().rate == 1e10
    assert made().bandwidth == 1e9


def test_page_says_what_is_met_and_what_is_missed():
    page = made().markdown("chart.png")
    assert "3.00 (PyTorch) | ≥ 1.2 met | 80%, goal 70% met" in line(page, "conv A")
    assert "0.50 (PyTorch) | ≥ 1 **missed**" in line(page, "LSTM B")
    assert "void" in line(page, "LSTM B")
    assert "1 MB ±0% | 8 MB ±0%" in line(page, "memory")
    assert "≤ 20.00 s **missed**" in line(page, "first")
    assert "1.00 | ≤ 1.05 met" in line(page, "batch")
    assert "1.50 | ≥ 1.7 **missed**" in page
    assert "JAX jit is left out: it is not installed." in page
    assert "**4 of 7 goals are met.**" in page


def test_disturbed_rows_are_marked_and_do_not_count():
    report = made()
    for m in (report.rows[2], report.grown["batch"][3], report.alone[0]):
        m.strangers = 0.4
    page = report.markdown("chart.png")
    assert "≥ 1.2 ? | 80% |" in line(page, "conv A †")
    assert "≤ 1.05 ?" in line(page, "batch †")
    assert "≥ 1.7 ?" in page
    assert "**1 of 3 goals are met.**" in page
    assert "up to 40% of the processors" in page


def test_json_keeps_every_round(tmp_path):
    made().write_json(tmp_path / "r.json")
    content = json.loads((tmp_path / "r.json").read_text())
    row = content["rows"][2]
    assert row["values"]["torch"] == [3.0, 3.0]
    assert row["ratios"] == {"torch": 3.0}
    assert row["goal met"] is True
    assert content["matrix rate"] == 1e10


def test_limits_that_were_not_measured_are_not_stated(tmp_path):
    report = made()
    report.rows = report.rows[2:]
    page = report.markdown("chart.png")
    assert "goal 70%" not in page
    report.write_json(tmp_path / "r.json")


def test_chart(tmp_path):
    draw(made(), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
