"""The transcript of a session: a file of JSON lines, one a turn, on disk before the next turn begins."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tinymm.interrupts import held_back


class TranscriptFile:
    """Adds lines to a file. Each is written in one piece and has reached the disk when `append` returns.

    A file that is there already is added to. If its last line was cut off, as by a power cut, the next begins a new one.
    New files can be read by their owner only, for what people tell a desk is private. OSError: it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            size = os.lseek(self._file, 0, os.SEEK_END)
            if size:
                os.lseek(self._file, size - 1, os.SEEK_SET)
                if os.read(self._file, 1) != b"\n":
                    os.write(self._file, b"\n")
        except OSError as error:
            raise type(error)(
                f"the transcript {self.path} cannot be kept ({error.strerror}): choose another file"
            ) from None

    def append(self, line: dict[str, Any]) -> None:
        """Add one line. OSError if it cannot be written, as on a full disk; what was there before stays whole."""
        content = (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        with held_back():
            try:
                begin = os.lseek(self._file, 0, os.SEEK_END)
                if os.write(self._file, content) < len(content):
                    os.truncate(self._file, begin)
                    raise OSError(None, "the disk is full")
                os.fsync(self._file)
            except OSError as error:
                raise OSError(
                    f"the transcript {self.path} cannot be written ({error.strerror}): the turn is lost"
                ) from None

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
