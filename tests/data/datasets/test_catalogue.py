import os

import pytest

from tinymm.data.datasets import CATALOGUE, open_dataset
from tinymm.data.datasets.catalogue import suggestion


@pytest.fixture(autouse=True)
def nothing_here(request, tmp_path, monkeypatch):
    if "real" not in request.node.name:
        monkeypatch.delenv("TINYMM_DATA", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.bundled])
def test_what_is_bundled_is_as_the_catalogue_says(name):
    entry = CATALOGUE[name]
    data = entry.load()
    assert entry.where() == "bundled" and 10_000 < entry.size < 10_000_000
    assert (data.sense, len(data), len(data.class_names)) == (entry.sense, entry.samples, entry.classes)
    assert data.licence == entry.licence or entry.sense == "all three"


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if not entry.bundled])
def test_the_real_sets_are_as_the_catalogue_says(name):
    entry = CATALOGUE[name]
    if not os.environ.get("TINYMM_DATA") or entry.where() != "in TINYMM_DATA":
        pytest.skip(f"TINYMM_DATA names no folder with {name}")
    data = entry.load()
    assert (data.sense, len(data), len(data.class_names)) == (entry.sense, entry.samples, entry.classes)
    assert data.licence == entry.licence and repr(data)


def test_where_a_set_is(tmp_path, monkeypatch):
    entry = CATALOGUE["trec"]
    assert entry.where() == "not fetched"
    folder = tmp_path / "cache" / "tinymm" / "trec"
    folder.mkdir(parents=True)
    (folder / "TREC_10.label.part").touch()
    assert entry.where() == "partly in cache"
    (folder / "TREC_10.label").touch()
    assert entry.where() == "partly in cache"
    (folder / "train_5500.label").touch()
    assert entry.where() == "in cache"
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path / "cache" / "tinymm"))
    assert entry.where() == "in TINYMM_DATA"


def test_unpacked_sentences_count_as_well(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path))
    entry = CATALOGUE["sentiment"]
    (tmp_path / "sentiment").mkdir()
    for file in entry.instead:
        assert entry.where() == "not fetched"
        (tmp_path / "sentiment" / file.name).touch()
    assert entry.where() == "in TINYMM_DATA"


def test_every_file_has_an_address_of_its_own_in_the_cache():
    files = {(entry.folder, file.name) for entry in CATALOGUE.values() for file in entry.files}
    assert len(files) == sum(len(entry.files) for entry in CATALOGUE.values())
    for entry in CATALOGUE.values():
        assert bool(entry.bundled) != bool(entry.files)
        for file in (*entry.files, *entry.instead):
            assert file.size > 0 and all(len(sha256) == 64 for sha256 in (file.sha256, *file.also))


@pytest.mark.parametrize(
    ("name", "words"),
    [("minst", "did you mean mnist?"), ("FSDD", "did you mean fsdd?"), ("zzz", "choose one of digits, ")],
)
def test_a_wrong_name_gets_the_closest_one(name, words):
    assert suggestion(name, CATALOGUE).startswith(words)


def test_sets_are_opened_by_name():
    assert len(open_dataset("digits")) == 1797 and open_dataset("spoken-digits").sense == "audio"
    with pytest.raises(FileNotFoundError, match=r"no data set or file 'digist': did you mean digits, or give a \.npz"):
        open_dataset("digist")
