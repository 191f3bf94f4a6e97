"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO


def write_atomically(
    path: str | os.PathLike[str], content: bytes | Callable[[BinaryIO], Any], previous: Path | None = None
) -> Path:
    """Write `content` to `path`, so that at every moment the old file or the new one is there, complete.

    The bytes, or what the function `content` writes to the file that it is given, go to a new file in the same folder,
    reach the disk, and then take the name in one step. With `previous` the old file is kept under that name.
    Folders that are missing are made. Raises OSError as `open` and `write` do, the message naming the path; the old file
    is then untouched and no other is left.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            path.replace(previous)
        partial.replace(path)
    except OSError as error:
        if error.strerror is None:
            raise
        raise type(error)(
            f"{path} cannot be written ({error.strerror}), and what was there before is untouched: make room, or choose "
            "another place"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    _keep_name(path.parent)
    return path


def _keep_name(folder: Path) -> None:
    """Bring the folder itself to the disk, so that after a power cut the file has its new name too."""
    with suppress(OSError):  # not every system and file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
