"""The archive of spoken digits: a small one in the official form stands for the real one."""

import gzip
import io
import os
import tarfile
import wave
from dataclasses import replace

import numpy as np
import pytest

from tinymm.data.datasets import fetch_fsdd, sounds
from tinymm.data.datasets.sounds import FSDD_FILE, recordings_digest

SPEAKERS = ("ann", "bob")


def wav(samples):
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(np.asarray(samples, "<i2").tobytes())
    return stream.getvalue()


def recordings():
    """Each digit said seven times by two; what is said tells who, what and which."""
    return {
        f"{digit}_{speaker}_{index}.wav": wav([digit * 100, number, index, -(1 << 15)] + [0] * index)
        for digit in range(10)
        for number, speaker in enumerate(SPEAKERS)
        for index in (0, 4, 5, 10, 2, 49, 7)
    }


def packed(path, contents, folder="recordings", level=6):
    with gzip.open(path, "wb", compresslevel=level) as target, tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache with the small archive, which counts as the official one."""
    (tmp_path / "fsdd").mkdir()
    path = packed(tmp_path / "fsdd" / "recordings.tar.gz", recordings())
    monkeypatch.delenv("TINYMM_DATA", raising=False)
    monkeypatch.setattr(sounds, "FSDD_FILE", replace(FSDD_FILE, sha256=recordings_digest(path)))
    monkeypatch.setattr(sounds, "FSDD_ADDRESSES", ())
    return tmp_path


def test_recordings_come_in_order_with_who_said_what(home):
    data = fetch_fsdd("all", home)
    assert len(data) == 140 and data.rate == 8000 and data.class_names == tuple("0123456789")
    rows = list(zip(data.y.tolist(), data.groups.tolist(), data.index.tolist(), strict=True))
    assert rows == sorted(rows) and data.y.dtype == data.index.dtype == np.int64
    for sound, (digit, speaker, index), file in zip(data.x, rows, data.files, strict=True):
        said = np.array([digit * 100, SPEAKERS.index(speaker), index, -(1 << 15)], np.float32) / (1 << 15)
        assert sound.dtype == np.float32 and len(sound) == 4 + index
        np.testing.assert_array_equal(sound[:4], said)
        assert file == f"{digit}_{speaker}_{index}.wav"


def test_the_official_split_keeps_recordings_0_to_4_for_the_test(home):
    train, test = fetch_fsdd("train", home), fetch_fsdd("test", home)
    assert set(test.index) == {0, 2, 4} and set(train.index) == {5, 7, 10, 49}
    assert len(train) + len(test) == 140 and "test" in repr(test)
    with pytest.raises(ValueError, match=r"fetch_fsdd: subset 'dev' is unknown: choose 'train', 'test' or 'all'"):
        fetch_fsdd("dev", home)


def test_another_packing_of_the_same_recordings_is_the_same(home, tmp_path):
    again = dict(reversed(recordings().items()))
    path = packed(tmp_path / "other.tar.gz", again, "free-spoken-digit-dataset-1.0.10/recordings", level=1)
    assert recordings_digest(path) == sounds.FSDD_FILE.sha256
    (home / "fsdd" / "recordings.tar.gz").write_bytes(path.read_bytes())
    assert len(fetch_fsdd("all", home)) == 140


@pytest.mark.parametrize("change", ["a sample", "a name", "one less", "one more"])
def test_other_recordings_are_refused(home, monkeypatch, change):
    contents = recordings()
    if change == "a sample":
        contents["0_ann_0.wav"] = wav([1, 2, 3])
    elif change == "a name":
        contents["1_ann_1.wav"] = contents.pop("0_ann_0.wav")
    elif change == "one less":
        del contents["0_ann_0.wav"]
    else:
        contents["0_eve_0.wav"] = wav([1])
    packed(home / "fsdd" / "recordings.tar.gz", contents)
    monkeypatch.setenv("TINYMM_DATA", str(home))
    with pytest.raises(ValueError, match=r"recordings\.tar\.gz has SHA-256 .*, expected .*: replace it"):
        fetch_fsdd("all")


@pytest.mark.parametrize("keep", [0, 10, 500, -9])
def test_a_cut_archive_is_refused(home, monkeypatch, keep):
    path = home / "fsdd" / "recordings.tar.gz"
    path.write_bytes(path.read_bytes()[:keep])
    monkeypatch.setenv("TINYMM_DATA", str(home))
    with pytest.raises(ValueError, match=r"recordings\.tar\.gz (is damaged|has SHA-256).*replace it"):
        fetch_fsdd("all")


def test_an_archive_made_to_fill_the_memory_is_refused(tmp_path):
    huge = packed(tmp_path / "huge.tar.gz", {"0_ann_0.wav": bytes(2 << 20)})
    with pytest.raises(ValueError, match=r"holds 0_ann_0\.wav .* 2,097,152 bytes"):
        recordings_digest(huge)
    endless = packed(tmp_path / "endless.tar.gz", {f"{i}.txt": bytes(1 << 20) for i in range(70)}, level=1)
    with pytest.raises(ValueError, match="unpacks to more than 67,108,864 bytes"):
        recordings_digest(endless)


def test_nothing_in_the_archive_is_written_anywhere(home, tmp_path_factory, monkeypatch):
    """Names that climb out of the folder are read as recordings at most, never as paths."""
    folder = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(folder)
    contents = recordings() | {"../../../escaped.txt": b"out", "/absolute.txt": b"out"}
    packed(home / "fsdd" / "recordings.tar.gz", contents)
    assert len(fetch_fsdd("all", home)) == 140
    assert not any(folder.iterdir())
    assert sorted(str(p.relative_to(home)) for p in home.rglob("*")) == ["fsdd", "fsdd/recordings.tar.gz"]


def test_the_real_recordings():
    if not os.path.isfile(os.path.join(os.environ.get("TINYMM_DATA", ""), "fsdd", "recordings.tar.gz")):
        pytest.skip("TINYMM_DATA names no folder with the spoken digits")
    data = fetch_fsdd("all")
    assert len(data) == 3000 and np.bincount(data.y).tolist() == [300] * 10
    assert sorted(set(data.groups)) == ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    assert len(fetch_fsdd("test")) == 300 and len(data.x[0]) == 2384
    assert all(np.abs(sound).max() <= 1 and len(sound) > 1000 for sound in data.x)
