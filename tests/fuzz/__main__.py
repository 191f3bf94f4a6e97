"""Fuzz a parser, guided by which of its lines were reached; by hand, for as long as you like.

    pip install atheris && python -m tests.fuzz TARGET [options of libFuzzer, e.g. -max_total_time=60]

TARGET is one of those in `targets.py`. What goes wrong is written to a file named crash-…, oom-… or timeout-… here; what
was found so far is in README.md.
"""

import contextlib
import re
import sys
import tempfile
from pathlib import Path

INSTRUMENTED = ["tinymm", "zipfile", "tarfile", "gzip", "wave", "PIL"]
KERNELS = Path(__file__).parents[2] / "tinymm" / "kernels"  # Numba compiles them, and cannot if they are instrumented


def words(seeds: list[bytes]) -> set[str]:
    """The names and values of JSON files, as libFuzzer's dictionaries have them: changed at random, few would be left."""
    found = {word for seed in seeds for word in re.findall(rb'"[^"\\]*"|[\w.+-]+', seed)}
    junk = {b"NaN", b"Infinity", b"1e999", b"-1", b"[]", b"{}", b"null", b'"x"', b"9" * 30}
    return {'"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in found | junk}


def main() -> None:
    import atheris

    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    kernels = [f"tinymm.kernels.{path.stem}" for path in KERNELS.glob("*.py")]
    with atheris.instrument_imports(include=INSTRUMENTED, exclude=kernels):
        from tests.fuzz.targets import TARGETS, repaired

        if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
            sys.exit(f"{__doc__}\ntargets: {', '.join(TARGETS)}")
        name = sys.argv.pop(1)
        target = TARGETS[name]
        seeds = folder / "seeds"
        seeds.mkdir()
        for number, content in enumerate(target.seeds()):
            (seeds / f"{number}{target.suffix}").write_bytes(content)
            with contextlib.suppress(*target.errors):  # what is first loaded by reading a file is instrumented too
                target.parse(seeds / f"{number}{target.suffix}")
    options = ["-rss_limit_mb=2048", "-timeout=20", "-max_len=20000"]
    if target.suffix == ".json":
        (folder / "words").write_text("\n".join(sorted(words(target.seeds()))))
        options.append(f"-dict={folder / 'words'}")
    path = folder / f"file{target.suffix}"

    def one(content: bytes) -> None:
        path.write_bytes(repaired(name, content))
        with contextlib.suppress(*target.errors):
            target.parse(path)

    atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(folder / "seeds")], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
