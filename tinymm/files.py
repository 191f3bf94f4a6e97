"""Files that are written whole or not at all, locks between processes, and the folders that are the user's own."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

PLATFORM_FOLDERS = {  # of each kind: the variable of the XDG specification, and its folder at home on Linux and macOS
    "cache": ("XDG_CACHE_HOME", ".cache", "Library/Caches"),
    "data": ("XDG_DATA_HOME", ".local/share", "Library/Application Support"),
}


def user_folder(kind: Literal["cache", "data"]) -> Path:
    """Return tinymm's folder for what can be fetched again (cache) or cannot (data), by the custom of the platform.

    Linux: `$XDG_CACHE_HOME/tinymm` or `~/.cache/tinymm`, `$XDG_DATA_HOME/tinymm` or `~/.local/share/tinymm`; macOS:
    `~/Library/Caches/tinymm`, `~/Library/Application Support/tinymm`; Windows: `%LOCALAPPDATA%\\tinymm`. The variables
    of XDG count everywhere when they are set. The folder is not made.
    """
    variable, linux, mac = PLATFORM_FOLDERS[kind]
    base = os.environ.get(variable, "")
    if not os.path.isabs(base):  # the XDG specification: ignore a relative path
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        else:
            base = str(Path.home() / (mac if sys.platform == "darwin" else linux))
    return Path(base) / "tinymm"


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
            _keep_as(previous, path)
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


def _keep_as(previous: Path, path: Path) -> None:
    """Give the file a second name, so that it never lacks the first; where that cannot be, another name."""
    link = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        link.hardlink_to(path)
        link.replace(previous)
    except OSError:
        path.replace(previous)


def _keep_name(folder: Path) -> None:
    """Bring the folder itself to the disk, so that after a power cut the file has its new name too."""
    with suppress(OSError):  # not every system and file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def locked(path: str | os.PathLike[str], wait: bool = True) -> Iterator[None]:
    """Only one holder at a time is in here, whichever process it is of; the system lets go of the lock when it ends.

    `path` is a file made for it. Without `wait`, BlockingIOError if another is in here. On a file system that has no
    locks the block simply runs.
    """
    with Path(path).open("ab") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except ImportError:  # Windows
            _lock_on_windows(lock, wait)
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield


def _lock_on_windows(lock: BinaryIO, wait: bool) -> None:
    import msvcrt

    while True:
        try:
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            return
        except OSError:
            if not wait:
                raise BlockingIOError("another process holds the lock") from None
            time.sleep(0.1)
