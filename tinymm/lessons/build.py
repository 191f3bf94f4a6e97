"""From one source, the learner's notebook and the solution: `python -m tinymm.lessons.build [lessons/01_….py …]`.

A source is a Python file in the percent format: `# %% [markdown]` begins a cell of text, `# %%` one of code. A code cell
that says `# exercise 01.2`, and nothing else, becomes the exercise of that number: for the learner the signature, the
task and `...`; in the solution the whole function; in both the check below it. So there is one place for each exercise,
in `tinymm/lessons/exercises/`, and nothing can drift.

The solution is run in a fresh kernel. The learner's notebook shows the same pictures, but nothing of the exercises;
a cell tagged "yours" (`# %% tags=["yours"]`) shows nothing either, because its output would tell the answer. The
picture of `progress()` is left out of both: it is that of whoever runs it.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

from tinymm.files import write_atomically
from tinymm.lessons.exercise import Exercise, find
from tinymm.lessons.sliders import STILL

EXERCISE = re.compile(r"# exercise (\S+)\s*")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SECONDS = 300  # after which a cell counts as hanging; a lesson takes less than 60 in all
COLOURS = 256  # of a picture: enough for a plot, in a third of the space


def notebooks(source: str | os.PathLike[str]) -> tuple[Any, Any]:
    """The learner's notebook and the solution made from the source, without outputs."""
    import jupytext

    path = Path(source)
    text = path.read_text(encoding="utf-8")
    pair = []
    for solved in (False, True):
        notebook = jupytext.reads(text, fmt="py:percent")
        notebook.metadata = dict(METADATA)
        notebook.nbformat, notebook.nbformat_minor = 4, 5
        for i, cell in enumerate(notebook.cells):
            cell.id = f"{path.stem[:40]}-{i:03d}"
            cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
            found = EXERCISE.fullmatch(cell.source)
            if cell.cell_type == "code" and found:
                cell.source = exercise_cell(find(found[1]), solved)
                cell.metadata = {"tags": ["exercise"]}
        pair.append(notebook)
    return pair[0], pair[1]


def exercise_cell(exercise: Exercise, solved: bool) -> str:
    """The code of an exercise, empty or solved, with its check."""
    code = exercise.solved() if solved else exercise.empty()
    return f'{code}\n\n\ncheck("{exercise.number}", {exercise.name})'


def run(notebook: Any, seconds: int = SECONDS) -> Any:
    """Run all cells in a fresh kernel, whose learner's folder is a new one; returns the notebook with its outputs.

    Raises nbclient's CellExecutionError where a cell does.
    """
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute(env={**os.environ, "TINYMM_LESSONS": folder, STILL: "1"})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [kept for output in cell.outputs if (kept := _tidy(output))]
    notebook.metadata = dict(METADATA)
    return notebook


def _tidy(output: Any) -> Any:
    """The output without what differs from run to run and machine to machine, or None if nothing is left."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if output.output_type not in ("display_data", "execute_result"):
        return output
    data = output.data
    if "image/png" in data:
        return _output("display_data", {"image/png": _small(data["image/png"])})
    if any("widget" in kind for kind in data):
        return None
    if "text/html" in data:
        data = {"text/html": data["text/html"]}
    return _output("display_data", data)


def _output(kind: str, data: Any) -> Any:
    from nbformat import v4

    return v4.new_output(kind, data=data)


def _small(png: str) -> str:
    """A picture (base64) in fewer colours."""
    from base64 import b64decode, b64encode

    from PIL import Image

    picture = Image.open(BytesIO(b64decode(png))).convert("RGB")
    buffer = BytesIO()
    picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        buffer, format="PNG", optimize=True
    )
    return b64encode(buffer.getvalue()).decode()


def build(source: str | os.PathLike[str]) -> list[Path]:
    """Write the source's notebook beside it and the solution into `solutions/`; returns their paths.

    A source without exercises has no solution.
    """
    import nbformat

    path = Path(source)
    learner, solved = notebooks(path)
    run(solved)
    exercises = False
    for mine, theirs in zip(learner.cells, solved.cells, strict=True):
        if theirs.cell_type == "code" and theirs.source.startswith("progress("):
            theirs.outputs = []
        tags = mine.metadata.get("tags", [])
        exercises |= "exercise" in tags
        if mine.cell_type == "code" and not {"exercise", "yours"} & set(tags):
            mine.outputs = theirs.outputs
    written = [path.with_suffix(".ipynb")]
    pairs = [(learner, written[0])]
    if exercises:
        written.append(path.parent / "solutions" / written[0].name)
        pairs.append((solved, written[1]))
    for notebook, target in pairs:
        write_atomically(target, (nbformat.writes(notebook) + "\n").encode())
    return written


def drifted(source: str | os.PathLike[str]) -> list[str]:
    """What in the notebooks on disk is not what the source gives; empty if all is well."""
    import nbformat

    path = Path(source)
    faults = []
    learner, solved = notebooks(path)
    pairs = [(learner, path.with_suffix(".ipynb"))]
    if any("exercise" in cell.metadata.get("tags", []) for cell in learner.cells):
        pairs.append((solved, path.parent / "solutions" / f"{path.stem}.ipynb"))
    for notebook, stored in pairs:
        if not stored.is_file():
            faults.append(f"{stored.name} is missing")
            continue
        there = nbformat.read(stored, as_version=4)
        if list(map(_contents, there.cells)) != list(map(_contents, notebook.cells)) or there.metadata != METADATA:
            faults.append(f"{stored.parent.name}/{stored.name} is not what {path.name} gives")
    return faults


def _contents(cell: Any) -> tuple:
    return cell.id, cell.cell_type, cell.source, dict(cell.metadata)


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tinymm.lessons.build", description="Make notebooks from sources.")
    parser.add_argument("sources", nargs="*", type=Path, help="by default lessons/*.py")
    parser.add_argument("--check", action="store_true", help="only say whether the notebooks are those of the sources")
    options = parser.parse_args(None if arguments is None else list(arguments))
    named = {path.with_suffix(".py"): None for path in options.sources}  # `lessons/05*` names the notebook as well
    sources = list(named) or sorted(Path("lessons").glob("*.py"))
    if not sources:
        parser.error("there is no lessons/*.py here: name the sources, or go to the folder that holds lessons/")
    faults = []
    for source in sources:
        if options.check:
            faults += drifted(source)
        else:
            print(*(f"{path} ({path.stat().st_size / 1e3:.0f} kB)" for path in build(source)), sep="\n")
    print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
