"""Run as a process: reads the marts without pause, and says so when it sees an error or two publications at once.

Arguments: a database URL and `repeatable read` or `read committed`. Each transaction reads three times, with a pause
between, by plain and by prepared statements. Ends when its standard input closes; prints one JSON line.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import psycopg

PLAIN = "select marker from marts.count_of_things"
PREPARED = "select count(*), min(marker), max(marker) from marts.dim_things where marker >= %s"


def main(url: str, isolation: str) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    reads, mixed, seen, longest = 0, [], [], 0.0
    with psycopg.connect(url, autocommit=True, application_name="a reader") as connection:
        while not ended.is_set():
            connection.execute(f"begin isolation level {isolation}")
            begun = time.perf_counter()
            (one,) = connection.execute(PLAIN).fetchone()
            time.sleep(0.01)
            things, low, high = connection.execute(PREPARED, [0], prepare=True).fetchone()
            time.sleep(0.01)
            (again,) = connection.execute(PLAIN).fetchone()
            longest = max(longest, time.perf_counter() - begun)
            connection.execute("commit")
            reads += 1
            if not (one == low == high == again) or not things:
                mixed.append([one, low, high, again, things])
            if one not in seen:
                seen.append(one)
    print(json.dumps({"reads": reads, "mixed": mixed, "seen": seen, "longest": round(longest, 3)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
