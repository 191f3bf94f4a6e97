"""Files that may be damaged, or mean harm: for each parser whole files to begin with, and what it may say of others."""

import gzip
import io
import json
import tarfile
import warnings
import wave
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

import tinymm as tm
from tinymm.checkpoint import CheckpointError
from tinymm.data.audio import read_sound
from tinymm.data.datasets import open_dataset
from tinymm.data.datasets.sounds import recordings_digest
from tinymm.data.idx import read_idx
from tinymm.data.image import read_image
from tinymm.data.streaming import open_shards, write_shards
from tinymm.data.text import NGrams, clean_text, read_lines, words
from tinymm.prediction import load_trained
from tinymm.reproducing import recorded
from tinymm.resuming import Unfinished
from tinymm.runs import begun_with


class Target(NamedTuple):
    """A parser: its files' suffix, whole files, what it may raise, and the package it needs."""

    suffix: str
    seeds: Callable[[], list[bytes]]
    parse: Callable[[Path], object]
    errors: tuple[type[Exception], ...]
    needs: str = "numpy"


def _npz(write: Callable = np.savez, **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    write(stream, **arrays)
    return stream.getvalue()


def _saved(obj: object) -> bytes:
    with TemporaryDirectory() as folder:
        return tm.save(obj, Path(folder) / "saved.npz").read_bytes()


def _checkpoints() -> list[bytes]:
    state = {"weight": np.ones((2, 3), np.float32), "steps": [1, 2], "t": tm.tensor([1.0]), "none": None}
    return [_saved(state), _saved(()), _saved(np.zeros((0, 3), ">f8"))]


def _trained() -> list[bytes]:
    from tests.recipes.samples import images, texts
    from tinymm.recipes import Recipe, train_model

    models = [(Recipe(model="logistic", epochs=1), images()), (Recipe(model="gru", epochs=1), texts())]
    return [_saved(train_model(recipe, data).state_dict()) for recipe, data in models]


def _data() -> list[bytes]:
    x, y = np.random.default_rng(0).random((6, 1, 4, 4), np.float32), np.arange(6) % 3
    named = {"class_names": np.array(["a", "b", "c"])}
    return [_npz(x=x, y=y), _npz(np.savez_compressed, x=x[:, 0], y=y, **named), _npz(x=x.astype(">f8"), y=y)]


def _idx() -> list[bytes]:
    content = bytes.fromhex("00000803 00000002 00000003 00000003") + bytes(range(18))
    return [gzip.compress(content), gzip.compress(content, 0)]


def _images() -> list[bytes]:
    from PIL import Image

    random, files = np.random.default_rng(0), []
    rgba = Image.fromarray(random.integers(0, 256, (7, 5, 4), np.uint8), "RGBA")
    for format in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        stream = io.BytesIO()
        (rgba if format in ("PNG", "TIFF", "WEBP") else rgba.convert("RGB")).save(stream, format)
        files.append(stream.getvalue())
    return files


def _wav() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(0).integers(-999, 999, 200).astype("<i2").tobytes())
    return stream.getvalue()


def _sounds() -> list[bytes]:
    import soundfile

    files = [_wav()]
    for format in ("WAV", "FLAC", "OGG", "AIFF"):
        stream = io.BytesIO()
        soundfile.write(stream, np.sin(np.arange(300) / 9), 8000, format=format)
        files.append(stream.getvalue())
    return files


def _archives() -> list[bytes]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in ("x/recordings/0_george_0.wav", "../../recordings/1_lucas_1.wav", "/recordings/2_theo_2.wav"):
            member = tarfile.TarInfo(name)
            member.size = len(_wav())
            archive.addfile(member, io.BytesIO(_wav()))
    return [stream.getvalue()]


def _texts() -> list[bytes]:
    texts = ["Where is my parcel no. 7?\r\nTell me: a@b.org, http://x.y\n", "Größe 🙂 e\u0301\u202e \x85\u2028 ﬁ Ⅷ"]
    return [text.encode() for text in texts] + ["\ufeffno".encode("utf-16"), b"\x00\xff"]


