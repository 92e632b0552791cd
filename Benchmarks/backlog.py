"""Backlog: how vizd starts with 100,000 requests waiting.

Lays N requests into incoming/ before vizd starts, against a provider that never ends a task and with a few slots, so
that what is measured is finding, ordering and claiming. Looks when vizd is ready, when the first request is claimed,
when the order of all is known (the scan has ended: STATUS says how many wait), and what memory that took. Call it
through `scripts/bench backlog`.
"""

import argparse
import json
import re
import select
import sys
import time

import bench
import kernel
import rig


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench backlog", description=__doc__.split("\n\n")[0])
    parser.add_argument("--jobs", type=int, default=100_000, metavar="N", help="requests that wait (100000)")
    parser.add_argument("--users", type=int, default=1000, metavar="N", help="users who share them (1000)")
    parser.add_argument("--landed", type=int, default=0, metavar="N", help="jobs that have landed long ago (0)")
    return bench.arguments(parser)


def lay_landed(stand, jobs):
    """What months leave in done/: a start must not take longer for it."""
    done = stand.spool / "done"
    done.mkdir(parents=True)
    for number in range(jobs):
        for ending in (".json", ".result.json"):
            (done / f"old-{number:07}{ending}").write_text("{}")


def empty_start(stand, provider):
    """Memory of a vizd that has nothing to do, and how long it took to be ready."""
    vizd = stand.run_vizd(provider, {})
    time.sleep(1)
    memory, ready = kernel.proportional(vizd.pid), stand.ready_after
    stand.end(vizd)
    return memory, ready


def lay(stand, jobs, users):
    stand.furnish({f"user-{number:05}": ["outfit"] for number in range(users)}, 1)
    for number in range(jobs):
        request = {"user_id": f"user-{number % users:05}", "outfit_id": "outfit"}
        (stand.spool / "incoming" / f"job-{number:07}.json").write_text(json.dumps(request))


# What vizd takes into its index at most (Incoming.Settings.queued); it looks again when a quarter of them is done.
INDEX = 200_000


def follow(stand, jobs):
    """Listens to STATUS until all but those at work wait. Answers seconds since the start."""
    jobs = min(jobs, INDEX)
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if not select.select([stand.ear], [], [], 0.5)[0]:
            continue
        found = re.search(rb"(\d+) in flight, (\d+) waiting", stand.ear.recv(4096))
        if found and int(found[1]) + int(found[2]) >= jobs:
            return time.monotonic() - stand.began
    raise rig.Broken("vizd did not say that it knows of all requests.")


def measure(chosen, stand):
    provider = stand.respond(100_000)
    if chosen.landed:
        lay_landed(stand, chosen.landed)
    empty, ready_empty = empty_start(stand, provider)
    lay(stand, chosen.jobs, chosen.users)
    begun = time.time()
    vizd = stand.run_vizd(provider, {"VIZD_LIMITS_IN_FLIGHT": "4", "VIZD_LOG_FORMAT": "json"})
    known = follow(stand, chosen.jobs)
    memory, spent = kernel.proportional(vizd.pid), kernel.cpu(vizd.pid)[0]
    claimed = first_claim(stand, begun)
    return [
        (f"start to READY, nothing waiting, {chosen.landed:,} landed", ready_empty * 1e3, "ms"),
        (f"start to READY, {chosen.jobs:,} waiting", stand.ready_after * 1e3, "ms"),
        ("start to the first claim", claimed * 1e3, "ms"),
        (f"start to the order of {min(chosen.jobs, INDEX):,} known", known * 1e3, "ms (STATUS is told once a second)"),
        ("CPU until then", spent.total * 1e3, "ms"),
        ("memory (PSS) with nothing waiting", empty / 1e6, "MB"),
        ("more memory with those that are known", (memory - empty) / 1e6, "MB"),
        ("the same a request", (memory - empty) / min(chosen.jobs, INDEX), "bytes"),
        ("file system", kernel.file_system(stand.folder), ""),
    ], []


def first_claim(stand, begun):
    """Seconds from the start to the first file of processing/, by its last rename."""
    names = list((stand.spool / "processing").glob("job-*.json"))
    moments = [name.stat().st_ctime for name in names if not name.name.endswith(".status.json")]
    if not moments:
        raise rig.Broken("Nothing was claimed.")
    return min(moments) - begun


if __name__ == "__main__":
    sys.exit(bench.main(options(), measure))
