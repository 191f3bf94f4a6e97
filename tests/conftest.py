"""What all tests rely on."""

import signal

import pytest

# A shell that starts tests in the background has them ignore Ctrl-C; some tests, and the processes they start, must not.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def quick_pictures():
    """Runs draw all their pictures, but lay none out: for a run of a second, that takes most of it.

    That they come out as files is seen to in test_cli.py, test_plots.py and plots/.
    """
    from matplotlib.figure import Figure

    from tinymm import plots

    blank = plots.png(Figure(figsize=(1, 1)).add_subplot())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "png", lambda axes: blank)
        yield