def _read_words(path: Path) -> None:
    for line in read_lines(path):
        words(clean_text(line))
        NGrams(words=(1, 2), characters=(2, 3))(line)


def _load(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tm.load(path, or_previous=True)


def _metrics() -> list[bytes]:
    """What a run's folder records, as `tinymm reproduce` reads it."""
    from tinymm.recipes import Recipe

    numbers = {"recipe": asdict(Recipe()), "data": {"sha256": "0" * 64}, "interrupted": False, "versions": {}}
    return [json.dumps(numbers).encode(), json.dumps(numbers | {"history": {"loss": [1.0]}}, indent=2).encode()]


def _run() -> list[bytes]:
    """What a run that was stopped began with, as `tinymm train --resume` reads it."""
    from tinymm.distributed.engine import Engine
    from tinymm.recipes import Recipe

    facts = {"recipe": asdict(Recipe()), "engine": asdict(Engine()), "versions": {"numpy": "2"}}
    return [json.dumps(facts | {"data_sha256": "0" * 64, "stopped": 1}).encode()]


def _shards() -> list[bytes]:
    with TemporaryDirectory() as folder:
        return [(_write_shards(folder) / "shards.json").read_bytes()]


def _write_shards(folder: str | Path) -> Path:
    return write_shards(folder, [(np.zeros((5, 2), np.float32), np.arange(5))], shard_size=3)


def _open_shards(folder: Path) -> None:
    index = folder / "shards.json"
    content = index.read_bytes()
    if not list(folder.glob("*.npy")):
        index.unlink()
        _write_shards(folder)
        index.write_bytes(content)
    open_shards(folder)


def _inside(name: str, parse: Callable[[Path], object]) -> Callable[[Path], object]:
    """Have the file read by its name in a folder."""

    def parse_folder(path: Path) -> None:
        folder = path.with_suffix("")
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(path.read_bytes())
        parse(folder)

    return parse_folder


TARGETS = {
    "checkpoint": Target(".npz", _checkpoints, _load, (CheckpointError,)),
    "trained": Target(".npz", _trained, load_trained, (CheckpointError,)),
    "data": Target(".npz", _data, open_dataset, (ValueError,)),
    "idx": Target(".gz", _idx, lambda path: read_idx(path, 3), (ValueError,)),
    "image": Target(".png", _images, read_image, (ValueError,), "PIL"),
    "sound": Target(".wav", _sounds, lambda path: read_sound(path, 8000), (ValueError,), "soundfile"),
    "archive": Target(".tar.gz", _archives, recordings_digest, (ValueError,)),
    "metrics": Target(".json", _metrics, _inside("metrics.json", recorded), (ValueError,)),
    "run": Target(".json", _run, _inside("run.json", lambda folder: begun_with(Unfinished(folder))), (ValueError,)),
    "shards": Target(".json", _shards, _inside("shards.json", _open_shards), (ValueError, FileNotFoundError)),
    "text": Target(".txt", _texts, _read_words, (ValueError,)),
}


def repaired(name: str, content: bytes) -> bytes:
    """The same with its checksums put right, so that what is behind them is reached too."""
    if name in ("checkpoint", "trained", "data"):
        return _with_right_crcs(content)
    return content


def _with_right_crcs(content: bytes) -> bytes:
    import zlib

    changed = bytearray(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
        for member in members:
            begin = member.header_offset
            begin += 30 + int.from_bytes(content[begin + 26 : begin + 28], "little")
            begin += int.from_bytes(content[member.header_offset + 28 : member.header_offset + 30], "little")
            right = zlib.crc32(content[begin : begin + member.file_size]).to_bytes(4, "little")
            changed[:] = changed.replace(member.CRC.to_bytes(4, "little"), right)
    except Exception:
        return content
    return bytes(changed)
