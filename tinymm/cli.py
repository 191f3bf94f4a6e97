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
        return options.run(options)
    except KeyboardInterrupt as interrupt:
        print(f"\ninterrupted: {str(interrupt) or 'nothing was written'}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ArithmeticError) as error:
        print(f"{command}: {_as_typed(str(error))}", file=sys.stderr)
        return 2


def _as_typed(message: str) -> str:
    """The message with options as they are typed: batch_size is --batch-size here."""
    from tinymm.recipes import Recipe

    first, space, rest = message.partition(" ")
    if first in (*Recipe.__dataclass_fields__, "name", "output"):
        message = f"--{first.replace('_', '-')}{space}{rest}"
    return message.replace("on_problem='drop'", "--on-problem drop")


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help with the defaults, where there are any."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = action.default is not None and action.default is not False
        return super()._get_help_string(action) if shown else action.help


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
    epochs = ", ".join(f"{Recipe(model=model).complete().epochs} for {model}" for model in MODELS)
    train = commands.add_parser(
        "train",
        help="train a model, cross-validate it and write a report",
        description="Load and clean images, train a model, cross-validate it, and write runs/NAME/ with the scores, "
        "pictures, a checkpoint and report.html. Ctrl-C ends early and keeps what was trained.",
        formatter_class=_Help,
    )
    add = train.add_argument
    add(
        "--data",
        default=usual.data,
        help="digits, mnist, mnist-test; a .npz file with x, (N, C, H, W) floats from 0 to 1, and y, N whole numbers "
        "from 0; or a folder with one folder of images per class, which become grey, 28×28",
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
    add("--epochs", type=int, help=f"passes over the data; by default {epochs}")
    add("--batch-size", type=int, default=usual.batch_size, help="images per step")
    add("--folds", type=int, default=usual.folds, help="folds of the cross-validation; 0 leaves it out")
    augmented = " and ".join(model for model in MODELS if Recipe(model=model).complete().augment)
    augment = f"shift, turn, zoom and shear the training images a little; by default for {augmented} only"
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
    numbers = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    data = numbers["data"]["name"]
    if "cross_validation" in numbers:
        scores = numbers["cross_validation"]
        done, wanted = scores["folds"], numbers["recipe"]["folds"]
        print(f"{wanted}-fold cross-validation on {data}{f', {done} folds of it' if done < wanted else ''}:")
        rows = {"accuracy": scores["accuracy"], **scores["macro average"]}
        for name, score in rows.items():
            print(f"  {name:<10} {score['mean']:.2%}" + (f" ± {score['std']:.2%}" if done > 1 else ""))
    else:
        print(f"accuracy on the held-out fifth of {data}: {numbers['held_out']['accuracy']:.2%}")
    if "notes" in numbers:
        print(numbers["notes"])
    print(f"{folder / 'report.html'} shows everything.")
    return 130 if numbers["interrupted"] else 0


def _warmup(options: argparse.Namespace) -> int:
    from tinymm.runs import load_kernels
    from tinymm.warmup import warmup

    load_kernels()
    warmup()
    return 0


def _add_predict(commands: argparse._SubParsersAction) -> None:
    predict = commands.add_parser(
        "predict",
        help="say what is on images",
        description="Classify image files (PNG, JPEG, …) with a trained model.",
        formatter_class=_Help,
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
    results, names = classify(options.checkpoint, options.images)
    status, seen = 0, []
    for path, result in zip(options.images, results, strict=True):
        if isinstance(result, Exception):
            print(f"tinymm predict: {result}", file=sys.stderr)
            status = 2
        else:
            seen.append((path, [(names[c], float(result[c])) for c in (-result).argsort()[: options.top]]))
    if options.json and seen:
        rows = [{"image": path, "classes": {name: round(p, 6) for name, p in best}} for path, best in seen]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return status
    different = len({Path(path).name for path, _ in seen}) == len(seen)
    shown = [Path(path).name if different else path for path, _ in seen]
    width = max(map(len, shown), default=0)
    for label, (_, best) in zip(shown, seen, strict=True):
        print(f"{label:<{width}}  " + "   ".join(f"{name} {p:6.1%}" for name, p in best))
    return status
