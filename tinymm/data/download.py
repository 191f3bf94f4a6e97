"""Files that are fetched: found on this computer first, downloaded once, checked always.

A file is looked for in `$TINYMM_DATA/<folder>`, then in the cache, then at each address in turn. No byte of it
is used before its SHA-256 has been compared with the one that is expected. A download that was cut off goes on
where it stopped (RFC 9110, section 14: range requests), and two processes that want the same file share one download.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinymm.files import locked, user_folder

CHUNK = 1 << 16
TIMEOUT = 30  # seconds without an answer before the next address is tried
AGENT = "tinymm"  # some servers turn nameless programs away


class NoDownload(Exception):
    """An address did not give the file; the message says why."""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a whole file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class RemoteFile:
    """A file by name, with its size in bytes and SHA-256, so that any copy of it can be trusted.

    Attributes:
        name: its name in the cache and in `$TINYMM_DATA`.
        size: bytes to download; an estimate where `digest` is given.
        sha256: of the whole file, or what `digest` gives.
        remote: its name at the address, if it has another one there.
        also: SHA-256 of other copies known to hold the same samples, accepted in `$TINYMM_DATA`.
        digest: for an archive that a server packs anew, and never twice alike: a function of the path that gives one
            SHA-256 for what is in it, and raises ValueError if the archive is damaged.
    """

    name: str
    size: int
    sha256: str
    remote: str = ""
    also: tuple[str, ...] = ()
    digest: Callable[[Path], str] = sha256_of

    @property
    def repacked(self) -> bool:
        """Whether the size and bytes of a download are not known beforehand."""
        return self.digest is not sha256_of

    @property
    def most(self) -> int:
        """The bytes after which a download is too long."""
        return 2 * self.size if self.repacked else self.size

    def found(self, path: Path) -> str:
        """The SHA-256 that counts, or what is wrong with the file."""
        try:
            return self.digest(path)
        except ValueError as error:
            return str(error)


def cache_folder() -> Path:
    """Return the folder for downloads, the user's cache: `tinymm.files.user_folder` says where that is."""
    return user_folder("cache")


def own_copy(name: str, folder: str) -> Path | None:
    """The path of the file in `$TINYMM_DATA/<folder>`, unchecked; None if there is none."""
    own = os.environ.get("TINYMM_DATA")
    path = Path(own).expanduser() / folder / name if own else None
    return path if path is not None and path.is_file() else None


def cached_copy(name: str, folder: str, data_home: str | os.PathLike | None = None) -> Path:
    """The path at which the cache keeps the file, or would keep it."""
    return (Path(data_home).expanduser() if data_home else cache_folder()) / folder / name


def find_file(file: RemoteFile, folder: str, data_home: str | os.PathLike | None = None) -> Path | None:
    """Return a checked copy of `file` that is already on this computer, or None.

    Raises:
        ValueError: the file in `$TINYMM_DATA` is not the expected one. (In the cache it does not count.)
    """
    if own := own_copy(file.name, folder):
        if (found := file.found(own)) not in (file.sha256, *file.also):
            what = f"has SHA-256 {found[:12]}…, expected {file.sha256[:12]}…" if len(found) == 64 else found
            raise ValueError(
                f"fetch: {own} {what}: replace it by the original file, or unset TINYMM_DATA to download it"
            )
        return own
    path = cached_copy(file.name, folder, data_home)
    return path if path.is_file() and file.found(path) == file.sha256 else None


