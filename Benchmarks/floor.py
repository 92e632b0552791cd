"""Floor: what the bare calls of a durable job take on this machine, and how far vizd is from that.

`Benchmarks/floor` does no more than the work itself demands: it moves, orders, asks, downloads, syncs. Nothing is
checked, decoded, booked or tried again, so it is a bound and no peer. The two take turns, each trial in a fresh folder;
medians of their rates and of their CPU a job are printed, and vizd's as a multiple. Call it through `scripts/bench
floor`.
"""

import argparse
import json
import statistics
import subprocess
import sys

import bench
import rig
import throughput

THREADS = 64


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench floor", description=__doc__.split("\n\n")[0])
    number = parser.add_argument
    number("--jobs", type=int, default=2000, metavar="N", help="requests of a trial (2000)")
    number("--users", type=int, default=100, metavar="N", help="users who share them (100)")
    number("--rounds", type=int, default=3, metavar="N", help="trials of each (3)")
    number("--slots", type=int, default=256, metavar="N", help="vizd's limits.inFlight (256)")
    number("--limit", type=float, default=600, metavar="S", help="give up after so long (600)")
    parser.set_defaults(beside="")
    return bench.arguments(parser)


def floor_trial(chosen):
    """Jobs a second, and CPU of a job in ms."""
    with rig.Rig(chosen.products, chosen.folder) as stand:
        requests = bench.requests_of(stand, chosen.jobs, chosen.users)
        for folder in ("incoming", "processing", "done"):
            (stand.spool / folder).mkdir(parents=True)
        stand.state.mkdir()
        for name, request in requests.items():
            (stand.spool / "incoming" / f"{name}.json").write_text(json.dumps(request))
        provider = stand.respond(0)
        program = stand.compile("floor")
        photos = sorted((stand.wardrobe / "user-00000" / "items").iterdir())
        answer = subprocess.run(
            [program, stand.spool, stand.wardrobe, stand.state, str(provider.port), str(THREADS), *photos],
            capture_output=True, text=True, timeout=chosen.limit)
        if answer.returncode:
            raise rig.Broken(f"The floor ended with {answer.returncode}: {answer.stderr.strip()}")
        told, landed = json.loads(answer.stdout), len(list((stand.spool / "done").glob("*.json")))
        if landed != chosen.jobs or provider.counts()["creates"] != chosen.jobs:
            raise rig.Broken(f"The floor landed {landed} of {chosen.jobs} jobs.")
        return told["jobs"] / told["seconds"], told["cpu_us"] / told["jobs"] / 1e3


def vizd_trial(chosen, wrong):
    """Jobs a second, and CPU of a job in ms, the image workers' included."""
    with rig.Rig(chosen.products, chosen.folder) as stand:
        rows, faults = throughput.measure(chosen, stand)
        wrong += faults
        found = {name: value for name, value, _ in rows}
        return found["throughput"], found["vizd: CPU a job"] + found["image workers: CPU a job"]


def measure(chosen, _):
    floors, vizds, wrong = [], [], []
    for _ in range(chosen.rounds):
        floors.append(floor_trial(chosen))
        vizds.append(vizd_trial(chosen, wrong))
    (floor_rate, floor_cpu), (rate, cpu) = (
        [statistics.median(column) for column in zip(*trials)] for trials in (floors, vizds))
    return [
        ("the bare calls", floor_rate, f"jobs/s (median of {chosen.rounds}, {chosen.jobs:,} jobs)"),
        ("the same: CPU a job", floor_cpu, "ms"),
        ("vizd", rate, "jobs/s"),
        ("the same: CPU a job, image workers included", cpu, "ms"),
        ("vizd's rate", rate / floor_rate, "of the bare calls'"),
        ("vizd's CPU", cpu / floor_cpu, "times the bare calls'"),
    ], wrong


if __name__ == "__main__":
    sys.exit(bench.main(options(), measure))
