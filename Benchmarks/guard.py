"""Guard: what one job costs in system calls, syncs, instructions and allocated bytes, held against thresholds.

Counts, so that a busy machine does not bend them. A fixed workload, one job after the other (so nothing is shared with
other jobs, and every count is the most that a job can cost), runs twice, with a few jobs and with more; what is
reported is the difference a job. `calls` counts by strace; `work` by valgrind's dhat, on a stripped copy of the program
(its reader stumbles over Swift's debug information); `memory` runs 1,000 jobs and compares what is resident after a
third of them with what is at the end. Thresholds are in Benchmarks/thresholds/BUILD.json: the highest figure that is
still good, with a margin that noise has not been seen to use up. Call it through `scripts/bench guard`; `scripts/test`
runs it on the debug build, whose system calls and syncs are the same.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import bench
import kernel
import rig

# Calls that wait or hand work to a thread: how many there are depends on who happens to sleep.
WAITS = {"futex", "ppoll", "poll", "epoll_wait", "epoll_pwait", "restart_syscall", "sched_yield", "clock_nanosleep"}
SYNCS = {"fsync", "fdatasync", "syncfs"}


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench guard", description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", choices=("debug", "release"), default="release", help="whose thresholds (release)")
    parser.add_argument("--only", choices=("calls", "work", "memory"), action="append", help="one of the three parts")
    parser.add_argument("--jobs", type=int, default=1000, metavar="N", help="jobs of the memory's part (1000)")
    parser.add_argument("--growth", type=float, metavar="MB", help="how much more may be resident (thresholds)")
    return bench.arguments(parser)


def one_by_one(stand, jobs, command):
    """Runs vizd by a command, a first job, and so many more, one after the other."""
    # A user for each job, so that every record is as long as any other.
    requests = bench.requests_of(stand, max(jobs, 1), max(jobs, 1))
    provider = stand.respond(0)
    vizd = stand.run_vizd(provider, {"VIZD_POLL_INITIAL": "0", "VIZD_LOG_LEVEL": "warning"}, command)
    bench.warm(stand)
    # What was written within the last two seconds is read and hashed again at each use, since it may change within one
    # tick of the file system's clock: without this, a fast machine would count more than a slow one.
    time.sleep(2.5)
    sight = bench.Sight(stand.spool / "done")
    for name in list(requests)[:jobs]:
        stand.drop(name, requests[name])
        sight.await_name(f"{name}.result.json", 120)
        stand.listen()
    if code := stand.end(vizd):
        raise rig.Broken(f"vizd ended with {code}.\n{stand.last_words('vizd')}")


def needed(program, package):
    if not shutil.which(program):
        raise rig.Broken(f"{program} is missing: install the package {package}, run this again.")


def measured(few, many, count):
    """The difference that a job makes, for each figure of `count(products, jobs)`."""
    less, more = count(few), count(many)
    return {name: (more[name] - less.get(name, 0)) / (many - few) for name in more}


def calls(chosen, few=5, many=25):
    needed("strace", "strace")

    def count(jobs):
        with rig.Rig(chosen.products, chosen.folder) as stand:
            summary = stand.folder / "calls"
            # The tracer stands aside (-D), so that the program that is started is vizd itself.
            one_by_one(stand, jobs, command=("strace", "-D", "-f", "-c", "-U", "calls,name", "-o", str(summary)))
            end = time.monotonic() + 20
            while not (summary.exists() and "total" in summary.read_text()) and time.monotonic() < end:
                time.sleep(0.1)
            return {words[1]: int(words[0]) for line in summary.read_text().splitlines()
                    if (words := line.split()) and len(words) == 2 and words[0].isdigit() and words[1] != "total"}

    each = measured(few, many, count)
    quiet = {name: value for name, value in each.items() if name not in WAITS}
    names = {"open": r"open(at2?)?$", "close": r"close$", "stat": r"(newfstatat|fstat|statx)$", "rename": r"rename",
             "unlink": r"unlink", "read and write": r"p?(read|write)(64)?$", "memory": r"(mmap|munmap|mprotect|brk)$"}
    figures = {f"calls: {label}": sum(value for name, value in quiet.items() if re.match(pattern, name))
               for label, pattern in names.items()}
    figures["calls: all but waiting"] = sum(quiet.values())
    figures["calls: with waiting"] = sum(each.values())
    figures["syncs"] = sum(value for name, value in each.items() if name in SYNCS)
    return figures


def work(chosen, few=2, many=12):
    needed("valgrind", "valgrind")
    with tempfile.TemporaryDirectory(prefix="vizd-bench-") as folder:
        place = pathlib.Path(folder)
        subprocess.run(["strip", "-o", place / "vizd", pathlib.Path(chosen.products) / "vizd"], check=True)
        os.symlink(pathlib.Path(chosen.products).resolve() / "vizd-image", place / "vizd-image")

        def count(jobs):
            with rig.Rig(place, chosen.folder) as stand:
                heap = stand.folder / "heap.json"
                one_by_one(
                    stand, jobs, command=("valgrind", "--tool=dhat", "--fair-sched=yes", f"--dhat-out-file={heap}"))
                found = json.loads(heap.read_text())
                points = found["pps"]
                return {
                    "instructions, millions": found["te"] / 1e6, "allocations": sum(one["tbk"] for one in points),
                    "allocated, kB": sum(one["tb"] for one in points) / 1e3}

        return measured(few, many, count)


def memory(chosen):
    with rig.Rig(chosen.products, chosen.folder) as stand:
        requests = bench.requests_of(stand, chosen.jobs, 50)
        vizd = stand.run_vizd(stand.respond(0), {"VIZD_POLL_INITIAL": "0", "VIZD_LOG_LEVEL": "warning"})
        bench.warm(stand)
        names = list(requests)
        third = chosen.jobs // 3
        early = after(stand, vizd, requests, names[:third], third + 1)
        late = after(stand, vizd, requests, names[third:], chosen.jobs + 1)
        return {"resident growth, MB": max(0, late - early) / 1e6, "resident, MB": late / 1e6}


def after(stand, vizd, requests, names, landed):
    """What is resident and no file's when these have landed."""
    for name in names:
        stand.drop(name, requests[name])
    end = time.monotonic() + 600
    while len(stand.landed("done")) < landed:
        if vizd.poll() is not None or stand.landed("failed") or time.monotonic() > end:
            raise rig.Broken(f"Jobs do not land.\n{stand.last_words('vizd')}")
        stand.listen()
        time.sleep(0.2)
    time.sleep(1)
    return kernel.member(kernel.text(f"/proc/{vizd.pid}/smaps_rollup"), "Pss_Anon")


