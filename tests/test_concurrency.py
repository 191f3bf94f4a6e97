"""Threads and processes: right results, no abort, no deadlock, wherever a model is used.

tinymm shares its work among plain Python threads of its own (`tinymm.kernels.threads`), never through Numba's threading
layers, of which one aborts the process when two threads meet in it and another does not survive a fork. So whichever
layer is chosen must make no difference; the last tests see to that.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm import nn

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(tm.__file__).parents[1]), "TINYMM_NUM_THREADS": "3"}
LIMIT = 120  # seconds after which a process counts as deadlocked


def learn(seed=0, steps=3):
    """Every kind of kernel: convolution, pooling, a recurrence, products, softmax, an optimiser. The weights' bytes."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((32, 1, 14, 14)).astype(np.float32), rng.integers(0, 10, 32)
    convolution, lstm, dense = nn.Conv2d(1, 16, 3), nn.LSTM(36, 24), nn.Linear(24, 10)
    parameters = [*convolution.parameters(), *lstm.parameters(), *dense.parameters()]
    for parameter in parameters:  # tinymm's own random numbers are shared by all threads
        parameter.data[...] = rng.uniform(-0.2, 0.2, parameter.shape)
    optimizer = tm.optim.Adam(parameters, 0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        maps = F.max_pool2d(F.relu(convolution(x)), 2)
        _, (state, _) = lstm(maps.reshape(32, 16, 36))
        loss = F.cross_entropy(dense(state), y)
        loss.backward()
        optimizer.step()
    return b"".join(parameter.data.tobytes() for parameter in parameters)


@pytest.fixture(scope="module")
def expected():
    return [learn(seed) for seed in range(8)]


@pytest.fixture
def several_threads():
    before = tm.get_num_threads()
    tm.set_num_threads(3)
    yield
    tm.set_num_threads(before)


def test_eight_threads_at_once(several_threads, expected):
    """All begin at the same moment, and no two may mix up gradients, scratch memory or shards."""
    barrier, found = threading.Barrier(8), [[] for _ in range(8)]

    def work(seed):
        barrier.wait()
        for _ in range(3):
            found[seed].append(learn(seed))

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(LIMIT)
    assert found == [[weights] * 3 for weights in expected]


def test_thread_pool_executor(several_threads, expected):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(learn, range(8), timeout=LIMIT)) == expected


def test_no_grad_in_one_thread_is_not_felt_in_another():
    inside, done = threading.Event(), threading.Event()

    def other():
        with tm.no_grad():
            inside.set()
            done.wait(LIMIT)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(LIMIT)
    try:
        assert (tm.tensor([1.0], requires_grad=True) * 2).requires_grad
    finally:
        done.set()
        thread.join()


METHODS = [method for method in ("fork", "spawn", "forkserver") if method in multiprocessing.get_all_start_methods()]


