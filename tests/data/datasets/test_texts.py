"""Text sets: small files in the official forms stand for the real ones."""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tinymm.data.datasets import fetch_banking77, fetch_sentiment, fetch_trec, texts
from tinymm.data.download import RemoteFile

REVIEWS = {
    "amazon": "Good case, excellent value.\t1\nTab\tinside.\t0\n",
    "imdb": "A very slow movie.  \t0\nThe script is\x85was there a script?\t0\n",
    "yelp": "Wow... Loved this place.\t1\nCrème brûlée!\t1\n",
}


@pytest.fixture(autouse=True)
def no_own_folder(request, monkeypatch):
    if "real" not in request.node.name:
        monkeypatch.delenv("TINYMM_DATA", raising=False)


def remote(path):
    content = path.read_bytes()
    return RemoteFile(path.name, len(content), hashlib.sha256(content).hexdigest())


def official(monkeypatch, known, folder, contents):
    """Write files, and have them count as the official ones."""
    folder.mkdir(exist_ok=True)
    for key, content in contents.items():
        path = folder / getattr(texts, known)[key].name
        path.write_bytes(content)
        monkeypatch.setitem(getattr(texts, known), key, remote(path))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_sentences_end_at_line_feeds_only(tmp_path, monkeypatch, ends):
    contents = {site: text.replace("\n", ends).encode() for site, text in REVIEWS.items()}
    official(monkeypatch, "SENTIMENT_FILES", tmp_path / "sentiment", contents)
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path))
    data = fetch_sentiment()
    assert data.x.tolist() == [
        *("Good case, excellent value.", "Tab\tinside."),
        *("A very slow movie.", "The script is\x85was there a script?"),
        *("Wow... Loved this place.", "Crème brûlée!"),
    ]
    assert data.y.tolist() == [1, 0, 0, 0, 1, 1] and data.y.dtype == np.int64
    assert data.groups.tolist() == ["amazon", "amazon", "imdb", "imdb", "yelp", "yelp"]
    assert data.class_names == ("negative", "positive") and data.sense == "text"


def test_sentences_are_read_out_of_the_archive(tmp_path, monkeypatch):
    (tmp_path / "sentiment").mkdir()
    path = tmp_path / "sentiment" / texts.SENTIMENT_ARCHIVE.name
    with zipfile.ZipFile(path, "w") as archive:
        for site, text in REVIEWS.items():
            archive.writestr(f"sentiment labelled sentences/{texts.SENTIMENT_FILES[site].name}", text)
            archive.writestr(f"__MACOSX/sentiment labelled sentences/._{texts.SENTIMENT_FILES[site].name}", "junk")
    monkeypatch.setattr(texts, "SENTIMENT_ARCHIVE", remote(path))
    data = fetch_sentiment(tmp_path)
    assert len(data) == 6 and data.x[3] == "The script is\x85was there a script?"
    assert os.listdir(path.parent) == [path.name]  # nothing is unpacked


BANKING = {
    "names": b'["lost_card", "refund"]',
    "train": b'text,category\r\n"Where, oh where\nis my card?",lost_card\r\nMoney back,refund\r\n',
    "test": 'text,category\r\n"A ""refund"" in €",refund\r\n'.encode(),
}


def test_intents_are_numbered_in_the_official_order(tmp_path, monkeypatch):
    official(monkeypatch, "BANKING77_FILES", tmp_path / "banking77", BANKING)
    train = fetch_banking77("train", tmp_path)
    assert train.x.tolist() == ["Where, oh where\nis my card?", "Money back"] and train.y.tolist() == [0, 1]
    test = fetch_banking77("test", tmp_path)
    assert test.x.tolist() == ['A "refund" in €'] and test.y.tolist() == [1]
    assert test.class_names == ("lost_card", "refund")
    assert fetch_banking77("all", tmp_path).y.tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match="fetch_banking77: subset 'validation' is unknown"):
        fetch_banking77("validation", tmp_path)


def test_questions_have_coarse_and_fine_topics(tmp_path, monkeypatch):
    contents = {
        "train": "LOC:city Which city is a sister\xf0city ?\nDESC:manner How did it\x85 begin ?\n".encode("latin-1"),
        "test": b"NUM:dist How far is it ?\n",
    }
    official(monkeypatch, "TREC_FILES", tmp_path / "trec", contents)
    train = fetch_trec("train", data_home=tmp_path)
    assert train.x.tolist() == ["Which city is a sister\xf0city ?", "How did it\x85 begin ?"]
    assert [train.class_names[label] for label in train.y] == ["LOC", "DESC"] and len(train.class_names) == 6
    fine = fetch_trec("all", fine=True, data_home=tmp_path)
    assert [fine.class_names[label] for label in fine.y] == ["LOC:city", "DESC:manner", "NUM:dist"]
    assert len(set(fine.class_names)) == 50
    with pytest.raises(ValueError, match="fetch_trec: subset 'dev' is unknown"):
        fetch_trec("dev", data_home=tmp_path)


@pytest.mark.parametrize("fetch", [fetch_sentiment, fetch_banking77, fetch_trec])
def test_without_files_and_network_the_message_says_where_to_put_them(fetch, tmp_path, monkeypatch):
    for addresses in ("SENTIMENT_ADDRESSES", "BANKING77_ADDRESSES", "TREC_ADDRESSES"):
        monkeypatch.setattr(texts, addresses, ((tmp_path / "nowhere").as_uri(),))
    with pytest.raises(ConnectionError, match=r"put the file at .* or set TINYMM_DATA"):
        fetch(data_home=tmp_path)


def real(folder):
    if not Path(os.environ.get("TINYMM_DATA", ""), folder).is_dir() or "TINYMM_DATA" not in os.environ:
        pytest.skip(f"TINYMM_DATA names no folder with {folder}")


def test_the_real_sentences():
    real("sentiment")
    data = fetch_sentiment()
    assert len(data) == 3000 and np.bincount(data.y).tolist() == [1500, 1500]
    assert [int((data.groups == site).sum()) for site in ("amazon", "imdb", "yelp")] == [1000] * 3
    assert sum("\x85" in text for text in data.x) == 2 and not any("\n" in t or "\r" in t for t in data.x)


def test_the_real_requests():
    real("banking77")
    train, test = fetch_banking77("train"), fetch_banking77("test")
    assert (len(train), len(test), len(train.class_names)) == (10_003, 3080, 77)
    assert np.bincount(test.y).tolist() == [40] * 77 and train.class_names[0] == "card_arrival"
    assert train.x[0] == "I am still waiting on my card?" and train.class_names[train.y[0]] == "card_arrival"


def test_the_real_questions():
    real("trec")
    train, test = fetch_trec("train"), fetch_trec("test", fine=True)
    assert (len(train), len(test)) == (5452, 500) and len(set(train.y)) == 6
    assert np.bincount(train.y).tolist() == [86, 1162, 1250, 1223, 835, 896]
    assert test.class_names[test.y[0]] == "NUM:dist" and test.x[0] == "How far is it from Denver to Aspen ?"
    assert len(set(fetch_trec("all", fine=True).y)) == 50
