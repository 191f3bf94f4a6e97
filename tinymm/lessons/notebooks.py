"""Where the notebooks of the course are, and the learner's copies of them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from tinymm.files import write_atomically
from tinymm.lessons.desk import desk_folder

SHARE = "share/tinymm/lessons"  # where pyproject.toml puts them, below sys.prefix, or below `pip install --target`
NAMES = "[0-9][0-9]_*.ipynb"


def course_notebooks() -> dict[int, Path]:
    """The learner's notebook of each lesson: beside the package in a checkout, or where a wheel has put it.

    Raises FileNotFoundError if neither has them.
    """
    beside = Path(__file__).parents[2]
    found = list((beside / "lessons").glob(NAMES)) or list((beside / SHARE).glob(NAMES)) or _installed()
    if not found:
        raise FileNotFoundError(
            "the notebooks of the course are not here: install tinymm with pip, or run it from a checkout with its "
            "folder lessons/"
        )
    return {int(path.name[:2]): path for path in sorted(found)}


def _installed() -> list[Path]:
    """The notebooks that came with the wheel, as its list of files knows them."""
    try:
        listed = files("tinymm") or []
    except PackageNotFoundError:
        return []
    kept = [f for f in listed if f.match(f"{SHARE}/{NAMES}")]
    return [path for f in kept if (path := Path(str(f.locate())).resolve()).is_file()]


def copy_lesson(number: int, solved: bool = False, fresh: bool = False) -> tuple[Path, bool]:
    """Copy a lesson into the learner's folder, unless it is there; returns its path and whether it is new.

    The other lessons that are missing there come along, so that links between lessons lead somewhere. A file that is
    there is never changed: with `fresh` it gets another name, 01_a_neuron-1.ipynb. The copy of a solution ends in
    `-solution`. Raises ValueError if there is no such lesson.
    """
    notebooks = course_notebooks()
    if number not in notebooks:
        raise ValueError(f"there is no lesson {number}: choose one of {min(notebooks)} to {max(notebooks)}")
    source = notebooks[number]
    stem = source.stem
    if solved:
        source, stem = source.parent / "solutions" / source.name, f"{stem}-solution"
    for other in notebooks.values():
        if other != source and not (beside := desk_folder() / other.name).exists():
            write_atomically(beside, other.read_bytes())
    target = desk_folder() / f"{stem}.ipynb"
    if target.exists():
        if not fresh:
            return target, False
        n = 1
        while (old := target.with_stem(f"{stem}-{n}")).exists():
            n += 1
        target.rename(old)
    return write_atomically(target, source.read_bytes()), True
