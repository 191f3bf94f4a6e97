"""Files are served from a local folder through file:// addresses: no network is needed."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

from tinymm.data.download import RemoteFile, cache_folder, fetch_file

CONTENT = bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def no_own_folder(monkeypatch):
    monkeypatch.delenv("TINYMM_DATA", raising=False)


@pytest.fixture
def server(tmp_path):
    """Make a folder on the 'web' that holds data.bin with the given content; return its address."""

    def make(content=CONTENT, name="server"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "data.bin").write_bytes(content)
        return folder.as_uri()

    return make


FILE = RemoteFile("data.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def test_a_file_is_downloaded_once(server, tmp_path):
    address, cache = server(), tmp_path / "cache"
    path = fetch_file(FILE, "things", [address], cache)
    assert path == cache / "things" / "data.bin" and path.read_bytes() == CONTENT
    assert fetch_file(FILE, "things", [], cache) == path  # no address is needed any more
    assert os.listdir(path.parent) == ["data.bin"]


def test_a_folder_of_ones_own_is_looked_in_first(tmp_path, monkeypatch):
    own = tmp_path / "own"
    (own / "things").mkdir(parents=True)
    (own / "things" / "data.bin").write_bytes(CONTENT)
    monkeypatch.setenv("TINYMM_DATA", str(own))
    assert fetch_file(FILE, "things", [], tmp_path / "cache") == own / "things" / "data.bin"


def test_a_wrong_file_in_ones_own_folder_is_named(tmp_path, monkeypatch):
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "data.bin").write_bytes(b"something else")
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"data\.bin has SHA-256 .* expected .* unset TINYMM_DATA"):
        fetch_file(FILE, "things", [], tmp_path)


def test_a_file_missing_in_ones_own_folder_is_downloaded(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path / "empty"))
    assert fetch_file(FILE, "things", [server()], tmp_path).read_bytes() == CONTENT


def test_a_damaged_copy_in_the_cache_is_replaced(server, tmp_path):
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "data.bin").write_bytes(CONTENT[:100])
    assert fetch_file(FILE, "things", [server()], tmp_path).read_bytes() == CONTENT


def test_the_next_address_is_tried(server, tmp_path):
    gone = (tmp_path / "gone").as_uri()
    path = fetch_file(FILE, "things", [gone, server(CONTENT[:-1], "short"), server()], tmp_path / "cache")
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CONTENT[:-1], "ended after 255999 of 256000 bytes"),
        (CONTENT + b"!", "more than the 256000 bytes"),
        (b"!" + CONTENT[1:], "SHA-256 is"),
    ],
)
def test_a_wrong_download_leaves_nothing_behind(server, tmp_path, content, words):
    with pytest.raises(ConnectionError, match=words):
        fetch_file(FILE, "things", [server(content)], tmp_path / "cache")
    assert os.listdir(tmp_path / "cache" / "things") == []


def test_without_network_the_message_says_where_to_put_the_file(tmp_path):
    with pytest.raises(ConnectionError) as caught:
        fetch_file(FILE, "things", [(tmp_path / "gone").as_uri()], tmp_path / "cache")
    message = str(caught.value)
    assert "could not download data.bin" in message
    assert str(tmp_path / "cache" / "things" / "data.bin") in message
    assert "TINYMM_DATA" in message and "things/data.bin" in message


def test_a_cache_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match=r"cannot make the folder .*data_home"):
        fetch_file(FILE, "things", [], tmp_path / "file")


def test_the_cache_folder_follows_the_xdg_specification(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "tinymm"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/path")
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == Path.home() / ".cache" / "tinymm"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "tinymm"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert cache_folder() == tmp_path / "tinymm"
