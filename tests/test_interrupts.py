import signal
import threading

import pytest

from tinymm.interrupts import held_back


def test_ctrl_c_waits_for_the_end_of_the_block():
    usual, done = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("all of it")
    assert done == ["all of it"] and signal.getsignal(signal.SIGINT) is usual


def test_without_ctrl_c_nothing_happens():
    usual = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="own"), held_back():
        raise ValueError("its own error")
    assert signal.getsignal(signal.SIGINT) is usual


def test_other_threads_simply_run():
    done = []

    def work():
        with held_back():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_an_ignored_ctrl_c_stays_ignored():
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_back():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, usual)
