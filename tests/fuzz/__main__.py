"""Fuzz a parser, guided by which of its lines were reached; by hand, for as long as you like.

    pip install atheris && python -m tests.fuzz TARGET [options of libFuzzer, e.g. -max_total_time=60]

TARGET is one of those in `targets.py`. What goes wrong is written to a file named crash-…, oom-… or timeout-… here.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

# What parses: more of it would take minutes to instrument.
INSTRUMENTED = [
    *("tinymm.npz", "tinymm.checkpoint", "tinymm.prediction", "tinymm.data.idx", "tinymm.data.datasets.own"),
    *("tinymm.data.datasets.sounds", "tinymm.data.audio.sound", "tinymm.data.image.files", "tinymm.data.text"),
    *("tinymm.recipes", "zipfile", "tarfile", "gzip", "wave"),
]


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import TARGETS, repaired

    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"{__doc__}\ntargets: {', '.join(TARGETS)}")
    name = sys.argv.pop(1)
    target = TARGETS[name]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    (folder / "seeds").mkdir()
    for number, content in enumerate(target.seeds()):
        (folder / "seeds" / str(number)).write_bytes(content)
    path = folder / f"file{target.suffix}"

    def one(content: bytes) -> None:
        path.write_bytes(repaired(name, content))
        with contextlib.suppress(*target.errors):
            target.parse(path)

    options = ["-rss_limit_mb=2048", "-timeout=20", "-max_len=20000"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(folder / "seeds")], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
