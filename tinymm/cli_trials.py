"""`tinymm trials`: train a recipe in several ways, and compare."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tinymm.cli_recipe import add_recipe, given_of

EXAMPLES = """\
examples:
  tinymm trials --vary lr=0.001,0.003,0.01 --vary optimizer=adam,rmsprop    all six combinations
  tinymm trials speech --epochs 4 --vary augment=yes,no                     a quick look at one option
  tinymm trials multimodal --vary "senses=image,text;audio,text"            ; between values that have commas
  tinymm trials mnist --vary lr=0.001,0.003 --workers 4 --distributed ray   four at a time, on a cluster
"""

WORDS = {"yes": True, "true": True, "no": False, "false": False}
FIXED = ("data", "extra_data", "split", "folds", "seed", "on_problem")  # what is compared must have these in common


def add_trials(commands: argparse._SubParsersAction) -> None:
    """Add the command `trials` to the parser."""
    trials = commands.add_parser(
        "trials",
        help="train with several settings, and compare",
        description="Train a recipe with every combination of the values that are varied, compare them on a fifth of the "
        "samples that a run would learn from (what a run is tested on stays untouched), and write runs/NAME/ with a table, "
        "a picture, trials.json and report.html. Ctrl-C ends early and keeps the trials that are complete.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    trials.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="OPTION=A,B,…",
        help="values of an option of the recipe; once for each option that is varied",
    )
    add_recipe(trials)
    several = trials.add_argument_group("several processes or machines")
    several.add_argument("--workers", type=int, default=1, metavar="N", help="how many trials at a time (default: 1)")
    several.add_argument("--distributed", choices=("ray",), help="trials are trained by workers of a Ray cluster")
    several.add_argument("--address", help="of a Ray cluster to join; by default one starts on this machine")
    trials.add_argument("--output", default="runs", help="the folder that the trials' folder goes into (default: runs)")
    trials.add_argument("--name", help="the trials' folder; by default trials, model, data and time")
    trials.add_argument("--quiet", action="store_true", help="no progress bar")
    trials.set_defaults(run=_trials)


def _trials(options: argparse.Namespace) -> int:
    from tinymm.distributed import Engine
    from tinymm.recipes import RECIPES
    from tinymm.trials import carry_out

    if options.workers > 1 and not options.distributed:
        raise ValueError(f"--workers is {options.workers}, but one process trains here: add --distributed ray")
    engine = Engine(options.workers, distributed=options.distributed, address=options.address)
    given, varied = given_of(options), varied_of(options.vary)
    if both := given.keys() & varied.keys():
        raise ValueError(f"--{_typed(both.pop())} is given, and varied too: leave one of the two out")
    command = ["tinymm", "trials", options.recipe, *_options(given)]
    command += [word for name, values in varied.items() for word in ("--vary", f"{_typed(name)}={_joined(values)}")]
    repeat = " ".join([shlex.join(command), *engine.arguments()])
    train = shlex.join(["tinymm", "train", options.recipe, *_options(given)])
    comparison = carry_out(
        replace(RECIPES[options.recipe], **given),
        varied,
        options.output,
        options.name,
        progress=not options.quiet,
        engine=engine,
        repeat=repeat,
        best=lambda settings: " ".join([train, shlex.join(_options(settings))]),
    )
    print(comparison)
    return 130 if comparison.interrupted else 0


def varied_of(texts: list[str]) -> dict[str, list[Any]]:
    """What --vary says: by the name of an option, its values.

    ValueError for options that a recipe has not, or that all trials must have in common, and for values of another kind.
    """
    from tinymm.recipes import Recipe

    varied: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        field = name.strip().removeprefix("--").replace("-", "_")
        known = [option for option in Recipe.__dataclass_fields__ if option not in FIXED]
        if field in FIXED:
            raise ValueError(
                f"--vary {text}: trials are compared on the same {_typed(field)}; use --{_typed(field)} instead"
            )
        if field not in known:
            raise ValueError(
                f"--vary {text}: {name!r} is no option of a recipe: choose one of {', '.join(map(_typed, known))}"
            )
        found = [value.strip() for value in values.split(";" if ";" in values else ",") if value.strip()]
        if not equals or not found:
            raise ValueError(f"--vary {text}: there are no values: write {_typed(field)}=A,B")
        kind = str(Recipe.__dataclass_fields__[field].type).partition(" ")[0]
        varied.setdefault(field, []).extend(_value(text, value, kind) for value in found)
    if not varied:
        raise ValueError("nothing is varied: add, say, --vary lr=0.001,0.003,0.01")
    return {name: list(dict.fromkeys(values)) for name, values in varied.items()}


def _value(text: str, value: str, kind: str) -> Any:
    """A value of this kind: int, float, bool or str."""
    kinds: dict[str, Callable[[str], Any]] = {"int": int, "float": float, "bool": lambda word: WORDS[word.lower()]}
    try:
        return kinds.get(kind, str)(value)
    except (ValueError, KeyError):
        wanted = {"int": "a whole number", "float": "a number", "bool": "yes or no"}[kind]
        raise ValueError(f"--vary {text}: {value!r} is not {wanted}") from None


def _options(settings: dict[str, Any]) -> list[str]:
    """The settings as options of `tinymm train`."""
    words = list[str]()
    for name, value in settings.items():
        if isinstance(value, bool):
            words.append(f"--{_typed(name)}" if value else f"--no-{_typed(name)}")
        else:
            words += [f"--{_typed(name)}", str(value)]
    return words


def _joined(values: list[Any]) -> str:
    texts = [("yes" if value else "no") if isinstance(value, bool) else str(value) for value in values]
    return (";" if any("," in text for text in texts) else ",").join(texts)


def _typed(name: str) -> str:
    return name.replace("_", "-")
