"""Work handed out: the same on one machine and on a real Dask cluster, also when a worker dies."""

from __future__ import annotations

import builtins
import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conftest import TOY
from recohort.cli import main
from recohort.files import InputError
from recohort.solve.workers import cluster, local

LEDGER = Path(__file__).with_name("fixtures") / "small_ledger.yaml"


def square(number: int) -> int:
    return number * number


def slow_square(number: int) -> int:
    time.sleep(0.05)
    return number * number


@pytest.mark.parametrize("jobs", [1, 2])
def test_numbers_come_back_with_their_results(jobs: int) -> None:
    assert dict(local(jobs)(square, iter(range(7)))) == {n: n * n for n in range(7)}


def test_numbers_are_taken_as_work_goes_on() -> None:
    """Whoever hands them out may stop: two processes take two ahead at most."""
    taken: list[int] = []
    stop = False

    def numbers() -> Iterator[int]:
        for number in range(1000):
            if stop:
                return
            taken.append(number)
            yield number

    done = []
    for number, _ in local(2)(slow_square, numbers()):
        done.append(number)
        stop = stop or len(done) >= 3
    assert sorted(done) == taken
    assert len(taken) < 20


KILLED = """
import os, sys, time
from recohort.solve.workers import local

def wait(number):
    print(os.getpid(), flush=True)
    time.sleep(60)

list(local(2)(wait, iter(range(2))))
"""


def test_workers_end_when_their_command_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED, "utf-8")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = [int(process.stdout.readline()) for _ in range(2)]
        process.kill()
        until = time.monotonic() + 20
        while (left := list(filter(_runs, workers))) and time.monotonic() < until:
            time.sleep(0.1)
    for worker in left:
        os.kill(worker, signal.SIGKILL)
    assert not left


def _runs(process: int) -> bool:
    """Whether a process is there and not merely waits to be buried."""
    try:
        state = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# --- a cluster ---------------------------------------------------------------------------


def test_nobody_at_the_address(tmp_path: Path, capsys) -> None:
    with closing(socket.socket()) as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        out = tmp_path / "e.parquet"
        assert main(["sample", f"--ledger={LEDGER}", f"--out={out}", f"--scheduler={address}"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"--scheduler {address}: no Dask scheduler answers" in err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def no_clients_left() -> None:
    """Collect clients that found no scheduler.

    Collected later, in the thread of the next one, they would wait for a lock that is held until that thread
    has started.
    """
    gc.collect()


@pytest.mark.usefixtures("no_clients_left")
@pytest.mark.parametrize("address", ["nonsense", "tcp://", "gopher://x:1", "tcp://127.0.0.1:notaport"])
def test_no_address(address: str) -> None:
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        list(cluster(address)(square, iter([1])))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "distributed":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'recohort\[cluster\]'"):
        list(cluster("tcp://127.0.0.1:1")(square, iter([1])))


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A real scheduler and two worker processes of one thread."""
    address = f"tcp://127.0.0.1:{free_port()}"
    options = ["--no-nanny", "--nthreads=1", "--no-dashboard", f"--local-directory={tmp_path}"]
    head = start("distributed.cli.dask_scheduler", f"--host={address}", "--no-dashboard")
    hands = [start("distributed.cli.dask_worker", address, *options) for _ in range(2)]
    try:
        yield address, hands
    finally:
        for process in (*hands, head):
            process.kill()
            process.communicate()


@pytest.mark.slow
def test_a_worker_is_killed_and_nothing_is_lost_or_doubled(
    scheduler: tuple[str, list[subprocess.Popen[str]]], tmp_path: Path
) -> None:
    address, hands = scheduler
    out, here = tmp_path / "cluster.parquet", tmp_path / "here.parquet"
    ledger = tmp_path / "toy.yaml"
    ledger.write_text(TOY, encoding="utf-8")
    command = ["sample", f"--ledger={ledger}", "-n120"]
    process = start("recohort", *command, f"--out={out}", f"--scheduler={address}")
    kept = tmp_path / "cluster.parquet.starts"
    until = time.monotonic() + 120
    while len(list(kept.glob("start-*.parquet"))) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    assert process.poll() is None  # midway
    os.kill(hands[0].pid, signal.SIGKILL)
    _, complaint = process.communicate(timeout=300)
    assert process.returncode == 0, complaint
    assert hands[1].poll() is None
    assert main([*command, f"--out={here}", "--jobs=2"]) == 0
    assert out.read_bytes() == here.read_bytes()
