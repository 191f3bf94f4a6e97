"""The command line: `tinymm train`, `tinymm predict`, `tinymm warmup`. Also `python -m tinymm`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import tinymm

EXAMPLES = """\
examples:
  tinymm train                                    the reference model on the bundled digits, 5-fold cross-validation
  tinymm train --model cnn --folds 10             a plain CNN, ten folds
  tinymm train --data mnist-test --model cnn      MNIST's test images (downloaded once)
  tinymm train --data my/images --name first      your own: one folder of images per class
  tinymm predict runs/first digit.png             what is on this picture?
"""


class UsageError(ValueError):
    """The command cannot be carried out as it was given."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 2 wrong input (one sentence on stderr), 130 Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was written", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ArithmeticError) as error:
        print(f"tinymm {options.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinymm",
        description="Train small deep-learning models on real images and measure them honestly.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tinymm {tinymm.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_train(commands)
    _add_predict(commands)
    warmup = commands.add_parser(
        "warmup",
        help="compile all kernels now",
        description="Compile all kernels for float32 and float64 and keep them on disk, so that nothing waits for it later.",
    )
    warmup.set_defaults(run=_warmup)
    return parser


def _add_train(commands: argparse._SubParsersAction) -> None:
    from tinymm.recipes import MODELS, OPTIMIZERS, SCHEDULES, Recipe

    usual = Recipe()
    train = commands.add_parser(
        "train",
        help="train a model, cross-validate it and write a report",
        description="Load and clean images, train a model, cross-validate it, and write runs/NAME/ with the scores, "
        "pictures, a checkpoint and report.html. Ctrl-C ends early and keeps what was trained.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = train.add_argument
    add(
        "--data",
        default=usual.data,
        help="digits, mnist, mnist-test, a .npz file with x and y, or a folder of images",
    )
    add("--model", default=usual.model, choices=MODELS, help="what to train")
    add(
        "--optimizer",
        default=usual.optimizer,
        choices=OPTIMIZERS,
        help="how to descend; gd takes all data at once",
    )
    add("--lr", type=float, help="learning rate; by default the optimizer's usual one")
    add(
        "--schedule",
        default=usual.schedule,
        choices=SCHEDULES,
        help="how the learning rate changes over the epochs",
    )
    add("--epochs", type=int, help="passes over the data; by default the model's usual number")
    add("--batch-size", type=int, default=usual.batch_size, help="images per step")
    add("--folds", type=int, default=usual.folds, help="folds of the cross-validation; 0 leaves it out")
    augment = "shift, turn, zoom and shear the training images a little; by default for cnn only"
    add("--augment", action=argparse.BooleanOptionalAction, help=augment)
    add(
        "--max-grad-norm",
        type=float,
        default=usual.max_grad_norm,
        help="longer gradients are clipped to this norm",
    )
    add(
        "--on-problem",
        default=usual.on_problem,
        choices=("raise", "drop"),
        help="what to do about bad samples",
    )
    add("--seed", type=int, default=usual.seed, help="equal seeds give equal runs")
    add("--output", default="runs", help="the folder that run folders go into")
    add("--name", help="the run's folder; by default model, data and time")
    add("--quiet", action="store_true", help="no progress bars")
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from tinymm.recipes import Recipe
    from tinymm.runs import train

    values = {field: getattr(options, field) for field in Recipe.__dataclass_fields__}
    folder = train(Recipe(**values), options.output, options.name, progress=not options.quiet)
    numbers = json.loads((folder / "metrics.json").read_text())
    if "cross_validation" in numbers:
        scores = numbers["cross_validation"]
        print(f"{scores['folds']}-fold cross-validation on {numbers['data']['name']}:")
        rows = {"accuracy": scores["accuracy"], **scores["macro average"]}
        for name, score in rows.items():
            print(f"  {name:<10} {score['mean']:.2%} ± {score['std']:.2%}")
    else:
        print(f"accuracy on the held-out fifth of {numbers['data']['name']}: {numbers['held_out']['accuracy']:.2%}")
    if "notes" in numbers:
        print(numbers["notes"])
    print(f"{folder / 'report.html'} shows everything.")
    return 130 if "interrupted" in numbers.get("notes", "") else 0


def _warmup(options: argparse.Namespace) -> int:
    from tinymm.warmup import warmup

    warmup()
    return 0


def _add_predict(commands: argparse._SubParsersAction) -> None:
    predict = commands.add_parser(
        "predict",
        help="say what is on images",
        description="Classify image files (PNG, JPEG, …) with a trained model.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    predict.add_argument("checkpoint", metavar="CHECKPOINT", help="a run's folder or its checkpoint.npz")
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="image files")
    predict.add_argument("--top", type=int, default=2, help="how many classes to show")
    predict.add_argument("--json", action="store_true", help="print JSON instead of a table")
    predict.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> int:
    from tinymm.runs import classify

    if options.top < 1:
        raise UsageError(f"--top is {options.top}, but at least one class must be shown")
    probabilities, names = classify(options.checkpoint, options.images)
    best = (-probabilities).argsort(axis=1)[:, : options.top]
    if options.json:
        rows = [
            {"image": path, "classes": {names[c]: round(float(row[c]), 6) for c in order}}
            for path, row, order in zip(options.images, probabilities, best, strict=True)
        ]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    width = max(len(Path(path).name) for path in options.images)
    for path, row, order in zip(options.images, probabilities, best, strict=True):
        print(f"{Path(path).name:<{width}}  " + "   ".join(f"{names[c]} {row[c]:6.1%}" for c in order))
    return 0
