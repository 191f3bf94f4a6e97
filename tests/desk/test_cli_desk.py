"""`tinymm desk` as a person uses it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.desk.conftest import use_quick_recipes
from tinymm.cli import main

soundfile = pytest.importorskip("soundfile")


@pytest.fixture
def at_home(desk_cache, monkeypatch, tmp_path):
    """A folder to be in, and the desk's models trained."""
    use_quick_recipes(monkeypatch, desk_cache)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def json_lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_turns_come_in_the_order_they_were_given(at_home, capsys):
    assert main(["desk", "--say", "where is my parcel", "--say", "4711", "--say", "bye", "--json"]) == 0
    turns = json_lines(capsys)
    assert [turn["reply"]["act"] for turn in turns] == ["ask number", "done", "goodbye"]
    (transcript,) = (at_home / "transcripts").iterdir()
    assert [json.loads(line) for line in transcript.read_text(encoding="utf-8").splitlines()] == turns


def test_a_pipe_is_a_turn_for_each_line(at_home, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("hello\n我要退款\n四七一一\n"))
    assert main(["desk", "--transcript", "talk.jsonl"]) == 0
    out, error = capsys.readouterr()
    assert "> 我要退款\n可以为您申请退款" in out and "4 7 1 1" in out
    assert len((at_home / "talk.jsonl").read_text().splitlines()) == 3 and "talk.jsonl" in error


def test_a_picture_of_a_number(at_home, capsys):
    from PIL import Image

    from tinymm.data.datasets import load_digits
    from tinymm.desk.measuring import draw_numbers

    digits = load_digits()
    pictures, _ = draw_numbers(digits.x, digits.y, 1, np.random.default_rng(3))
    Image.fromarray((pictures[0][0] * 255).astype(np.uint8)).save("number.png")
    assert main(["desk", "--image", "number.png", "--json", "--no-transcript"]) == 0
    (turn,) = json_lines(capsys)
    assert turn["kind"] == "picture" and turn["understood"]["number"].isdecimal()
    assert not (at_home / "transcripts").exists()


def write(name, sound, rate=8000, **more):
    soundfile.write(name, sound, rate, **more)
    return name


def sounds():
    """Files that a desk must survive, and whether they are sounds at all."""
    noise = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    yield write("silence.wav", np.zeros(4000)), True
    yield write("one.wav", noise[:1]), True
    yield write("stereo.wav", np.stack([noise, noise], axis=1), 44100), True
    yield write("slow.wav", noise, 1000), True
    whole = Path(write("whole.wav", noise)).read_bytes()
    for name, content in {
        "cut.wav": whole[:60],
        "header.wav": whole[:20],
        "empty.wav": b"",
        "text.wav": b"hello",
    }.items():
        Path(name).write_bytes(content)
        yield name, name == "cut.wav"
    yield "gone.wav", False


def test_any_sound_is_one_sentence_and_the_session_goes_on(at_home, capsys):
    for name, readable in sounds():
        status = main(["desk", "--wav", name, "--say", "hello", "--speed", "0", "--json", "--no-transcript"])
        first, second = json_lines(capsys)
        assert (status, first["reply"]["act"] == "problem") == ((0, False) if readable else (2, True)), name
        assert first["reply"]["text"].count("\n") == 0 and first["reply"]["text"]
        assert second["reply"]["act"] in ("answer", "noted")


@pytest.mark.parametrize(
    "given", [["--image", "gone.png"], ["--image", "."], ["--wav", "."], ["--say", ""], ["--say", "😀"]]
)
def test_what_cannot_be_read_is_one_sentence_and_status_2(at_home, capsys, given):
    assert main(["desk", *given, "--say", "hello", "--no-transcript"]) == 2
    out, error = capsys.readouterr()
    assert "Traceback" not in out + error and "Hello! What can I do for you?" in out


def test_a_file_is_called_by_its_name(at_home, tmp_path, capsys):
    pytest.importorskip("soundfile")
    (tmp_path / "cut.wav").write_bytes(b"RIFF")
    (tmp_path / "cut.png").write_bytes(b"PNG")
    for given in (["--wav", "cut.wav"], ["--image", "cut.png"]):
        assert main(["desk", *given, "--no-transcript", "--quiet"]) == 2
        assert f"\n{given[1]} is not a" in capsys.readouterr().out


def test_a_megabyte_of_text(at_home, capsys):
    assert main(["desk", "--say", "where is my parcel " * 60_000, "--json", "--no-transcript"]) == 0
    (turn,) = json_lines(capsys)
    assert turn["characters"] > 1_000_000 and turn["understood"]["intents"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--speed", "-1"], "--speed is -1.0, but it must be a number from 0"),
        (["--speed", "nan"], "--speed is nan"),
        (["--intent", "gone"], "there is no file gone"),
        (["--transcript", "."], "the transcript . cannot be kept"),
    ],
)
def test_wrong_options(at_home, capsys, options, words):
    assert main(["desk", "--say", "hello", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tinymm desk: ") and words in error and error.count("\n") == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_conversation_at_a_terminal(at_home, capsys, monkeypatch):
    answers = iter(
        ["", "/help", "where is my parcel", "/new", "gone.wav", "'gone.png'", "/wav gone.wav", "hello", "/quit"]
    )
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    assert main(["desk", "--transcript", "talk.jsonl"]) == 0
    out = capsys.readouterr().out
    assert (
        "/image FILE" in out and "What is the number of your order?" in out and out.count("Cannot open gone.wav") == 2
    )
    assert len((at_home / "talk.jsonl").read_text().splitlines()) == 5  # nothing for the empty line and the commands


def test_ctrl_c_and_ctrl_d_at_the_prompt(at_home, capsys, monkeypatch):
    def typed(prompt):
        answer = next(answers)
        if isinstance(answer, type):
            raise answer
        return answer

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", typed)
    answers = iter([KeyboardInterrupt, "hello", KeyboardInterrupt, "hello", EOFError])
    assert main(["desk", "--transcript", "talk.jsonl"]) == 0
    answers = iter(["hello", KeyboardInterrupt, KeyboardInterrupt])
    assert main(["desk", "--transcript", "talk.jsonl"]) == 130
    assert len((at_home / "talk.jsonl").read_text().splitlines()) == 3
    assert "all turns before are in the transcript" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_in_a_pipe_loses_nothing(at_home):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    program = "from tests.desk.test_cli_desk import quick_main; quick_main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "desk", "--transcript", "talk.jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment
        | {"PYTHONPATH": os.pathsep.join([os.path.dirname(os.path.dirname(os.path.dirname(__file__))), *sys.path])},
    )
    process.stdin.write("where is my parcel\n")
    process.stdin.flush()
    until = time.monotonic() + 60
    while not ((at_home / "talk.jsonl").is_file() and (at_home / "talk.jsonl").stat().st_size):
        assert time.monotonic() < until and process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in error and "Traceback" not in error
    assert json.loads((at_home / "talk.jsonl").read_text())["reply"]["act"] == "ask number"


def quick_main():
    """The command in a process of its own, with the recipes of the tests."""
    patch = pytest.MonkeyPatch()
    use_quick_recipes(patch, os.environ["XDG_CACHE_HOME"])
    sys.exit(main(sys.argv[1:]))


def test_prepare_says_where_the_models_are(at_home, capsys):
    assert main(["desk", "--prepare", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == ["intent", "sentiment", "digits", "speech", "requests"]
    assert all(line.endswith(".npz") for line in out.splitlines())
