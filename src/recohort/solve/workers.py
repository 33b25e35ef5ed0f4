"""Where starts are computed: in processes of this machine, or by the workers of a Dask cluster.

Both take a function of a whole number and the numbers to call it for, and give back each number with its
result as soon as it is there, in whatever order. Numbers are taken one at a time while work goes on, so
whoever hands them out may stop at any time.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar

from joblib import Parallel, delayed

from recohort.files import InputError

__all__ = ["Function", "Workers", "cluster", "local"]

_Result = TypeVar("_Result")
Function = Callable[[int], _Result]
Workers = Callable[[Function[_Result], Iterator[int]], Iterator[tuple[int, _Result]]]

PATIENCE = "5s"
"""How long to knock at a scheduler's door."""
WAIT = 30
"""Seconds to wait for its first worker."""


def local(jobs: int) -> Workers[_Result]:
    """Return workers that are processes of this machine, so many at a time."""

    def run(function: Function[_Result], numbers: Iterator[int]) -> Iterator[tuple[int, _Result]]:
        if jobs == 1:
            yield from map(partial(_numbered, function), numbers)
            return
        parallel = Parallel(jobs, return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1)
        with _deaf_to_ctrl_c():
            results = parallel(delayed(_in_process)(function, number) for number in numbers)
        yield from results

    return run


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Let processes that are started meanwhile ignore Ctrl-C: this one hears it, and ends them.

    It reaches every process of a terminal, and each would complain in its own way. What they ignore from
    their start on they inherit; so for that moment this process has to ignore it, too.
    """
    if threading.current_thread() is not threading.main_thread():  # no other may change this
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_process(function: Function[_Result], number: int) -> tuple[int, _Result]:
    _end_with_parent()
    return _numbered(function, number)


@cache
def _end_with_parent() -> None:
    """Let this process end soon after the one that started it, also if that one was killed."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _numbered(function: Function[_Result], number: int) -> tuple[int, _Result]:
    return number, function(number)


def cluster(address: str) -> Workers[_Result]:
    """Return workers that a Dask scheduler knows; what a worker had when it died is given to another.

    Parameters
    ----------
    address : str
        Of the scheduler, as ``tcp://host:8786``. Its workers need this package.

    Raises
    ------
    InputError
        When used: if `dask.distributed` is not installed, or nobody answers at the address.
    """

    def run(function: Function[_Result], numbers: Iterator[int]) -> Iterator[tuple[int, _Result]]:
        try:
            from distributed import CancelledError, Client, KilledWorker, as_completed
        except ImportError:
            raise InputError(
                "--scheduler needs dask.distributed; install it with: pip install 'recohort[cluster]'"
            ) from None
        try:
            client: Any = Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"--scheduler {address[:200]}: no Dask scheduler answers ({error})") from None
        with client:
            try:
                client.wait_for_workers(1, timeout=WAIT)
            except TimeoutError:
                raise InputError(f"--scheduler {address[:200]}: no worker within {WAIT} seconds") from None
            submit = partial(client.submit, _numbered, function, pure=False)
            places = sum(client.ncores().values())
            first = [submit(number) for number in itertools.islice(numbers, places)]
            running: Any = as_completed(first, loop=client.loop)  # type: ignore[no-untyped-call]
            for future in running:
                for number in itertools.islice(numbers, 1):
                    running.add(submit(number))
                try:
                    yield future.result()
                except (CancelledError, KilledWorker):
                    raise InputError(
                        f"--scheduler {address[:200]}: the cluster was lost; what was finished is kept, "
                        "so start it and run the same command again"
                    ) from None

    return run
