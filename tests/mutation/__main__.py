"""Do the tests notice? Break the code on purpose, a little at a time, and see which breaks no test fails for.

    pip install cosmic-ray && python -m tests.mutation [--sample N] [--only FILE ...] [--mutant FILE:LINE:COLUMN]

The mutants are cosmic-ray's: an operator, a comparison, a number, a keyword replaced, a condition negated. For each
file, so many places are drawn (all with --sample 0), and at each place one of its mutants. A mutant lives in a process
of its own, forked from one in which the kernels are loaded already, and nothing is changed on disk: most are caught
within two seconds. `README.md` beside this file has the results.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import gc
import importlib.abc
import importlib.util
import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 5  # a mutant that takes so many times as long as all tests without one runs in circles, and counts as caught
NEVER_LOADED = 99  # the status of a process whose tests ran on the file as it is
# Replacements that need arguments of their own, or take away what makes a function an operation at all.
LEFT_OUT = ("Variable", "RemoveDecorator")

# Which tests must notice a change in a file, the nearest first: the examples in its docstrings, those of its name, and
# those of the table, which know every operation.
OPERATIONS = "tests/functional/test_operations.py"
TESTS = {
    "tinymm/functional/*.py": ["tests/functional/test_{name}.py", OPERATIONS],
    "tinymm/metrics/*.py": ["tests/metrics/test_{name}.py", "tests/test_metrics.py", "tests/metrics"],
    "tinymm/optim/*.py": ["tests/optim/test_{name}.py", "tests/optim"],
    "tinymm/validation.py": ["tests/test_validation.py"],
    "tinymm/splits.py": ["tests/test_validation.py"],
    "tinymm/formulas.py": ["tests/test_formulas.py", OPERATIONS, "tests/optim"],
}


class Mutant(NamedTuple):
    file: str
    line: int
    column: int
    operator: str
    source: str  # of the whole file, changed

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.operator.removeprefix('core/')}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Do the tests notice?")
    parser.add_argument("--sample", type=int, default=20, help="places per file, 0 for all (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="draws other places (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, help="mutants tried at once (default: 1)")
    parser.add_argument("--only", nargs="+", metavar="FILE", help="these files, e.g. tinymm/splits.py")
    parser.add_argument(
        "--mutant",
        nargs="+",
        metavar="FILE:LINE:COLUMN",
        help="every mutant here, or with an operator, as printed, that one",
    )
    parser.add_argument(
        "--output", type=Path, help="append each result as a line of JSON; what is there is not tried again"
    )
    options = parser.parse_args()
    os.chdir(ROOT)
    os.environ |= {"TINYMM_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    named = options.mutant or []
    only = {name.split(":")[0] for name in named} or options.only
    tests_of = {
        str(file): tuple(t for t in (str(file), *(test.format(name=file.stem) for test in tests)) if Path(t).exists())
        for pattern, tests in TESTS.items()
        for file in sorted(Path().glob(pattern))
        if not only or str(file) in only
    }
    tests = tuple(dict.fromkeys(test for several in tests_of.values() for test in several))
    if _run_tests(tests) != 0:
        sys.exit("the tests do not pass as they are: mend them first")  # this also loads what they need, once for all
    gc.collect()
    gc.freeze()  # so that no child copies all of it
    drawn = [_mutants(file, 0 if named else options.sample, options.seed, named) for file in tests_of]
    mutants = (
        mutant
        for turn in itertools.zip_longest(*drawn)  # one of each file in turn: a run that is stopped is a smaller sample
        for mutant in turn
        if mutant
    )
    unchanged = Mutant("tinymm/splits.py", 0, 0, "none", Path("tinymm/splits.py").read_text(encoding="utf-8"))
    ((_, noticed, usual),) = _tried(iter([unchanged]), {unchanged.file: (*tests, "tinymm/splits.py")}, 600, 1)
    if noticed:
        sys.exit("the tests fail in a forked process even without a change")
    rows: list[dict[str, Any]] = []
    if options.output and options.output.exists():
        rows = [json.loads(line) for line in options.output.read_text(encoding="utf-8").splitlines()]
    tried = {(row["mutant"], row["change"]) for row in rows}
    waiting = (mutant for mutant in mutants if (str(mutant), _change(mutant)) not in tried)
    for mutant, noticed, seconds in _tried(waiting, tests_of, PATIENCE * usual, options.jobs):
        change = _change(mutant)
        print(f"{'caught  ' if noticed else 'SURVIVED'} {seconds:5.1f} s  {mutant}", flush=True)
        if not noticed:
            print(change, flush=True)
        rows.append({"mutant": str(mutant), "caught": noticed, "seconds": round(seconds, 1), "change": change})
        if options.output:
            with options.output.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(rows[-1], ensure_ascii=False) + "\n")
    for file in [*tests_of, ""]:
        caught = [row["caught"] for row in rows if row["mutant"].startswith(file)]
        share = f"  {sum(caught) / len(caught):.1%}" if caught else ""
        print(f"{file or 'all':36} tried {len(caught):4}  caught {sum(caught):4}{share}")


def _mutants(file: str, sample: int, seed: int, named: Sequence[str] = ()) -> Iterator[Mutant]:
    """One mutant at each of so many places in the file; with 0 all mutants at every place, or those that are named."""
    import cosmic_ray.plugins
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code

    source = Path(file).read_text(encoding="utf-8")
    tree, silent = get_ast(source), _annotations(source)
    places: dict[tuple[int, int], list[tuple[str, int]]] = {}
    for name in sorted(cosmic_ray.plugins.operator_names()):
        if any(word in name for word in LEFT_OUT):
            continue
        operator, count = cosmic_ray.plugins.get_operator(name)(), 0
        for node in ast_nodes(tree):
            for (line, column), _ in operator.mutation_positions(node):
                if not any(begin <= (line, column) < end for begin, end in silent):
                    places.setdefault((line, column), []).append((name, count))
                count += 1
    drawn = sorted(places)
    if sample:
        random.Random(f"{seed} {file}").shuffle(drawn)
    for line, column in drawn[:sample] if sample else drawn:
        draw, here = random.Random(f"{seed} {file} {line} {column}"), list(places[line, column])
        while here:
            name, count = here.pop(here.index(draw.choice(here)) if sample else 0)
            mutant = Mutant(file, line, column, name, source)
            if named and not {str(mutant), str(mutant).split()[0]} & set(named):
                continue
            changed = mutate_code(source, cosmic_ray.plugins.get_operator(name)(), count)
            if changed is not None and changed != source and _is_python(changed):
                yield mutant._replace(source=changed)
                if sample:
                    break


def _is_python(source: str) -> bool:
    """Not so where the * before keyword-only arguments was taken for a multiplication."""
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where types are written: nothing there is ever carried out."""
    found: list[Any] = []
    for node in ast.walk(ast.parse(source)):
        found += [getattr(node, "annotation", None), getattr(node, "returns", None)]
    return [((n.lineno, n.col_offset), (n.end_lineno, n.end_col_offset)) for n in found if isinstance(n, ast.AST)]


