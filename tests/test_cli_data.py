"""`tinymm data` as a person uses it."""

import pytest

from tinymm.cli import main
from tinymm.data.datasets import CATALOGUE, texts


@pytest.fixture(autouse=True)
def nothing_here(tmp_path, monkeypatch):
    monkeypatch.delenv("TINYMM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_list_shows_every_set_and_where_it_is(capsys, tmp_path):
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == list(CATALOGUE)
    assert lines[1].split() == ["digits", "image", "1,797", "10", "45", "kB", "CC", "BY", "4.0", "bundled"]
    assert next(line for line in lines if line.startswith("mnist ")).endswith("not fetched")
    assert str(tmp_path / "cache" / "tinymm") in lines[-1]
    assert not (tmp_path / "cache").exists()  # looking makes no folders


def test_what_is_bundled_needs_no_fetching(capsys, tmp_path):
    assert main(["data", "fetch", "digits", "digits"]) == 0
    out = capsys.readouterr().out
    assert out.count("UCI digits: 1,797 samples") == 1 and out.endswith("bundled\n")
    assert not (tmp_path / "cache").exists()


def served(monkeypatch, tmp_path):
    """Put a small set on a 'web' that is a folder."""
    from hashlib import sha256

    from tinymm.data.download import RemoteFile

    contents = {"train": b"LOC:city Which city ?\n", "test": b"NUM:dist How far ?\n"}
    for part, content in contents.items():
        (tmp_path / part).write_bytes(content)
        file = RemoteFile(part, len(content), sha256(content).hexdigest())
        monkeypatch.setitem(texts.TREC_FILES, part, file)
    monkeypatch.setattr(texts, "TREC_ADDRESSES", (tmp_path.as_uri(),))


def test_a_set_is_fetched_into_the_cache(capsys, tmp_path, monkeypatch):
    served(monkeypatch, tmp_path)
    assert main(["data", "fetch", "trec"]) == 0
    assert "TREC questions: 2 texts" in capsys.readouterr().out
    assert (tmp_path / "cache" / "tinymm" / "trec" / "train").is_file()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["trec", "mnits"], "there is no data set 'mnits': did you mean mnist?"),
        (["xyzzy"], "there is no data set 'xyzzy': choose one of digits, "),
    ],
)
def test_wrong_names_are_told_before_anything_is_fetched(capsys, tmp_path, names, words):
    assert main(["data", "fetch", *names]) == 2
    error = capsys.readouterr().err
    assert words in error and error.startswith("tinymm data: ") and error.count("\n") == 1
    assert not (tmp_path / "cache").exists()


def test_without_network_there_is_one_sentence(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "TREC_ADDRESSES", ((tmp_path / "gone").as_uri(),))
    assert main(["data", "fetch", "trec"]) == 2
    error = capsys.readouterr().err
    assert "could not download train_5500.label" in error and error.count("\n") == 1 and "put the file at" in error


def test_ctrl_c_says_how_to_go_on(capsys, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(texts, "fetch_file", interrupted)
    assert main(["data", "fetch", "trec"]) == 130
    assert "interrupted: `tinymm data fetch trec` goes on where it stopped" in capsys.readouterr().err


def test_without_an_action_the_help_is_shown(capsys):
    assert main(["data"]) == 0
    assert "tinymm data fetch" in capsys.readouterr().out