@pytest.mark.parametrize("method", METHODS)
def test_processes(several_threads, expected, method):
    """After the parent has used its helper threads, which a forked child does not have."""
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        assert list(pool.map(learn, range(3), timeout=LIMIT)) == expected[:3]
    assert learn(3) == expected[3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_while_another_thread_draws_random_numbers():
    tm.manual_seed(3)
    with tm.random.generator().bit_generator.lock:  # as a thread that draws holds it
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # ends a child that hangs
            drawn = []
            drawing = threading.Thread(target=lambda: drawn.append(tm.random.generator().random()))
            drawing.start()
            drawing.join()
            os._exit(len(drawn) - 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


class Slow:
    """A gradient to which another is added at leisure."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __add__(self, other):
        self.begun.set()
        self.go_on.wait(LIMIT)
        return other


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_while_another_thread_adds_a_gradient():
    leaf = tm.tensor([1.0], requires_grad=True)
    leaf.grad = slow = Slow()
    adding = threading.Thread(target=lambda: (leaf * 2).sum().backward())
    adding.start()
    assert slow.begun.wait(LIMIT)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends a child that hangs
        own = tm.tensor([3.0], requires_grad=True)
        (own * own).sum().backward()
        os._exit(0 if own.grad.item() == 6 else 1)
    _, status = os.waitpid(child, 0)
    slow.go_on.set()
    adding.join(LIMIT)
    assert os.waitstatus_to_exitcode(status) == 0 and leaf.grad.item() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_while_other_threads_compute(several_threads, expected):
    """The child has only the thread that forked; what the others were at must not hold it up."""
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            learn(1)

    workers = [threading.Thread(target=busy) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(3):
            child = os.fork()
            if child == 0:
                os._exit(0 if learn(0) == expected[0] else 1)
            until = time.monotonic() + LIMIT
            while not (ended := os.waitpid(child, os.WNOHANG))[0]:
                if time.monotonic() > until:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    pytest.fail("the child hangs")
                time.sleep(0.01)
            assert os.waitstatus_to_exitcode(ended[1]) == 0
    finally:
        stop.set()
        for worker in workers:
            worker.join(LIMIT)


def test_interrupted_as_a_notebook_is(several_threads, expected):
    """Ctrl-C again and again while kernels run: it arrives, and what comes afterwards is right."""
    interrupts = 0
    for delay in (0.001, 0.003, 0.005, 0.01, 0.02, 0.03):
        timer = threading.Timer(delay, lambda: signal.raise_signal(signal.SIGINT))
        try:
            timer.start()
            while True:
                learn(0)
        except KeyboardInterrupt:
            interrupts += 1
        timer.join()
    assert interrupts == 6 and learn(0) == expected[0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are signals")
def test_a_notebook_whose_kernel_is_interrupted():
    """A real kernel, interrupted in the midst of a training: the cell ends, and the next gives what it should."""
    jupyter = pytest.importorskip("jupyter_client", reason="needs the extra `lessons`")
    pytest.importorskip("ipykernel")
    manager, client = jupyter.manager.start_new_kernel(kernel_name="python3", env=ENVIRONMENT)

    def run(code, after=None):
        message = client.execute(code)
        if after is not None:
            time.sleep(after)
            manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=LIMIT)
        assert reply["parent_header"]["msg_id"] == message
        return reply["content"]

    try:
        path = str(Path(__file__).parent)
        ready = run(f"import sys; sys.path.insert(0, {path!r}); from test_concurrency import *; whole = learn()")
        assert ready["status"] == "ok", ready
        for after in (0.3, 0.05, 1.0):
            assert run("while True: learn()", after)["ename"] == "KeyboardInterrupt"
            assert run("assert learn() == whole")["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


CODE = """
import sys, warnings
sys.path.insert(0, {tests!r})
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import numba, numpy as np
from test_concurrency import learn

@numba.njit(parallel=True)
def in_parallel(x):
    total = 0.0
    for i in numba.prange(len(x)):
        total += x[i]
    return total

try:
    in_parallel(np.ones(1000))
except Exception:
    sys.exit(7)  # this machine does not have the layer
assert numba.threading_layer() == {layer!r}
with ThreadPoolExecutor(8) as pool:
    (weights,) = set(pool.map(learn, [0] * 8))
assert in_parallel(np.ones(1000)) == 1000
if "fork" in multiprocessing.get_all_start_methods():  # with the layer's own threads waiting in the parent
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        assert pool.submit(learn).result(60) == weights
"""


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["workqueue", "omp", "tbb"])
def test_numba_threading_layers_make_no_difference(layer):
    code = CODE.format(tests=str(Path(__file__).parent), layer=layer)
    libraries = str(Path(sys.prefix) / "lib")  # where pip puts tbb, and Numba does not look
    environment = ENVIRONMENT | {"NUMBA_THREADING_LAYER": layer, "LD_LIBRARY_PATH": libraries}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=LIMIT
    )
    if result.returncode == 7:
        pytest.skip(f"this machine has no {layer} layer")
    assert result.returncode == 0, result.stderr


IMPORT = """
import importlib, json, os, pkgutil, random, sys, warnings
import numpy as np

def settings():
    import matplotlib
    import numba
    return {
        "errstate": np.geterr(), "printing": {k: str(v) for k, v in np.get_printoptions().items()},
        "filters": [str(f) for f in warnings.filters], "backend": dict.__getitem__(matplotlib.rcParams, "backend") is
        matplotlib.rcsetup._auto_backend_sentinel, "rcParams": {k: str(v) for k, v in dict.items(matplotlib.rcParams)
        if k != "backend"}, "numba": {k: str(v) for k, v in vars(numba.core.config).items() if k.isupper()},
        "numpy random": str(np.random.get_state()[1][:9]), "random": str(random.getstate()[1][:9]),
        "environment": dict(os.environ), "path": sys.path, "recursion": sys.getrecursionlimit(),
        "signals": str(__import__("signal").getsignal(2)), "hook": str(sys.excepthook), "cwd": os.getcwd(),
    }

import matplotlib, numba
np.random.seed(3), random.seed(3)
before = settings()
import tinymm
for module in pkgutil.walk_packages(tinymm.__path__, "tinymm."):
    if not module.name.endswith(("__main__", "make_spoken_digits", "make_spoken_requests")):
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            print("left out:", error, file=sys.stderr)
after = settings()
print(json.dumps([name for name in before if before[name] != after[name]]))
"""


def test_importing_everything_changes_no_global_setting():
    result = subprocess.run([sys.executable, "-c", IMPORT], env=ENVIRONMENT, capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result


def test_import_is_light():
    heavy = {"numba", "matplotlib", "scipy", "tqdm", "soundfile", "PIL", "torch"}
    code = f"import sys, tinymm; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True).stdout.strip() == b"[]"
