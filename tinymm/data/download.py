"""Files that are fetched: found on this computer first, downloaded once, checked always.

A file is looked for in `$TINYMM_DATA/<folder>`, then in the cache, then at each address in turn. No byte of it
is used before its SHA-256 has been compared with the one that is expected.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 16
TIMEOUT = 30  # seconds without an answer before the next address is tried


@dataclass(frozen=True)
class RemoteFile:
    """A file by name, with its size in bytes and SHA-256, so that any copy of it can be trusted."""

    name: str
    size: int
    sha256: str


def cache_folder() -> Path:
    """Return the folder for downloads, by the custom of the platform.

    Linux: `$XDG_CACHE_HOME/tinymm` or `~/.cache/tinymm`; macOS: `~/Library/Caches/tinymm`;
    Windows: `%LOCALAPPDATA%\\tinymm`. `XDG_CACHE_HOME` counts everywhere when it is set.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the XDG specification: ignore a relative path
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = str(Path.home() / "Library" / "Caches")
        else:
            base = str(Path.home() / ".cache")
    return Path(base) / "tinymm"


def fetch_file(
    file: RemoteFile, folder: str, addresses: Sequence[str], data_home: str | os.PathLike | None = None
) -> Path:
    """Return the path of a checked copy of `file`, downloading it when there is none yet.

    Args:
        file: name, size and SHA-256.
        folder: subfolder of `$TINYMM_DATA` and of the cache.
        addresses: folders on the web that hold the file, tried in order.
        data_home: the cache; by default `cache_folder()`.

    Raises:
        ValueError: the file in `$TINYMM_DATA` is not the expected one.
        ConnectionError: no address gave the file; the message says where to put a copy by hand.
        OSError: the cache cannot be written.
    """
    if own := os.environ.get("TINYMM_DATA"):
        path = Path(own).expanduser() / folder / file.name
        if path.is_file():
            if (found := _sha256(path)) != file.sha256:
                raise ValueError(
                    f"fetch: {path} has SHA-256 {found[:12]}…, expected {file.sha256[:12]}…: "
                    "replace it by the original file, or unset TINYMM_DATA to download it"
                )
            return path
    path = (Path(data_home).expanduser() if data_home else cache_folder()) / folder / file.name
    if path.is_file() and _sha256(path) == file.sha256:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(
            f"fetch: cannot make the folder {path.parent} ({error.strerror}): "
            "choose one that can be written with data_home=..."
        ) from error

    from http.client import HTTPException  # the network modules are loaded when they are needed

    failures = []
    for address in addresses:
        url = f"{address.rstrip('/')}/{file.name}"
        try:
            _download(url, file, path)
            return path
        except (OSError, HTTPException, ValueError) as error:  # no network, no such file, wrong bytes
            failures.append(f"{url}: {getattr(error, 'reason', error)}")
    raise ConnectionError(
        f"fetch: could not download {file.name} ({'; '.join(failures)}): "
        f"put the file at {path}, or set TINYMM_DATA to the folder that holds {folder}/{file.name}"
    )


def _download(url: str, file: RemoteFile, path: Path) -> None:
    """Write the file at `url` to `path`, whole and checked or not at all."""
    from urllib.request import urlopen

    from tqdm.auto import tqdm

    digest = hashlib.sha256()
    # the temporary file lies in the same folder, so that os.replace is one atomic step
    handle, temporary = tempfile.mkstemp(prefix=file.name, suffix=".part", dir=path.parent)
    try:
        with (
            os.fdopen(handle, "wb") as target,
            urlopen(url, timeout=TIMEOUT) as source,
            tqdm(total=file.size, desc=file.name, unit="B", unit_scale=True, leave=False) as bar,
        ):
            while chunk := source.read(CHUNK):
                if bar.n + len(chunk) > file.size:
                    raise ValueError(f"more than the {file.size} bytes expected")
                digest.update(chunk)
                target.write(chunk)
                bar.update(len(chunk))
            if bar.n < file.size:
                raise ValueError(f"ended after {bar.n} of {file.size} bytes")
            if digest.hexdigest() != file.sha256:
                raise ValueError(f"SHA-256 is {digest.hexdigest()[:12]}…, expected {file.sha256[:12]}…")
            target.flush()
            os.fsync(target.fileno())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
