"""The command line: `tinymm train`, `reproduce`, `evaluate`, `predict`, `data` and so on. Also `python -m tinymm`."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import tinymm
from tinymm.cli_data import add_data
from tinymm.cli_desk import add_desk
from tinymm.cli_lessons import add_lessons
from tinymm.cli_recipe import add_recipe, described, given_of
from tinymm.cli_trials import add_trials

EXAMPLES = """\
examples:
  tinymm train                                    the reference model on the bundled digits, 5-fold cross-validation
  tinymm train --model cnn --folds 10             a plain CNN, ten folds
  tinymm train --data mnist-test --model cnn      MNIST's test images (downloaded once)
  tinymm train --data my/images --name first      your own: one folder of images per class
  tinymm train speech                             spoken digits; also sentiment, topic, intent, mnist
  tinymm train multimodal --fusion early          digits seen, heard and read; relations finds one by another
  tinymm train speech --split groups              each speaker left out in turn
  tinymm train speech-to-text --name heard        spoken digit strings to text; --data spoken-digits needs no download
  tinymm train intent --data desk --name desk     the bundled requests to a customer desk
  tinymm train --optimizer sgd --workers 2 --async   two processes that share the parameters (Hogwild!)
  tinymm train --resume runs/first                go on with a run that was stopped
  tinymm trials --vary lr=0.001,0.01 --vary optimizer=adam,sgd   which is best?
  tinymm reproduce runs/first                     train it again: the same bits?
  tinymm evaluate runs/first                      the scores on what was held out
  tinymm predict runs/first digit.png             what is on this picture?
  tinymm predict runs/heard number.wav            which digits are said in this sound?
  tinymm predict runs/desk "where is my parcel"   what does this text want?
  tinymm predict runs/fused --image 7.png --audio 7.wav --text "sevn"   one digit, seen, heard and read
  tinymm data list                                which data sets there are
  tinymm desk                                     talk to a customer desk
  tinymm lessons                                  the course: how all of this works