def _change(mutant: Mutant) -> str:
    before = Path(mutant.file).read_text(encoding="utf-8").splitlines()
    lines = list(difflib.unified_diff(before, mutant.source.splitlines(), lineterm="", n=0))
    return "\n".join(line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---")))


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Imports one module from the mutant's source."""

    def __init__(self, mutant: Mutant):
        self.name = mutant.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.path, self.source = str(ROOT / mutant.file), mutant.source

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_filename(self, name: str) -> str:
        return self.path

    def get_data(self, path: str) -> bytes:
        return self.source.encode()

    def get_code(self, name: str) -> Any:
        return compile(self.source, self.path, "exec")  # never from the cache of compiled files


def _tried(
    mutants: Iterator[Mutant], tests_of: dict[str, tuple[str, ...]], limit: float, jobs: int
) -> Iterator[tuple[Mutant, bool, float]]:
    """Each mutant, whether the tests noticed it, and after how many seconds; so many are tried at once."""
    running: dict[int, tuple[Mutant, float]] = {}
    while True:
        for mutant in itertools.islice(mutants, jobs - len(running)):
            running[_started(mutant, tests_of[mutant.file])] = mutant, time.monotonic()
        if not running:
            return
        for child, (mutant, began) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            seconds = time.monotonic() - began
            if not done and seconds > limit:
                os.killpg(child, signal.SIGKILL)
                done, status = os.waitpid(child, 0)
            if done and os.waitstatus_to_exitcode(status) == NEVER_LOADED:
                sys.exit(f"{mutant}: the tests never loaded it")
            if done:
                del running[child]
                yield mutant, status != 0, seconds
        time.sleep(0.02)


def _started(mutant: Mutant, tests: tuple[str, ...]) -> int:
    """The process in which the tests run on the mutant."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.setsid()  # what the tests start ends with them
        _forget()
        changed = _Changed(mutant)
        sys.meta_path.insert(0, changed)
        status = _run_tests(tests)
        if status == 0 and getattr(sys.modules.get(changed.name), "__loader__", None) is not changed:
            status = NEVER_LOADED
    finally:
        os._exit(status)


def _forget() -> None:
    """Let tinymm, but for its kernels, and the tests be imported anew."""
    kept = str(ROOT / "tinymm" / "kernels"), str(ROOT / "tests" / "mutation")
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith((str(ROOT / "tinymm"), str(ROOT / "tests"))) and not file.startswith(kept):
            del sys.modules[name]


def _run_tests(tests: tuple[str, ...]) -> int:
    """0 if they pass. Hypothesis draws the same examples every time, so that a result can be had again.

    Assertions stay plain: pytest, to rewrite them, would load a module whose docstrings are tested from the disk.
    """
    import pytest
    from hypothesis import settings

    settings.register_profile("mutation", derandomize=True, database=None, deadline=None)
    settings.load_profile("mutation")
    devnull = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(1), os.dup(2)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    try:
        return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--assert=plain", *tests]))
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for descriptor in (devnull, *kept):
            os.close(descriptor)


if __name__ == "__main__":
    main()
