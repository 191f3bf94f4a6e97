"""Files are served from a local folder through file:// addresses, or by a server on this computer: no network is needed."""

import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tinymm.data.download import RemoteFile, cache_folder, fetch_file, find_file

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
    assert left(path.parent) == ["data.bin"]


def left(folder):
    """What lies in a folder of the cache, beside the lock."""
    return sorted(set(os.listdir(folder)) - {".lock"})


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
        (CONTENT[:-1], "has 255999 bytes, expected 256000"),
        (CONTENT + b"!", "has 256001 bytes, expected 256000"),
        (b"!" + CONTENT[1:], "SHA-256 is"),
    ],
)
def test_a_wrong_download_leaves_nothing_behind(server, tmp_path, content, words):
    with pytest.raises(ConnectionError, match=words):
        fetch_file(FILE, "things", [server(content)], tmp_path / "cache")
    assert left(tmp_path / "cache" / "things") == []


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


class Web:
    """A server on this computer: `content` as it is, `ranges` whether it can begin in the middle, `sent` after how many
    bytes it breaks off, `length` whether it tells the size. `asked` collects the Range headers."""

    def __init__(self):
        self.content, self.ranges, self.sent, self.length = CONTENT, True, None, True
        self.range_answer = None  # another Content-Range than the right one
        self.asked, self.go_on = [], threading.Event()
        self.go_on.set()
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                web.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *arguments: None  # a killed client breaks its connection
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        if start >= len(self.content) > 0:
            request.send_error(416)
            return
        body = self.content[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header(
                "Content-Range", self.range_answer or f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            )
        if self.length:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        half = body if self.sent is None else body[: self.sent]
        request.wfile.write(half[: len(half) // 2])
        request.wfile.flush()
        self.go_on.wait(20)
        request.wfile.write(half[len(half) // 2 :])


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web = Web()
    yield web
    web.go_on.set()
    web.server.shutdown()
    web.server.server_close()


def test_a_download_that_broke_off_goes_on_where_it_stopped(web, tmp_path):
    web.sent = 100_000
    with pytest.raises(ConnectionError, match="ended after 100000 of 256000 bytes: try again to go on from there"):
        fetch_file(FILE, "things", [web.address], tmp_path)
    assert left(tmp_path / "things") == ["data.bin.part"]
    web.sent = None
    assert fetch_file(FILE, "things", [web.address], tmp_path).read_bytes() == CONTENT
    assert web.asked == [None, "bytes=100000-"] and left(tmp_path / "things") == ["data.bin"]


def test_the_next_address_goes_on_where_the_first_stopped(web, server, tmp_path):
    web.sent = 100_000
    path = fetch_file(FILE, "things", [web.address, server()], tmp_path / "cache")
    assert path.read_bytes() == CONTENT


def test_a_server_that_cannot_begin_in_the_middle_sends_the_whole(web, tmp_path):
    web.ranges = False
    begun(tmp_path, CONTENT[:1000])
    assert fetch_file(FILE, "things", [web.address], tmp_path).read_bytes() == CONTENT
    assert web.asked == ["bytes=1000-"]


def begun(cache, content):
    (cache / "things").mkdir()
    (cache / "things" / "data.bin.part").write_bytes(content)


@pytest.mark.parametrize("answer", ["bytes 7-255999/256000", "bytes */256000", "lines 1000-2000/3000", "nonsense"])
def test_a_server_that_sends_another_part_is_asked_for_the_whole(web, tmp_path, answer):
    web.range_answer = answer
    begun(tmp_path, CONTENT[:1000])
    assert fetch_file(FILE, "things", [web.address], tmp_path).read_bytes() == CONTENT
    assert web.asked == ["bytes=1000-", None]


@pytest.mark.parametrize("beginning", [b"<html>Please log in</html>", CONTENT[1:], CONTENT + b"more"])
def test_a_wrong_beginning_is_given_up(web, tmp_path, beginning):
    begun(tmp_path, beginning)
    assert fetch_file(FILE, "things", [web.address], tmp_path).read_bytes() == CONTENT
    assert left(tmp_path / "things") == ["data.bin"]


def test_a_complete_beginning_needs_no_server(tmp_path):
    begun(tmp_path, CONTENT)
    assert fetch_file(FILE, "things", ["http://127.0.0.1:9"], tmp_path).read_bytes() == CONTENT


def test_a_file_that_shrank_on_the_server(web, tmp_path):
    web.content = CONTENT[:500]
    begun(tmp_path, CONTENT[:1000])
    with pytest.raises(ConnectionError, match="has 500 bytes, expected 256000"):
        fetch_file(FILE, "things", [web.address], tmp_path)
    assert web.asked == ["bytes=1000-", None]


def test_a_server_that_tells_no_size(web, tmp_path):
    web.length = False
    assert fetch_file(FILE, "things", [web.address], tmp_path).read_bytes() == CONTENT


def test_a_server_without_an_end(web, tmp_path):
    web.length, web.content = False, CONTENT * 3
    with pytest.raises(ConnectionError, match="more than the 256000 bytes expected"):
        fetch_file(FILE, "things", [web.address], tmp_path)
    assert left(tmp_path / "things") == []


def test_a_wrong_file_on_the_server(web, tmp_path):
    web.content = bytes(len(CONTENT))
    with pytest.raises(ConnectionError) as caught:
        fetch_file(FILE, "things", [web.address], tmp_path)
    assert "SHA-256 is" in str(caught.value) and "\n" not in str(caught.value)
    assert left(tmp_path / "things") == []


def test_a_server_without_the_file(web, tmp_path, monkeypatch):
    monkeypatch.setattr(web, "answer", lambda request: request.send_error(404))
    with pytest.raises(ConnectionError, match="HTTP 404 Not Found"):
        fetch_file(FILE, "things", [web.address], tmp_path)


FETCH = """
import sys
from tinymm.data.download import RemoteFile, fetch_file
name, size, sha256, address, cache = sys.argv[1:]
print("ready", flush=True)
print(fetch_file(RemoteFile(name, int(size), sha256), "things", [address], cache))
"""


def process(web, cache):
    command = [sys.executable, "-c", FETCH, FILE.name, str(FILE.size), FILE.sha256, web.address, str(cache)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(condition):
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def test_two_processes_share_one_download(web, tmp_path):
    web.go_on.clear()
    first = process(web, tmp_path)
    until(lambda: web.asked)
    second = process(web, tmp_path)  # comes while the first is in the middle
    assert (first.stdout.readline(), second.stdout.readline()) == ("ready\n", "ready\n")
    threading.Event().wait(0.2)
    web.go_on.set()
    for one in (first, second):
        out, error = one.communicate(timeout=30)
        assert one.returncode == 0, error
        assert Path(out.strip()).read_bytes() == CONTENT
    assert web.asked == [None] and left(tmp_path / "things") == ["data.bin"]


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_a_process_that_was_killed_leaves_a_beginning(web, tmp_path):
    web.go_on.clear()
    first = process(web, tmp_path)
    part = tmp_path / "things" / "data.bin.part"
    until(lambda: part.exists() and part.stat().st_size > 0)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=30)
    web.go_on.set()
    assert fetch_file(FILE, "things", [web.address], tmp_path).read_bytes() == CONTENT
    assert len(web.asked) == 2 and web.asked[1].startswith("bytes=")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_sentence(web, tmp_path):
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "data.bin.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"cannot write .*No space left.*0\.3 MB; make room, or choose.*data_home"):
        fetch_file(FILE, "things", [web.address], tmp_path)


def packed(content):
    """What is in a toy archive: all but the first byte, which differs each time it is packed."""
    return RemoteFile("data.bin", len(CONTENT), hashlib.sha256(content[1:]).hexdigest(), "v1.bin", (), unpacked_digest)


def unpacked_digest(path):
    content = path.read_bytes()
    if content[:1] not in (b"A", b"B"):
        raise ValueError("is damaged or incomplete")
    return hashlib.sha256(content[1:]).hexdigest()


def test_an_archive_that_is_packed_anew_is_known_by_what_is_in_it(web, tmp_path, monkeypatch):
    file = packed(b"A" + CONTENT)
    for first in (b"A", b"B"):
        web.content = first + CONTENT
        cache = tmp_path / first.decode()
        assert fetch_file(file, "things", [web.address], cache).read_bytes() == web.content
        assert find_file(file, "things", cache)
    for wrong, words in ((b"A" + CONTENT[1:], "SHA-256 is"), (b"C" + CONTENT, "is damaged or incomplete")):
        web.content = wrong
        with pytest.raises(ConnectionError, match=words):
            fetch_file(file, "things", [web.address], tmp_path / "wrong")
        assert left(tmp_path / "wrong" / "things") == []
    (tmp_path / "own" / "things").mkdir(parents=True)
    (tmp_path / "own" / "things" / "data.bin").write_bytes(b"C")
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path / "own"))
    with pytest.raises(ValueError, match=r"data\.bin is damaged or incomplete: replace it"):
        fetch_file(file, "things", [], tmp_path)


def test_other_known_copies_count_in_ones_own_folder_only(tmp_path, monkeypatch):
    copy = b"the same samples, other line ends"
    file = RemoteFile("data.bin", FILE.size, FILE.sha256, also=(hashlib.sha256(copy).hexdigest(),))
    begun(tmp_path, b"")
    (tmp_path / "things" / "data.bin").write_bytes(copy)
    assert find_file(file, "things", tmp_path) is None
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path))
    assert find_file(file, "things") == tmp_path / "things" / "data.bin"