def fetch_file(
    file: RemoteFile, folder: str, addresses: Sequence[str], data_home: str | os.PathLike | None = None
) -> Path:
    """Return the path of a checked copy of `file`, downloading it when there is none yet.

    What an interrupted download leaves, `<name>.part`, is where the next one begins.

    Args:
        file: name, size and SHA-256.
        folder: subfolder of `$TINYMM_DATA` and of the cache.
        addresses: folders on the web that hold the file, tried in order.
        data_home: the cache; by default `cache_folder()`.

    Raises:
        ValueError: the file in `$TINYMM_DATA` is not the expected one.
        ConnectionError: no address gave the file; the message says where to put a copy by hand.
        OSError: the cache cannot be written, or the disk is full.
    """
    if found := find_file(file, folder, data_home):
        return found
    path = cached_copy(file.name, folder, data_home)
    part = path.with_name(f"{file.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(
            f"fetch: cannot make the folder {path.parent} ({error.strerror}): "
            "choose one that can be written with data_home=... or XDG_CACHE_HOME"
        ) from error
    failures = []
    try:
        with locked(path.parent / ".lock"):
            if found := find_file(file, folder, data_home):  # another process was here while we waited
                return found
            for address in addresses:
                url = f"{address.rstrip('/')}/{file.remote or file.name}"
                try:
                    _download(url, file, part)
                    os.replace(part, path)
                    return path
                except NoDownload as error:
                    failures.append(f"{url}: {error}")
                    if part.is_file() and part.stat().st_size == 0:
                        part.unlink()
    except OSError as error:
        raise type(error)(
            f"fetch: cannot write {path} ({error.strerror}): it takes {file.size / 1e6:.1f} MB; make room, or choose "
            "another place with data_home=... or XDG_CACHE_HOME"
        ) from error
    raise ConnectionError(
        f"fetch: could not download {file.name} ({'; '.join(failures)}): "
        f"put the file at {path}, or set TINYMM_DATA to the folder that holds {folder}/{file.name}"
    )


def _download(url: str, file: RemoteFile, part: Path) -> None:
    """Complete `part` from `url`, checked. NoDownload if that fails; then it holds what can be gone on with, or is gone."""
    resumed = _append(url, file, part)
    found = file.found(part)
    if found != file.sha256 and resumed:  # the beginning was from elsewhere, or the end: once more, whole
        part.unlink()
        _append(url, file, part)
        found = file.found(part)
    if found != file.sha256:
        part.unlink()
        what = f"SHA-256 is {found[:12]}…, expected {file.sha256[:12]}…" if len(found) == 64 else found
        raise NoDownload(what)
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())  # the name is given to bytes that are on the disk


def _append(url: str, file: RemoteFile, part: Path) -> bool:
    """Add to `part` what is missing from it. Return whether it had a beginning that was kept."""
    from tqdm.auto import tqdm

    have = part.stat().st_size if part.exists() else 0
    if have == file.size and not file.repacked:
        return True
    if have >= file.most:
        part.unlink()
        have = 0
    answer, begin, total = _open(url, have)
    if begin != have:  # the server sends the whole file
        have = 0
    if not file.repacked and total is not None and total != file.size:
        answer.close()
        raise NoDownload(f"has {total} bytes, expected {file.size}")
    bar = tqdm(total=total or file.size, initial=have, desc=file.name, unit="B", unit_scale=True, leave=False)
    with answer, part.open("ab" if have else "wb") as target, bar:
        while chunk := _read(answer):
            if bar.n + len(chunk) > file.most:
                target.truncate(0)
                raise NoDownload(f"more than the {file.most} bytes expected")
            target.write(chunk)
            bar.update(len(chunk))
        expected = total if file.repacked else file.size
        if expected is not None and bar.n < expected:
            raise NoDownload(f"ended after {bar.n} of {expected} bytes: try again to go on from there")
    return have > 0


def _open(url: str, have: int) -> tuple[Any, int, int | None]:
    """The answer to a request for the bytes from `have` on; the byte it begins with; the size of the whole file."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen  # the network modules are loaded when they are needed

    headers = {"User-Agent": AGENT} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == 416 and have:  # there is nothing after these bytes: begin again
            return _open(url, 0)
        raise NoDownload(f"HTTP {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise NoDownload(str(getattr(error, "reason", error)) or type(error).__name__) from error
    length = answer.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if not have or getattr(answer, "status", None) != 206:
        return answer, 0, total
    unit, _, span = answer.headers.get("Content-Range", "").partition(" ")
    start, _, whole = span.replace("/", "-").partition("-")
    if unit != "bytes" or start != str(have):  # not what was asked for
        answer.close()
        return _open(url, 0)
    size = whole.rpartition("-")[2]
    return answer, have, int(size) if size.isdecimal() else None


def _read(answer: Any) -> bytes:
    from http.client import HTTPException

    try:
        return answer.read(CHUNK)
    except (OSError, HTTPException) as error:
        raise NoDownload(f"{str(error) or type(error).__name__}: try again to go on from there") from error
