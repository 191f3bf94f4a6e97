"""A session: turn by turn what came, what was understood, what was answered, how long it took; all of it kept."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.desk.dialogue import Dialogue, Reply
from tinymm.desk.hearing import HeardSound, OnPartial
from tinymm.desk.transcript import TranscriptFile
from tinymm.desk.understanding import LONGEST, Understood

if TYPE_CHECKING:
    from tinymm.desk.desk import Desk

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Turn:
    """One turn.

    Attributes:
        session, number: which session, and which turn of it, from 1. time: when it came, ISO 8601 with the zone.
        kind: "text", "sound" or "picture". given: the text, or the file.
        understood: None if nothing was. heard: of a sound.
        reply: what the desk answered. milliseconds: from the end of what came to the answer.
    """

    session: str
    number: int
    time: str
    kind: str
    given: str
    understood: Understood | None
    heard: HeardSound | None
    reply: Reply
    milliseconds: float

    def to_dict(self) -> dict[str, Any]:
        """The turn as a line of the transcript; of a long text the part that was read."""
        line: dict[str, Any] = {"session": self.session, "turn": self.number, "time": self.time, "kind": self.kind}
        line["given"] = self.given[:LONGEST]
        if len(self.given) > LONGEST:
            line["characters"] = len(self.given)
        if self.heard:
            partials = [{"seconds": seconds, "text": text} for seconds, text in self.heard.partials]
            line["heard"] = {
                "text": self.heard.text,
                "confidence": round(self.heard.confidence, 4),
                "partials": partials,
            }
        line["understood"] = self.understood.to_dict() if self.understood else None
        line["reply"] = self.reply.to_dict()
        line["milliseconds"] = round(self.milliseconds, 1)
        return line


class Session:
    """A conversation with the desk: `say`, `hear` and `see` take a turn each and return it.

    What cannot be read gets a turn with one sentence that says why, and the conversation goes on where it was.

    Args:
        desk: understands the turns. transcript: a file to add each turn to, see `TranscriptFile`.
    """

    def __init__(self, desk: Desk, transcript: Path | None = None):
        self.desk, self.dialogue, self.turns = desk, Dialogue(), list[Turn]()
        self.name = secrets.token_hex(4)
        self.transcript = TranscriptFile(transcript) if transcript is not None else None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        if self.transcript:
            self.transcript.close()

    def restart(self) -> None:
        """Begin a new conversation, in the same transcript under another name."""
        self.dialogue = Dialogue()
        self.name, self.turns = secrets.token_hex(4), []

    def say(self, text: str) -> Turn:
        """A typed turn. Of a text longer than 2,000 characters the beginning counts."""

        def read() -> tuple[Understood | None, HeardSound | None]:
            try:
                return self.desk.read(text, self.dialogue.language), None
            except ValueError as error:
                raise ValueError(f"{error}: write what you need, in a few words") from None

        return self._turn("text", text, read)

    def see(self, picture: Path | np.ndarray) -> Turn:
        """A turn that is a picture of a handwritten number: a file, or a grey image (1, H, W) in [0, 1]."""
        given = f"an image {picture.shape}" if isinstance(picture, np.ndarray) else str(picture)
        _ = self.desk.number_reader  # loading it is not part of the turn
        return self._turn("picture", given, lambda: (self.desk.see(picture, self.dialogue.language), None))

    def hear(
        self, sound: Path | tuple[np.ndarray, int], speed: float = 1.0, on_partial: OnPartial | None = None
    ) -> Turn:
        """A spoken turn: a sound file, or a sound (samples,) with its rate, see `listen`."""
        given = f"{len(sound[0])} samples" if isinstance(sound, tuple) else str(sound)
        arrived: list[tuple[float, str]] = []

        def note(seconds: float, text: str) -> None:
            arrived.append((round(seconds, 2), text))
            if on_partial:
                on_partial(seconds, text)

        try:
            return self._turn(
                "sound", given, lambda: self.desk.hear(self.desk.sound(sound), self.dialogue.language, speed, note)
            )
        except KeyboardInterrupt:  # what was heard until then is kept
            last = arrived[-1] if arrived else (0.0, "")
            heard = HeardSound(last[1], 0.0, tuple(arrived), last[0], 0.0)
            self._keep("sound", given, None, heard, self.dialogue.problem("Listening was interrupted."), 0.0, _now())
            raise

    def _turn(
        self, kind: str, given: str, understand: Callable[[], tuple[Understood | None, HeardSound | None]]
    ) -> Turn:
        came, began = _now(), time.perf_counter()
        understood, heard = None, None
        try:
            understood, heard = understand()
        except (ValueError, TypeError, OSError, ImportError) as error:
            reply = self.dialogue.problem(_sentence(error))
        else:
            if heard:
                began = time.perf_counter() - heard.wait
            reply = self.dialogue(understood) if understood else self.dialogue.nothing_heard()
        return self._keep(kind, given, understood, heard, reply, 1000 * (time.perf_counter() - began), came)

    def _keep(
        self,
        kind: str,
        given: str,
        understood: Understood | None,
        heard: HeardSound | None,
        reply: Reply,
        milliseconds: float,
        came: str,
    ) -> Turn:
        turn = Turn(self.name, len(self.turns) + 1, came, kind, given, understood, heard, reply, milliseconds)
        self.turns.append(turn)
        if self.transcript:
            self.transcript.append(turn.to_dict())
        return turn


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def _sentence(error: Exception) -> str:
    """What went wrong as a sentence to a customer: without the name of the function that found it.

    >>> _sentence(ValueError("read_image: number.png is empty")), _sentence(ValueError("the picture is blank"))
    ('number.png is empty.', 'The picture is blank.')
    """
    message = str(error)
    head, colon, rest = message.partition(": ")
    if colon and head.replace("_", "").replace(".", "").isalpha() and "_" in head:
        message = rest
    first = message.split(maxsplit=1)[0] if message else ""
    begun = message[:1].upper() + message[1:] if first.isalpha() else message  # a file is called as it is
    return f"{begun}{'' if message.endswith(('.', '!', '?')) else '.'}"