def main():
    chosen = options()
    place = rig.ROOT / "Benchmarks" / "thresholds" / f"{chosen.build}.json"
    thresholds = json.loads(place.read_text())
    if chosen.growth:
        thresholds["resident growth, MB"] = chosen.growth
    figures = {}
    try:
        for name, part in (("calls", calls), ("work", work), ("memory", memory)):
            if name in (chosen.only or ("calls", "work", "memory")):
                figures.update(part(chosen))
    except (rig.Broken, OSError, subprocess.CalledProcessError) as trouble:
        print(f"The guard broke off: {trouble}", file=sys.stderr)
        return 1
    # A figure without a threshold would be watched by nobody.
    wrong = [f"{name} has no threshold in {place.name}." for name in figures if name not in thresholds]
    wrong += [f"{name}: {value:,.1f} a job, and the threshold is {thresholds[name]:,}. If the change is worth that, "
              f"raise it in Benchmarks/thresholds/{place.name} and say so in the commit."
              for name, value in figures.items() if value > thresholds.get(name, value)]
    if chosen.json:
        print(json.dumps({"figures": figures, "faults": wrong}, indent=2))
    else:
        rows = [(name, f"{value:,.1f}", f"(at most {thresholds.get(name, 0):,})") for name, value in figures.items()]
        print(bench.table(rows))
    for fault in wrong:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
