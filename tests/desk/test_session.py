"""Sessions and their transcripts, with stand-ins for the models."""

import json

import numpy as np
import pytest

from tests.desk.stand_ins import PlainDesk
from tinymm.desk.session import Session
from tinymm.desk.transcript import TranscriptFile


@pytest.fixture
def session(tmp_path):
    with Session(PlainDesk(), tmp_path / "new" / "talk.jsonl") as session:
        yield session


def lines(session):
    return [json.loads(line) for line in session.transcript.path.read_text(encoding="utf-8").splitlines()]


def test_text_sound_and_picture_are_one_conversation(session):
    assert session.say("where is my parcel").reply.act == "ask number"
    turn = session.hear((np.zeros(80, np.float32), 100), speed=0)
    assert (turn.reply.act, turn.reply.number) == ("done", "471")
    assert session.see(np.zeros((1, 9, 9))).reply.act == "confirm"
    assert session.say("yes").reply.number == "4711"
    assert [line["kind"] for line in lines(session)] == ["text", "sound", "picture", "text"]


def test_a_line_tells_what_came_what_was_understood_and_what_was_answered(session):
    turn = session.say("我要退款")
    (line,) = lines(session)
    assert line == turn.to_dict()
    assert line["given"] == "我要退款" and line["turn"] == 1 and line["time"] == turn.time
    assert line["understood"]["intents"] == {"refund": 0.9} and line["understood"]["language"] == "zh"
    assert line["reply"]["text"].startswith("可以为您申请退款") and line["milliseconds"] >= 0


def test_partial_transcripts_are_kept(session):
    came = []
    session.hear((np.zeros(80, np.float32), 100), 0, lambda seconds, text: came.append(text))
    assert [partial["text"] for partial in lines(session)[0]["heard"]["partials"]] == came == ["4", "4 7"]


def test_each_turn_is_in_the_file_before_the_next(session):
    for number in range(1, 4):
        session.say("hello")
        assert len(lines(session)) == number


def test_what_cannot_be_read_is_one_sentence_and_the_session_goes_on(session):
    session.say("parcel")
    assert session.see("gone.png").reply.text == "Cannot open gone.png (no such file): is the path right?"
    assert session.say("").reply.text == "Nothing was said: write what you need, in a few words."
    assert session.say("4711").reply.act == "done"
    assert [line["reply"]["act"] for line in lines(session)] == ["ask number", "problem", "problem", "done"]


def test_a_sound_without_a_number_is_asked_for_again(session):
    turn = session.hear((np.zeros(3, np.float32), 100), speed=0)
    assert turn.reply.act == "ask again" and turn.understood is None and turn.heard.text == ""


def test_an_interrupted_sound_is_in_the_transcript(session):
    def interrupt(seconds, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.hear((np.zeros(80, np.float32), 100), 0, interrupt)
    (line,) = lines(session)
    assert line["heard"]["text"] == "4" and line["reply"]["act"] == "problem"
    assert session.say("hello").number == 2


def test_a_long_text_is_kept_in_part_with_its_length(session):
    session.say("parcel " * 100_000)
    (line,) = lines(session)
    assert len(line["given"]) == 2000 and line["characters"] == 700_000


def test_a_new_conversation_has_another_name_in_the_same_file(session):
    session.say("4711")
    session.restart()
    assert session.say("parcel").reply.act == "ask number"
    assert [line["turn"] for line in lines(session)] == [1, 1]
    assert len({line["session"] for line in lines(session)}) == 2


def test_a_file_is_added_to_and_a_broken_last_line_stays_apart(tmp_path):
    path = tmp_path / "talk.jsonl"
    path.write_bytes(b'{"turn": 1}\n{"tur')
    file = TranscriptFile(path)
    file.append({"turn": 2})
    file.close()
    assert path.read_bytes() == b'{"turn": 1}\n{"tur\n{"turn": 2}\n'


def test_only_the_owner_reads_it(tmp_path):
    path = tmp_path / "talk.jsonl"
    TranscriptFile(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_what_is_no_file_is_refused_at_the_start(tmp_path):
    with pytest.raises(OSError, match=r"the transcript .* cannot be kept"):
        TranscriptFile(tmp_path)


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    file = TranscriptFile(tmp_path / "talk.jsonl")
    file.append({"turn": 1})
    write = __import__("os").write
    monkeypatch.setattr("os.write", lambda handle, content: write(handle, content[:4]))
    with pytest.raises(OSError, match=r"cannot be written \(the disk is full\)"):
        file.append({"turn": 2})
    file.close()
    assert file.path.read_text() == '{"turn": 1}\n'


def test_text_that_is_no_unicode_is_kept(session):
    session.say("parcel \udcff")
    assert lines(session)[0]["given"] == "parcel \udcff"
