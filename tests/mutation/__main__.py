"""Do the tests notice? Break the code on purpose, a little at a time, and see which breaks no test fails for.

    pip install cosmic-ray && python -m tests.mutation [--sample N] [--only FILE ...] [--mutant FILE:LINE:COLUMN]

The mutants are cosmic-ray's: an operator, a comparison, a number, a keyword replaced, a condition negated. For each
file, so many places are drawn (all with --sample 0), and at each place one of its mutants. A mutant lives in a process
of its own, forked from one in which the kernels are loaded already, and nothing is changed on disk. `README.md` beside this
file has the results.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib.abc
import importlib.util
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 300  # seconds; a mutant that takes longer runs in circles, and counts as caught
SEED = 0
# Replacements that need arguments of their own, or take away what makes a function an operation at all.
LEFT_OUT = ("Variable", "RemoveDecorator")

# Which tests must notice a change in a file, the nearest first. Those of the table know every operation.
OPERATIONS = ["tests/functional/test_{name}.py", "tests/functional/test_operations.py"]
TESTS = {
    "tinymm/functional/*.py": OPERATIONS,
    "tinymm/metrics/*.py": ["tests/metrics", "tests/test_metrics.py"],
    "tinymm/optim/*.py": ["tests/optim"],
    "tinymm/validation.py": ["tests/test_validation.py"],
    "tinymm/splits.py": ["tests/test_validation.py"],
    "tinymm/formulas.py": ["tests/test_formulas.py", "tests/functional/test_operations.py"],
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
    parser.add_argument("--only", nargs="+", metavar="FILE", help="these files, e.g. tinymm/optim.py")
    parser.add_argument("--mutant", help="every mutant at one place, FILE:LINE:COLUMN")
    parser.add_argument("--output", type=Path, help="append each result to this file as a line of JSON")
    options = parser.parse_args()
    os.chdir(ROOT)
    os.environ |= {"TINYMM_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    files = {str(file): tests for pattern, tests in TESTS.items() for file in sorted(Path().glob(pattern))}
    place = options.mutant.split(":") if options.mutant else None
    only = [place[0]] if place else options.only
    files = {file: tests for file, tests in files.items() if not only or file in only}
    tests_of = {
        file: tuple(dict.fromkeys(t for t in (test.format(name=Path(file).stem) for test in tests) if Path(t).exists()))
        for file, tests in files.items()
    }
    if _run_tests(tuple(dict.fromkeys(test for tests in tests_of.values() for test in tests))) != 0:
        sys.exit("the tests do not pass as they are: mend them first")  # this also loads what they need, once for all
    caught = total = 0
    for file, tests in tests_of.items():
        unchanged = Mutant(file, 0, 0, "none", Path(file).read_text(encoding="utf-8"))
        if _noticed(unchanged, tests):
            sys.exit(f"{' '.join(tests)} fail in a forked process even without a change")
        for mutant in _mutants(file, 0 if place else options.sample):
            if place and place[1:] != [str(mutant.line), str(mutant.column)]:
                continue
            began = time.perf_counter()
            noticed = _noticed(mutant, tests)
            seconds = time.perf_counter() - began
            caught, total = caught + noticed, total + 1
            print(f"{'caught  ' if noticed else 'SURVIVED'} {seconds:5.0f} s  {mutant}", flush=True)
            change = "" if noticed else _change(mutant)
            if change:
                print(change, flush=True)
            if options.output:
                row = {"mutant": str(mutant), "caught": noticed, "seconds": round(seconds, 1), "change": change}
                with options.output.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{caught} of {total} mutants caught" + (f", {caught / total:.1%}" if total else ""))


def _mutants(file: str, sample: int) -> Iterator[Mutant]:
    """One mutant at each of so many places in the file."""
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
    draw = random.Random(f"{SEED} {file}")
    chosen = sorted(places) if not sample else sorted(draw.sample(sorted(places), min(sample, len(places))))
    for line, column in chosen:
        here = places[line, column]
        for name, count in here if not sample else [draw.choice(here)]:
            changed = mutate_code(source, cosmic_ray.plugins.get_operator(name)(), count)
            if changed is not None and changed != source:
                yield Mutant(file, line, column, name, changed)


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


def _noticed(mutant: Mutant, tests: tuple[str, ...]) -> bool:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _forget()
            sys.meta_path.insert(0, _Changed(mutant))
            status = _run_tests(tests)
        finally:
            os._exit(min(status, 255))
    began = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        if time.monotonic() - began > LIMIT:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return True
        time.sleep(0.05)


def _forget() -> None:
    """Let tinymm, but for its kernels, and the tests be imported anew."""
    kept = str(ROOT / "tinymm" / "kernels"), str(ROOT / "tests" / "mutation")
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith((str(ROOT / "tinymm"), str(ROOT / "tests"))) and not file.startswith(kept):
            del sys.modules[name]


def _run_tests(tests: tuple[str, ...]) -> int:
    """0 if they pass. Hypothesis draws the same examples every time, so that a result can be had again."""
    import pytest
    from hypothesis import settings

    settings.register_profile("mutation", derandomize=True, database=None, deadline=None)
    settings.load_profile("mutation")
    devnull = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(1), os.dup(2)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    try:
        return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests]))
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for descriptor in (devnull, *kept):
            os.close(descriptor)


if __name__ == "__main__":
    main()
