"""Throughput: how many jobs a second one vizd brings to their end when the provider takes no time.

Drops N requests at once, each for an outfit of its own with three garments whose photos are ready; the provider (the
responder) ends every task at once with a picture of a few pixels. Every job is as durable as any: nothing is switched
off. Ends with 0 only if every request is complete, each with a task of its own. Call it through `scripts/bench
throughput`.
"""

import argparse
import collections
import json
import os
import signal
import subprocess
import sys
import time

import bench
import kernel
import rig


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench throughput", description=__doc__.split("\n\n")[0])
    number = parser.add_argument
    number("--jobs", type=int, default=5000, metavar="N", help="requests (5000)")
    number("--users", type=int, default=100, metavar="N", help="users who share them (100)")
    number("--slots", type=int, default=256, metavar="N", help="limits.inFlight (256)")
    number("--limit", type=float, default=600, metavar="S", help="give up after so long (600)")
    number("--beside", default="", metavar="COMMAND",
           help="watch vizd by this command while it works, such as 'strace -fc -o FILE -p PID'")
    return bench.arguments(parser)


class Spent:
    """What vizd, its workers and the provider have used so far."""

    def __init__(self, vizd, provider):
        self.own = kernel.cpu(vizd.pid)[0]
        ended = kernel.cpu(vizd.pid)[1]
        self.workers = sum((kernel.cpu(one)[0] for one in kernel.children(vizd.pid)), ended)
        self.switches, self.counts, self.machine = sum(kernel.switches(vizd.pid)), provider.counts(), kernel.machine()


def measure(chosen, stand):
    requests = bench.requests_of(stand, chosen.jobs, chosen.users)
    provider = stand.respond(0)
    vizd = stand.run_vizd(provider, {
        "VIZD_LIMITS_IN_FLIGHT": str(chosen.slots), "VIZD_LIMITS_PER_USER": str(chosen.slots), "VIZD_POLL_INITIAL": "0",
        "VIZD_LOG_LEVEL": "warning"})
    bench.warm(stand)
    watcher = watch(chosen.beside, vizd.pid)
    before = Spent(vizd, provider)
    for name, request in requests.items():
        (stand.spool / "tmp" / f"{name}.json").write_text(json.dumps(request))
    begun = time.monotonic()
    for name in requests:
        (stand.spool / "tmp" / f"{name}.json").rename(stand.spool / "incoming" / f"{name}.json")
    seconds = await_all(chosen, stand, vizd, begun)
    if watcher:
        watcher.send_signal(signal.SIGINT)
        watcher.wait()
    after = Spent(vizd, provider)
    return rows(chosen, stand, vizd, seconds, before, after), faults(chosen, stand, requests, after)


def await_all(chosen, stand, vizd, begun):
    while (landed := len(stand.landed("done"))) < chosen.jobs + 1:
        if failed := stand.landed("failed"):
            raise rig.Broken(f"A job failed: {stand.result('failed', min(failed))['error']}")
        if vizd.poll() is not None or time.monotonic() > begun + chosen.limit:
            raise rig.Broken(f"{landed} of {chosen.jobs} landed.\n{stand.last_words('vizd')}")
        stand.listen()
        # Looking costs more the more has landed, and is paid by the same processors.
        time.sleep(0.5 if chosen.jobs - landed > chosen.slots else 0.1)
    return time.monotonic() - begun


def watch(command, pid):
    """Starts a program that looks at vizd; it gets a second to begin."""
    if not command:
        return None
    watcher = subprocess.Popen(command.replace("PID", str(pid)).split())
    time.sleep(1)
    return watcher


def rows(chosen, stand, vizd, seconds, before, after):
    own, workers = after.own - before.own, after.workers - before.workers
    provider = (after.counts["cpu_us"] - before.counts["cpu_us"]) / 1e6 / seconds
    machine = (after.machine - before.machine) / seconds
    others = machine - provider - (own.total + workers.total) / seconds
    return [
        ("throughput", chosen.jobs / seconds, f"jobs/s ({chosen.jobs:,} jobs, {chosen.slots} at once)"),
        ("vizd: CPU a job", own.total / chosen.jobs * 1e3, "ms"),
        ("of it in the kernel", own.system / chosen.jobs * 1e3, "ms"),
        ("image workers: CPU a job", workers.total / chosen.jobs * 1e3, "ms"),
        ("context switches a job", (after.switches - before.switches) / chosen.jobs, ""),
        ("memory at its peak (VmHWM)", kernel.peak_resident(vizd.pid) / 1e6, "MB"),
        ("processors used by the provider", provider, f"of {os.cpu_count()}"),
        ("processors used by others and this program", max(0, others), f"of {os.cpu_count()}"),
        ("file system", kernel.file_system(stand.folder), ""),
    ]


def faults(chosen, stand, requests, after):
    tasks = collections.Counter(stand.result("done", name)["result"]["metadata"]["task_id"] for name in requests)
    if len(tasks) == chosen.jobs and after.counts["creates"] == chosen.jobs + 1:
        return []
    return [f"{chosen.jobs} jobs have {len(tasks)} tasks, and {after.counts['creates'] - 1} were created."]


if __name__ == "__main__":
    sys.exit(bench.main(options(), measure))
