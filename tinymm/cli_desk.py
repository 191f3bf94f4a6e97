"""`tinymm desk`: talk to the customer desk, by lines, options or a pipe; train its models; measure it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinymm.desk import Desk, Session, Turn

DESCRIPTION = """\
A customer desk: type what you want, in English or Chinese; say it in English, or a number digit by digit; or show a
picture of a number written by hand. It answers at once. What it is not sure of it asks again, and then hands over to a
person. Each turn goes into a transcript, a line of JSON, before the next one begins.

Two models of its own hear: one knows the digits, and one 119 words, such as those of "where is my parcel" or "can i speak
to a person". Both learned from synthetic voices, so that a spoken number is always read back. Other models can be trained
and given: for numbers said by people `tinymm train speech-to-text --name speech`, then --speech runs/speech.
"""
EXAMPLES = """\
examples:
  tinymm desk                                             talk to it; /help lists what one can type
  tinymm desk --say "where is my parcel" --wav order.wav  two turns, then the end
  tinymm desk --say "我要退款" --image number.png --json     the same as lines of JSON
  cat questions.txt | tinymm desk                         a turn for each line
  arecord -d 5 -f S16_LE -r 8000 | tinymm desk --wav -    what is being said, for five seconds
  tinymm desk --prepare                                   train all models now, which takes a few minutes
  tinymm desk --evaluate                                  how right it is, on what it was not trained on
  tinymm desk --latency                                   how long a turn takes here
"""
HELP = """\
Type what you want, or give a file: a sound (.wav, .flac, .ogg) or a picture (.png, .jpg).
  /wav FILE     a sound    /image FILE   a picture    /new   a new conversation    /quit   the end (or Ctrl-D)"""
SOUNDS, PICTURES = (".wav", ".flac", ".ogg"), (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def add_desk(commands: argparse._SubParsersAction) -> None:
    """Add the command `desk` to the parser."""
    desk = commands.add_parser(
        "desk",
        help="a customer desk: type, speak, or show a number",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    given: dict[str, Any] = {"action": _Given, "dest": "given", "default": []}
    desk.add_argument("--say", metavar="TEXT", help="a typed turn; may be repeated, as the next two", **given)
    desk.add_argument(
        "--wav", metavar="FILE", help="a spoken turn: a sound file; - listens to a WAV at the standard input", **given
    )
    desk.add_argument("--image", metavar="FILE", help="a turn that is a picture of a handwritten number", **given)
    desk.add_argument("--json", action="store_true", help="print each turn as a line of JSON")
    desk.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="how fast sound arrives: 1 as it was spoken (default), 0 without waiting",
    )
    desk.add_argument(
        "--transcript",
        metavar="FILE",
        help="where the turns are added, as lines of JSON; by default a new file in transcripts/",
    )
    desk.add_argument("--no-transcript", action="store_true", help="keep none")
    for name, what in (
        ("intent", "what is wanted"),
        ("sentiment", "the mood"),
        ("digits", "handwritten digits, such as `tinymm train mnist` makes"),
        ("speech", "speech to text, such as `tinymm train speech-to-text` makes"),
    ):
        desk.add_argument(
            f"--{name}", metavar="RUN", help=f"a run's folder with a model for {what}, for the desk's own"
        )
    desk.add_argument(
        "--numbers-only", action="store_true", help="hear no spoken requests: their model takes longest to train"
    )
    desk.add_argument("--quiet", action="store_true", help="no progress bars")
    instead = desk.add_mutually_exclusive_group()
    instead.add_argument("--prepare", action="store_true", help="train the models that are missing, and end")
    instead.add_argument("--evaluate", action="store_true", help="measure how right it is, and end")
    instead.add_argument("--latency", action="store_true", help="measure how long turns take, and end")
    desk.set_defaults(run=_desk)


class _Given(argparse.Action):
    """Turns in the order in which they were given, whatever their kind."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        namespace.given = [*namespace.given, (str(option).lstrip("-"), values)]


def _desk(options: argparse.Namespace) -> int:
    from tinymm.desk import Desk

    if not 0 <= options.speed < float("inf"):
        raise ValueError(f"--speed is {options.speed}, but it must be a number from 0: 1 is as fast as it was spoken")
    runs = {name: getattr(options, name) for name in ("intent", "sentiment", "digits", "speech")}
    desk = Desk(**runs, progress=not options.quiet, numbers_only=options.numbers_only)
    if options.prepare:
        return _prepare(desk)
    if options.evaluate or options.latency:
        return _measure(desk, options)
    desk.load()
    path = None if options.no_transcript else options.transcript or _new_transcript()
    with desk.session(path) as session:
        if options.given:
            status = max(_turn(session, kind, value, options) for kind, value in options.given)
        elif sys.stdin.isatty():
            status = _talk(session, options)
        else:
            status = max((_line(session, line, options) for line in sys.stdin), default=0)
        if path and not options.json:
            print(f"The transcript is in {path}.", file=sys.stderr)
    return status