"""

WIDEST = 120  # characters of a text or path beside its answer


class UsageError(ValueError):
    """The command cannot be carried out as it was given."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 not the same, 2 wrong input (see stderr), 130 Ctrl-C,
    141 nobody reads on, as in `tinymm … | head -1`."""
    command = "tinymm"
    try:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # a terminal without ± shows ?
        parser = _parser()
        options = parser.parse_args(arguments)
        if options.command is None:
            parser.print_help()
            return 0
        command = f"tinymm {options.command}"
        status = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as interrupt:
        print(f"\ninterrupted: {str(interrupt) or 'nothing was written'}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ArithmeticError) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return 141
        print(f"{command}: {_as_typed(str(error))}", file=sys.stderr)
        return 2


def _nobody_reads() -> bool:
    """Whether the standard output is a pipe without a reader; from now on what is written there is lost in silence."""
    try:
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _as_typed(message: str) -> str:
    """The message with options as they are typed: batch_size is --batch-size here."""
    from tinymm.distributed import Engine
    from tinymm.recipes import Recipe

    first, space, rest = message.partition(" ")
    if first in (*Recipe.__dataclass_fields__, *Engine.__dataclass_fields__, "name", "output"):
        message = f"--{first.replace('_', '-')}{space}{rest}"
    fields = "|".join(Recipe.__dataclass_fields__)
    return re.sub(rf"\b({fields})='([^']*)'", lambda m: f"--{m[1].replace('_', '-')} {m[2]}", message)


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help with the defaults, where there are any."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = action.default is not None and action.default is not False
        return super()._get_help_string(action) if shown else action.help


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinymm",
        description="Train small deep-learning models on images, sounds and texts, and measure them honestly.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tinymm {tinymm.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_train(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    reproduce = commands.add_parser(
        "reproduce",
        help="train a run again and compare",
        description="Train a run again from what its folder records, and compare weights and scores bit for bit; status 1"
        " if they differ.",
    )
    reproduce.add_argument("run_folder", metavar="RUN", help="a run's folder")
    reproduce.add_argument("--quiet", action="store_true", help="no progress bars")
    reproduce.set_defaults(run=_reproduce)
    add_trials(commands)
    add_data(commands)
    add_desk(commands)
    add_lessons(commands)
    warmup = commands.add_parser(
        "warmup",
        help="compile all kernels now",
        description="Compile all kernels for float32 and float64 and keep them on disk, so that nothing waits for it later.",
    )
    warmup.set_defaults(run=_warmup)
    return parser


def _add_train(commands: argparse._SubParsersAction) -> None:
    from tinymm.recipes import RECIPES

    train = commands.add_parser(
        "train",
        help="train a model, cross-validate it and write a report",
        description="Load and clean data, train a model, cross-validate it or test it on the official test set, and "
        "write runs/NAME/ with the scores, pictures, a checkpoint and report.html. Ctrl-C ends early and keeps what was "
        "trained.",
        epilog="recipes: " + "; ".join(f"{name} is {described(recipe)}" for name, recipe in RECIPES.items()),
    )
    add_recipe(train)
    several = train.add_argument_group("several processes or machines")
    several.add_argument("--workers", type=int, default=1, metavar="N", help="how many train together (default: 1)")
    several.add_argument(
        "--async",
        dest="asynchronous",
        action="store_true",
        help="workers share the parameters and do not wait for each other: Hogwild! in this machine's memory, or with "
        "--distributed a parameter server",
    )
    several.add_argument(
        "--staleness-aware", action="store_true", help="the rate of a gradient that τ updates have overtaken is η / τ"
    )
    several.add_argument(
        "--distributed",
        choices=("ray",),
        help="workers of a Ray cluster share every batch, with the result of one process; folds are trained side by side",
    )
    several.add_argument("--address", help="of a Ray cluster to join; by default one starts on this machine")
    train.add_argument("--output", default="runs", help="the folder that run folders go into (default: runs)")
    train.add_argument("--name", help="the run's folder; by default model, data and time")
    train.add_argument("--quiet", action="store_true", help="no progress bars")
    train.add_argument(
        "--resume", metavar="RUN", help="go on with a run that was stopped, to the same end as if it had not been"
    )
    train.add_argument(
        "--snapshot-steps",
        type=int,
        metavar="N",
        help="be ready to go on from every N-th step; by default from every tenth second",
    )
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from tinymm.distributed import Engine
    from tinymm.recipes import RECIPES
    from tinymm.runs import resume, train

    given = given_of(options)
    if options.snapshot_steps is not None and options.snapshot_steps < 1:
        raise UsageError(f"--snapshot-steps is {options.snapshot_steps}, but it must be at least 1")
    engine = Engine(**{field: getattr(options, field) for field in Engine.__dataclass_fields__})
    if options.resume is None:
        recipe = replace(RECIPES[options.recipe], **given)
        folder = train(recipe, options.output, options.name, not options.quiet, options.snapshot_steps, engine)
    elif given or options.name is not None or engine != Engine():
        option = next(iter([*given, *(["name"] if options.name else ["workers"])])).replace("_", "-")
        raise UsageError(f"--resume goes on with the run's own recipe and name: leave out --{option}")
    else:
        folder = resume(options.resume, not options.quiet, options.snapshot_steps)
    numbers = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    data, held = numbers["data"]["name"], numbers["held_out"]
    measures = [name for name in held if name not in ("what", "samples")]
    if "cross_validation" in numbers:
        scores = numbers["cross_validation"]
        done, wanted = scores["folds"], scores["of"]
        print(f"{wanted}-fold cross-validation on {data}{f', {done} folds of it' if done < wanted else ''}:")
        width = max(10, *map(len, measures))
        for name in measures:
            score = scores[name]
            print(f"  {name:<{width}} {score['mean']:.2%}" + (f" ± {score['std']:.2%}" if done > 1 else ""))
    else:
        print(f"{measures[0]} on {held['what']} of {data}: {held[measures[0]]:.2%}")
    if "notes" in numbers:
        print(numbers["notes"])
    print(f"{folder / 'report.html'} shows everything.")
    return 130 if numbers["interrupted"] else 0


def _reproduce(options: argparse.Namespace) -> int:
    from tinymm.reproducing import reproduce

    comparison = reproduce(options.run_folder, progress=not options.quiet)
    print(comparison)
    return 0 if comparison.same else 1


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        help="test a trained model",
        description="Scores of a run's model on what was held out when it was trained, or on all of another data set.",
        formatter_class=_Help,
    )
    evaluate.add_argument("checkpoint", metavar="RUN", help="a run's folder or its checkpoint.npz")
    evaluate.add_argument("--data", help="another data set, with the same classes")
    evaluate.add_argument("--json", action="store_true", help="print JSON instead of a table")
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from tinymm.prediction import evaluate

    judged, what = evaluate(options.checkpoint, options.data)
    data, summary = judged.tested, {name: float(values[0]) for name, values in judged.summary.items()}
    rows = {row: {name: float(score[0]) for name, score in columns.items()} for row, columns in judged.table.items()}
    if options.json:
        numbers = {"data": data.name, "what": what, "samples": len(data), **summary, "scores": rows}
        print(json.dumps(numbers, indent=2, ensure_ascii=False))
        return 0
    first, value = next(iter(summary.items()))
    print(f"{first} on {what} of {data.name}, {len(data):,} samples: {value:.2%}")
    columns = {name: max(len(name), 6) for row in rows.values() for name in row}
    for name in summary.keys() - columns.keys() - {first}:
        print(f"{name}: {summary[name]:.2%}")
    width = max(map(len, rows))
    print(f"{'':<{width}}  " + "  ".join(f"{name:>{w}}" for name, w in columns.items()))
    for row, scores in rows.items():
        print(f"{row:<{width}}  " + "  ".join(f"{scores[name]:>{w}.2%}" for name, w in columns.items()))
    return 0


def _warmup(options: argparse.Namespace) -> int:
    from tinymm.runs import load_kernels
    from tinymm.warmup import warmup

    load_kernels()
    warmup()
    return 0


def _add_predict(commands: argparse._SubParsersAction) -> None:
    predict = commands.add_parser(
        "predict",
        help="say what is on images, in sounds or in texts",
        description="Classify image files (PNG, JPEG, …), sound files (WAV, …) or texts with a trained model, or write down "
        "what is said in sound files.",
        formatter_class=_Help,
    )
    predict.add_argument("checkpoint", metavar="RUN", help="a run's folder or its checkpoint.npz")
    predict.add_argument("items", nargs="*", metavar="ITEM", help="files, or texts in quotation marks, one by one")
    for sense, what in (("image", "an image file"), ("audio", "a sound file"), ("text", "a text")):
        predict.add_argument(
            f"--{sense}", help=f"{what} of one sample, for a model of several senses; any may be missing"
        )
    predict.add_argument("--top", type=int, default=2, help="how many classes to show")
    predict.add_argument("--json", action="store_true", help="print JSON instead of a table")
    predict.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> int:
    from tinymm.data.datasets import ALL_THREE, Senses
    from tinymm.prediction import answer

    if options.top < 1:
        raise UsageError(f"--top is {options.top}, but at least one class must be shown")
    items: list[Any] = list(options.items)
    together = Senses(options.image, options.audio, options.text)
    if together.given:
        items.append(together)
    if not items:
        raise UsageError("nothing to look at was given: name files or texts, or use --image, --audio and --text")
    results, sense = answer(options.checkpoint, items, options.top)
    status, seen = 0, []
    for item, result in zip(items, results, strict=True):
        if isinstance(result, Exception):
            print(f"tinymm predict: {result}", file=sys.stderr)
            status = 2
        else:
            seen.append((item, result))
    if options.json and seen:
        rows = [
            (item._asdict() if isinstance(item, Senses) else {"sample" if sense == ALL_THREE else sense: item})
            | result.values
            for item, result in seen
        ]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return status
    shown = [_label(item) for item, _ in seen]
    if sense in ("image", "audio") and len({Path(item).name for item in shown}) == len(shown):
        shown = [Path(item).name for item in shown]
    width = max(map(len, shown), default=0)
    for label, (_, result) in zip(shown, seen, strict=True):
        print(f"{label:<{width}}  {result.line}")
    return status


def _label(item: Any) -> str:
    """What was given, on one line that fits beside an answer."""
    given = [item] if isinstance(item, str) else [getattr(item, sense) for sense in item.given]
    lines = [" ".join(part[: 2 * WIDEST].split()) for part in given]
    return " + ".join(line if len(line) <= WIDEST else f"{line[:WIDEST]}…" for line in lines)
