"""Threads that send requests for as long as a block lasts."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def run_threads(n_threads: int, run: Callable[[int, threading.Event], None]) -> Iterator[None]:
    """Run `run(number, stopping)` in threads; set `stopping` at the end of the block and join."""
    stopping = threading.Event()
    threads = [threading.Thread(target=run, args=(number, stopping)) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