def _new_transcript() -> Path:
    """A name that no file has yet, by the time."""
    stem = Path("transcripts") / time.strftime("%Y%m%d-%H%M%S")
    names = [stem.with_suffix(".jsonl"), *(stem.with_name(f"{stem.name}-{n}.jsonl") for n in range(2, 100))]
    return next((name for name in names if not name.exists()), names[-1])


def _talk(session: Session, options: argparse.Namespace) -> int:
    """The conversation at a terminal. Ctrl-C breaks off what is going on, a second one at the prompt ends it."""
    with suppress(ImportError):
        import readline  # noqa: F401  # arrow keys and history at the prompt
    print(session.dialogue.phrases.answers["greeting"])
    print("(/help lists what one can type)")
    stopped = False
    while True:
        try:
            line = input("> ")
            if line.strip() in ("/quit", "/exit"):
                return 0
            _line(session, line, options)
            stopped = False
        except EOFError:
            print()
            return 0
        except KeyboardInterrupt:
            if stopped:
                raise KeyboardInterrupt("all turns before are in the transcript") from None
            stopped = True
            print("\n(Ctrl-C again, or Ctrl-D, to end)")


def _line(session: Session, line: str, options: argparse.Namespace) -> int:
    """A typed line: words, the name of a file, or a command."""
    text = line.strip()
    command, _, rest = text.partition(" ")
    if command == "/help":
        print(HELP)
    elif command == "/new":
        session.restart()
    elif command in ("/wav", "/image"):
        return _turn(session, command[1:], _unquoted(rest), options)
    elif text and len(text) < 1000 and _unquoted(text).lower().endswith(SOUNDS + PICTURES):
        path = _unquoted(text)
        if " " in path and not Path(path).is_file():  # I lost invoice.png
            return _turn(session, "say", text, options)
        return _turn(session, "wav" if path.lower().endswith(SOUNDS) else "image", path, options)
    elif text or not sys.stdin.isatty():
        return _turn(session, "say", line.rstrip("\n"), options)
    return 0


def _unquoted(path: str) -> str:
    """A path as file managers drop it into a terminal."""
    path = path.strip()
    return path[1:-1] if len(path) > 1 and path[0] == path[-1] and path[0] in "'\"" else path


def _turn(session: Session, kind: str, value: str, options: argparse.Namespace) -> int:
    """Take a turn and show it; 2 if it could not be read."""
    if not options.json and (options.given or not sys.stdin.isatty()):
        given = " ".join(value.split())
        print(f"> {given[:200]}{'…' if len(given) > 200 else ''}")
    if kind == "say":
        turn = session.say(value)
    elif kind == "image":
        turn = session.see(value)
    else:
        turn = session.hear(value, options.speed, None if options.json else _show_partial)
    if options.json:
        print(json.dumps(turn.to_dict(), ensure_ascii=False), flush=True)
    else:
        _show(turn)
    return 2 if turn.reply.act == "problem" else 0


def _show_partial(seconds: float, text: str) -> None:
    print(f"  {seconds:5.1f} s  {text}", flush=True)


def _show(turn: Turn) -> None:
    heard = turn.understood
    facts = []
    if heard:
        if turn.kind != "text":
            facts.append(f"“{heard.text}”")
        what = f"{heard.intent} {heard.probability:.0%}"
        facts.append(what if heard.yes is None else "yes" if heard.yes else "no")
        if turn.kind == "text" or len(heard.sentiments) > 1:
            facts.append(f"{heard.sentiment} {heard.sentiments[0][1]:.0%}")
    facts.append(f"{turn.milliseconds:.0f} ms")
    print(turn.reply.text)
    print(f"  ({', '.join(facts)})", flush=True)


def _prepare(desk: Desk) -> int:
    from tinymm.desk.models import cached

    desk.prepare()
    for name, run in desk.runs.items():
        print(f"{name:<10} {run or cached(name)}")
    return 0


def _measure(desk: Desk, options: argparse.Namespace) -> int:
    from tinymm.desk import measuring

    measured = measuring.latency(desk) if options.latency else measuring.evaluate(desk)
    print(json.dumps(measured.to_dict(), indent=2, ensure_ascii=False) if options.json else measured)
    return 0
