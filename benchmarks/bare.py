"""The opponent without a queue: threads that post payloads with ``requests.Session``, one session each.

Run ``python -m benchmarks.bare URL COUNT THREADS``; prints the seconds that it took.
"""

from __future__ import annotations

import queue
import sys
import threading
import time

import requests

from benchmarks.payloads import payload


def run(url: str, count: int, threads: int) -> float:
    """Post ``count`` payloads, and return the seconds from the first to the last answer."""
    jobs: queue.SimpleQueue[dict[str, object] | None] = queue.SimpleQueue()
    ids: list[str] = []
    for number in range(count):
        jobs.put(payload(number))
    for _ in range(threads):
        jobs.put(None)
    crew = [threading.Thread(target=_post, args=(url, jobs, ids)) for _ in range(threads)]
    began = time.perf_counter()
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    seconds = time.perf_counter() - began
    if len(ids) != count:
        raise RuntimeError(f"{len(ids)} of {count} arrived")
    return seconds


def _post(url: str, jobs: queue.SimpleQueue[dict[str, object] | None], ids: list[str]) -> None:
    with requests.Session() as session:
        session.trust_env = False
        while (data := jobs.get()) is not None:
            response = session.post(url, json=data, timeout=10)
            response.raise_for_status()
            ids.append(response.json()["id"])


if __name__ == "__main__":
    print(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
