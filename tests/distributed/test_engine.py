"""Where a recipe is trained: what goes together, what is missing, and a run of the command with workers."""

import builtins
import json

import numpy as np
import pytest

from tinymm.cli import main
from tinymm.distributed import Engine, MissingRayError
from tinymm.distributed.history import WorkersHistory
from tinymm.training import fit

from .samples import loader, network

pytestmark = pytest.mark.usefixtures("quick_pictures")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "at least 1"),
        ({"workers": 2}, "add --async"),
        ({"staleness_aware": True}, "add --async"),
        ({"address": "somewhere:6379"}, "add --distributed ray"),
        ({"distributed": "dask"}, "ray is the only engine"),
    ],
)
def test_what_makes_no_sense_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        Engine(**options)


def test_without_ray_it_says_what_to_install(monkeypatch, capsys):
    usual = builtins.__import__

    def without_ray(name, *args, **options):
        if name == "ray":
            raise ImportError(name)
        return usual(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    with pytest.raises(MissingRayError, match=r'pip install "tinymm\[distributed\]"'):
        Engine(workers=2, distributed="ray")
    assert main(["train", "--distributed", "ray", "--workers", "2"]) == 2
    assert 'pip install "tinymm[distributed]"' in capsys.readouterr().err
    assert Engine(workers=2, asynchronous=True).workers == 2  # this needs no Ray


def test_by_itself_it_trains_here():
    from tinymm import optim

    ours, theirs = network(), network()
    history = Engine().fit(ours, loader(), optim.SGD(ours.parameters(), 0.1), 2)
    expected = fit(theirs, loader(), optim.SGD(theirs.parameters(), 0.1), 2)
    assert history == expected and list(Engine().map(divmod, [(7,), (9,)], 4)) == [(1, 3), (2, 1)]


def test_the_options_are_typed_again_in_the_report():
    assert Engine().arguments() == []
    engine = Engine(workers=2, asynchronous=True, staleness_aware=True)
    assert engine.arguments() == ["--workers 2", "--async", "--staleness-aware"]


def test_facts_of_the_work_and_one_line_for_the_bar():
    history = WorkersHistory()
    history.note(train_loss=0.5, train_accuracy=0.75)
    history.staleness, history.samples_per_second, history.lost = np.array([0, 1, 2, 1]), 1234.4, 1
    assert history.line(3) == "loss 0.500, acc 75.0%, 3 workers, 1,234 samples/s, staleness 1.00, 1 lost"
    facts = {"workers lost": 1, "samples per second": 1234, "mean staleness": 1.0, "largest staleness": 2}
    assert history.facts() == facts


def test_the_speed_counts_anew_when_all_are_warm(monkeypatch):
    moments = iter([0.0, 10.0, 11.0, 13.0])
    monkeypatch.setattr("tinymm.distributed.history.time.perf_counter", lambda: next(moments))
    history = WorkersHistory()
    history.measure(0, warm=False)
    history.measure(100, warm=True)
    assert history.samples_per_second == 10  # the first epoch, with all that is loaded in it
    history.measure(200, warm=True)
    assert history.samples_per_second == 100
    history.measure(400, warm=True)
    assert history.samples_per_second == 100 and history.seen == 400


def test_the_command_trains_with_workers_and_reports_it(tmp_path, capsys):
    command = "train --model logistic --optimizer sgd --epochs 3 --folds 0 --workers 2 --async --quiet --name shared"
    assert main([*command.split(), "--output", str(tmp_path)]) == 0
    folder = tmp_path / "shared"
    numbers = json.loads((folder / "metrics.json").read_text())
    assert numbers["held_out"]["accuracy"] > 0.9 and len(numbers["history"]["train_loss"]) == 3
    assert numbers["shared"]["workers"] == 2 and numbers["shared"]["workers lost"] == 0
    assert (folder / "staleness.png").exists()
    report = (folder / "report.html").read_text()
    assert "--workers 2 --async" in report and "mean staleness" in report
    assert main(["train", "--workers", "3"]) == 2
    assert "--workers is 3" in capsys.readouterr().err
