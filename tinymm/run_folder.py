"""The folder of a run: a name that is free, and contents that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def free_folder(output: str | os.PathLike[str], name: str) -> Path:
    """Where the run will be. ValueError for a name that is no name of a folder, FileExistsError if it is taken."""
    if not name or name.startswith(".") or set(name) & {"/", "\\"} or len(name.encode()) > 200:
        raise ValueError(f"name {name!r} is not the name of a folder: take letters and digits, - and _")
    folder = Path(output) / name
    if os.path.lexists(folder):
        raise FileExistsError(f"{folder} exists: choose another name, so that nothing is overwritten")
    return folder


@contextmanager
def made(parent: Path) -> Iterator[None]:
    """Make the folder that runs go into; if the block fails, take away what was made. OSError if it cannot be used."""
    new = [folder for folder in (parent, *parent.parents) if not os.path.lexists(folder)]
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(f"output {parent} cannot be made a folder ({error.strerror}): choose another") from None
    try:
        if not os.access(parent, os.W_OK):
            raise PermissionError(f"output {parent} cannot be written to: choose another")
        yield
    except BaseException:
        for folder in new:
            with suppress(OSError):  # another run is in it
                folder.rmdir()
        raise


def fill(folder: Path, write: Callable[[Path], None], replace: bool = False) -> Path:
    """Let `write` write everything into a folder beside the final one, then give it its name; returns the final one.

    With `replace` the folder that has the name makes way, and is removed.
    """
    staging, old = (folder.with_name(f".{secrets.token_hex(8)}.{end}") for end in ("part", "old"))
    staging.mkdir(parents=True)
    try:
        write(staging)
        if replace:
            with suppress(FileNotFoundError):
                folder.rename(old)
        return _settle(staging, folder)
    finally:
        for hidden in (staging, old):
            shutil.rmtree(hidden, ignore_errors=True)


def _settle(staging: Path, folder: Path) -> Path:
    """Rename `staging` to `folder`, or to folder-2, folder-3, … if another run was quicker."""
    final, number = folder, 1
    while True:
        try:
            return staging.rename(final)
        except OSError:
            if not os.path.lexists(final):
                raise
        number += 1
        final = folder.with_name(f"{folder.name}-{number}")
