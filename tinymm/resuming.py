"""Going on with a run that was stopped: until it is complete, a folder beside its own holds what was done so far.

    runs/NAME.unfinished/run.json              the recipe, the versions and the data's SHA-256
                         model.npz, fold-1.npz, … snapshots of what is being trained
                         model.done.npz, …      what is trained already

A run that Ctrl-C ended has this folder inside its own, as `unfinished`.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinymm import checkpoint
from tinymm.files import locked, write_atomically
from tinymm.snapshots import Snapshots

SUFFIX, INSIDE = ".unfinished", "unfinished"


class Unfinished:
    """The folder of a run under way. `facts` is what the run began with, None while it has not been written."""

    def __init__(self, folder: Path):
        self.folder, self.complete = folder, False
        self.facts: dict[str, Any] | None = None
        file = folder / "run.json"
        if file.is_file():
            try:
                self.facts = dict(json.loads(file.read_text(encoding="utf-8")))
            except (ValueError, TypeError, RecursionError) as error:
                raise ValueError(f"resume: {file} is damaged ({error}): train anew") from None

    @property
    def inside_a_run(self) -> bool:
        """Whether Ctrl-C ended the run, which then has a folder with what was found so far."""
        return self.folder.name == INSIDE

    @property
    def run_folder(self) -> Path:
        """Where the run will be when it is complete."""
        return self.folder.parent if self.inside_a_run else self.folder.with_name(self.folder.name.removesuffix(SUFFIX))

    def notes(self, versions: dict[str, str]) -> list[str]:
        """What a reader of the report should know about how the run came about."""
        facts = self.facts or {}
        if not facts.get("stopped"):
            return []
        times = "once" if facts["stopped"] == 1 else f"{facts['stopped']} times"
        note = f"The run was stopped and taken up again {times}"
        if others := [f"{name} {old}" for name, old in facts["versions"].items() if old != versions.get(name)]:
            note += f", and begun with {', '.join(others)}"
        return [f"{note}."]

    def move_into(self, run: Path) -> None:
        """Put the folder into that of a run which Ctrl-C ended, so that it can be taken up again."""
        self.folder = self.folder.rename(run / INSIDE)

    def begin(self, facts: dict[str, Any]) -> None:
        """Write down what the run begins with."""
        self.facts = facts
        write_atomically(self.folder / "run.json", json.dumps(facts, indent=2, ensure_ascii=False).encode())

    def snapshots(self, stage: str, steps: int | None) -> Snapshots:
        """Where the training of a stage is kept, such as "model" or "fold-1"."""
        return Snapshots(self.folder / f"{stage}.npz", steps)

    def result(self, stage: str) -> Any:
        """What `keep` was given for the stage; None if it is not done, or what was kept is damaged."""
        path = self.folder / f"{stage}.done.npz"
        try:
            return checkpoint.load(path) if path.is_file() else None
        except checkpoint.CheckpointError as error:
            warnings.warn(f"{error}; this part is trained anew", stacklevel=2)
            return None

    def keep(self, stage: str, result: Any) -> None:
        """The stage is done, and this is its result."""
        try:
            checkpoint.save(result, self.folder / f"{stage}.done.npz")
        except OSError as error:
            warnings.warn(f"{error}; the run goes on, but {stage} would have to be trained again", stacklevel=2)
            return
        self.snapshots(stage, None).remove()


@contextmanager
def begun(folder: Path) -> Iterator[Unfinished]:
    """The unfinished folder of a new run; it is removed with the block, unless an error leaves something to go on with.

    FileExistsError: one of that name was stopped, and waits to be taken up again.
    """
    number, final = 1, folder
    while True:
        unfinished = final.with_name(final.name + SUFFIX)
        try:
            unfinished.mkdir()
            break
        except FileExistsError:
            if not _in_use(unfinished):
                raise FileExistsError(
                    f"{unfinished} is a run that was stopped: go on with tinymm train --resume {final}, remove it, or choose "
                    "another name"
                ) from None
        number += 1
        final = folder.with_name(f"{folder.name}-{number}")
    with _working_in(unfinished) as work:
        yield work


@contextmanager
def taken_up(run: Path) -> Iterator[Unfinished]:
    """The unfinished folder of a run that was stopped: it, or the run's own, can be named.

    FileNotFoundError: there is none. ValueError: the run is complete, or its folder is damaged. BlockingIOError: another
    process is at it.
    """
    places = (run, run.with_name(run.name + SUFFIX), run / INSIDE)
    found = [place for place in places if (place / "run.json").is_file()]
    if not found and (run / "metrics.json").is_file():
        raise ValueError(f"resume: {run} is complete: there is nothing to go on with")
    if not found:
        waiting = sorted(str(p.with_name(p.name.removesuffix(SUFFIX))) for p in run.parent.glob(f"*{SUFFIX}"))
        mend = f"did you mean {' or '.join(waiting[:5])}?" if waiting else "train it from the beginning"
        raise FileNotFoundError(f"resume: there is no run {run} that was stopped: {mend}")
    if _in_use(found[0]):
        raise BlockingIOError(f"resume: another process is training {run}: wait for it, or stop it")
    with _working_in(found[0]) as work:
        yield work


def _in_use(folder: Path) -> bool:
    try:
        with locked(folder / "lock", wait=False):
            return False
    except BlockingIOError:
        return True


@contextmanager
def _working_in(folder: Path) -> Iterator[Unfinished]:
    work = Unfinished(folder)
    try:
        with locked(folder / "lock"):
            yield work
    except BaseException as error:
        hopeless = isinstance(error, ArithmeticError)  # it would only come again
        if any(folder.glob("*.npz")) and not (work.complete or hopeless):
            warnings.warn(f"what was done so far is kept: tinymm train --resume {work.run_folder}", stacklevel=2)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
