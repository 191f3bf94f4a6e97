"""`tinymm data list` and `tinymm data fetch`: which data sets there are, and getting them."""

from __future__ import annotations

import argparse

EXAMPLES = """\
examples:
  tinymm data list                      all data sets, and which are on this computer
  tinymm data fetch fsdd trec           download two of them; what was cut off goes on where it stopped
  TINYMM_DATA=/my/data tinymm data list look in a folder of your own first: /my/data/fsdd/recordings.tar.gz, …
"""


def add_data(commands: argparse._SubParsersAction) -> None:
    """Add the command `data` to the parser."""
    data = commands.add_parser(
        "data",
        help="list the data sets, and fetch them",
        description="The data sets by name: some come with the package, the others are downloaded once and checked.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data.set_defaults(run=lambda options: data.print_help() or 0)
    actions = data.add_subparsers(metavar="ACTION")
    listing = actions.add_parser(
        "list",
        help="show all data sets",
        description="Show name, sense, samples (and how many are the official test set), classes, size, licence, place.",
    )
    listing.set_defaults(run=_list)
    fetching = actions.add_parser(
        "fetch", help="download data sets", description="Download data sets into the cache, check and open them."
    )
    fetching.add_argument("names", nargs="+", metavar="NAME", help="as `tinymm data list` shows them")
    fetching.set_defaults(run=_fetch)


def _list(options: argparse.Namespace) -> int:
    from tinymm.data.datasets import CATALOGUE
    from tinymm.data.download import cache_folder

    rows = [("name", "sense", "samples", "test", "classes", "size", "licence", "where")]
    for entry in CATALOGUE.values():
        numbers = (f"{entry.samples:,}", f"{entry.test:,}" if entry.test else "", f"{entry.classes}", _size(entry.size))
        rows.append((entry.name, entry.sense, *numbers, entry.licence, entry.where()))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:>{widths[i]}}" if 2 <= i <= 5 else f"{cell:<{widths[i]}}" for i, cell in enumerate(row)]
        print("  ".join(cells).rstrip())
    print(f"The cache is {cache_folder()}.")
    return 0


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def _fetch(options: argparse.Namespace) -> int:
    from tinymm.data.datasets import CATALOGUE
    from tinymm.data.datasets.catalogue import suggestion

    for name in options.names:  # all names before the first download
        if name not in CATALOGUE:
            raise ValueError(f"there is no data set {name!r}: {suggestion(name, CATALOGUE)}")
    for name in dict.fromkeys(options.names):
        entry = CATALOGUE[name]
        try:
            data = entry.load()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"`tinymm data fetch {name}` goes on where it stopped") from None
        print(f"{data!r} {entry.where()}")
    return 0
