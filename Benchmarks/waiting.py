"""Waiting: what it costs one vizd to have thousands of pictures made at once, while nearly all of the time is waiting.

Drops N requests, each for an outfit of its own, against a simulator whose tasks take S seconds, and watches vizd until
the last has landed. Prints one table on stdout, or a JSON object with --json. Ends with 0 only if every request is
complete with its picture in place and the simulator's books show N tasks, none of them twice; else with 1 and the
reasons on stderr. Call it through `scripts/bench waiting`, which builds.

CPU and counts are sums over the whole run and hold on a busy machine too; moments (`... after`) do not, and the table
says how much of the processors others have used meanwhile.
"""

import argparse
import collections
import datetime
import json
import os
import pathlib
import signal
import sys
import time

import kernel
import rig

# Seconds between two looks at the processes, and between two walks through their pages.
LOOK, WALK = 0.25, 1.0


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench waiting", description=__doc__.split("\n\n")[0])
    number = parser.add_argument
    number("--tasks", type=int, default=2000, metavar="N", help="requests, all of them at once (2000)")
    number("--seconds", type=float, default=20, metavar="S", help="how long the provider takes for each (20)")
    number("--interval", type=float, default=5, metavar="S", help="how often a task is asked: poll.interval (5)")
    number("--users", type=int, default=100, metavar="N", help="users who share the requests (100)")
    number("--garments", type=int, default=3, metavar="N",
           help="garments of an outfit, 1 to 5; beyond 3 some share a sheet that is drawn for each request (3)")
    number("--limit", type=float, default=900, metavar="S", help="give up after so long (900)")
    number("--folder", metavar="PATH", help="where the temporary folder is made, to choose the disk")
    number("--keep", action="store_true", help="keep the temporary folder, and say where it is")
    number("--json", metavar="FILE", help="write the figures as JSON too; - for stdout in place of the table")
    number("--products", required=True, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if min(chosen.tasks, chosen.users) < 1 or chosen.seconds < 0 or chosen.interval < 0.1 or chosen.limit <= 0:
        parser.error("counts are at least 1, --interval at least 0.1, times not negative")
    if not 1 <= chosen.garments <= 5:
        parser.error("--garments takes 1 to 5")
    chosen.users = min(chosen.users, chosen.tasks)
    return chosen


class Watch:
    """Looks at vizd, its workers and the simulator, and keeps what only shows while they run."""

    def __init__(self, vizd, simulator):
        self.vizd, self.simulator = vizd.pid, simulator
        self.begun = time.monotonic()
        self.machine, self.others = kernel.machine(), self.busy()
        self.most = collections.Counter()
        self.moments = {}
        self.created, self.landed, self.walked = 0, 0, 0.0
        self.most_waiting, self.full_memory = 0, 0
        self.full = []

    def passed(self):
        return time.monotonic() - self.begun

    def workers(self):
        """The CPU of the image workers: those that have ended, and those that still run."""
        ended = kernel.cpu(self.vizd)[1]
        return sum((kernel.cpu(pid)[0] for pid in kernel.children(self.vizd)), ended)

    def busy(self):
        """CPU seconds of all that belongs to the benchmark, this program included."""
        own = os.times()
        ours = kernel.cpu(self.vizd)[0] + self.workers() + kernel.cpu(self.simulator.process.pid)[0]
        return ours.total + own.user + own.system

    def look(self, tasks, landed):
        """One sample; `landed`: how many results there are."""
        if self.created < tasks:
            self.created = self.simulator.created()
        self.landed = landed
        self.note("ordered", self.created >= tasks)
        self.note("first", landed > 0)
        self.note("landed", landed >= tasks)
        targets = kernel.descriptors(self.vizd)
        self.raise_to("descriptors", len(targets))
        self.raise_to("connections", kernel.connections(self.vizd, self.simulator.port, targets))
        self.raise_to("threads", kernel.threads(self.vizd))
        for worker in kernel.children(self.vizd):
            self.raise_to("worker_peak", kernel.peak_resident(worker))
        self.weigh(self.created - landed)
        if self.created >= tasks and landed == 0:
            self.full.append((time.monotonic(), kernel.cpu(self.vizd)[0], kernel.switches(self.vizd)))

    def note(self, moment, has_come):
        """Keeps when something was seen for the first time."""
        if has_come:
            self.moments.setdefault(moment, self.passed())

    def raise_to(self, what, value):
        self.most[what] = max(self.most[what], value)

    def weigh(self, waiting):
        """Keeps the memory of the moment at which the most tasks were waited for."""
        if waiting < self.most_waiting or time.monotonic() < self.walked + WALK:
            return
        self.most_waiting, self.walked = waiting, time.monotonic()
        self.full_memory = kernel.proportional(self.vizd)


def most_at_once(books, seconds):
    """The most tasks that were at work at one moment, by the simulator's books: each is so for `seconds` after its
    creation, since no limit holds any of them back."""
    created = sorted(datetime.datetime.fromisoformat(task["createdAt"]).timestamp() for task in books["tasks"])
    most, oldest = 0, 0
    for newest, moment in enumerate(created):
        while created[oldest] <= moment - seconds:
            oldest += 1
        most = max(most, newest - oldest + 1)
    return most


def faults(stand, requests, books):
    """Everything that is not as it should be, as sentences; none for a good run."""
    found = []
    done, failed = stand.landed("done"), stand.landed("failed")
    codes = collections.Counter(stand.result("failed", name)["error"]["code"] for name in failed)
    found += [f"{count} requests failed with {code}." for code, count in codes.items()]
    if missing := requests.keys() - done - failed:
        found.append(f"{len(missing)} requests have no result, {min(missing)} for one.")
    if strange := (done | failed) - requests.keys():
        found.append(f"{len(strange)} results were never asked for, {min(strange)} for one.")
    results = [stand.result("done", name) for name in sorted(done)]
    for result in results:
        image = result["result"]["image"]
        path = pathlib.Path(result["result"]["image_path"])
        if not path.is_file() or path.stat().st_size != image["bytes"]:
            found.append(f"The picture of {result['job_id']} is not what its result says: {path}.")
    ids = collections.Counter(result["result"]["metadata"]["task_id"] for result in results)
    if shared := [one for one, count in ids.items() if count > 1]:
        found.append(f"{len(shared)} tasks serve more than one result, {shared[0]} for one.")
    booked = {task["id"] for task in books["tasks"]}
    if unclaimed := booked - ids.keys():
        found.append(f"{len(unclaimed)} tasks of the books have no result, {min(unclaimed)} for one.")
    if unknown := ids.keys() - booked:
        found.append(f"{len(unknown)} tasks of the results are not in the books, {min(unknown)} for one.")
    for key, right in {
        "tasksCreated": len(requests), "createsReceived": len(requests), "createsRefused": 0, "createsDisturbed": 0,
        "creditsReserved": 0, "creditsBilled": sum(result["cost"]["credits"] for result in results)}.items():
        if books[key] != right:
            found.append(f"The books say {key} {books[key]}, which should be {right}.")
    return found


def measure(chosen, stand):
    """The run. Answers the figures and what was wrong."""
    users = [f"user-{number:04}" for number in range(chosen.users)]
    requests = {
        f"job-{number:06}": {"user_id": users[number % chosen.users], "outfit_id": f"outfit-{number:06}"}
        for number in range(chosen.tasks)}
    outfits = collections.defaultdict(list)
    for request in requests.values():
        outfits[request["user_id"]].append(request["outfit_id"])
    stand.furnish(outfits, chosen.garments)
    simulator = stand.simulate(chosen.seconds)
    limits = {"VIZD_LIMITS_IN_FLIGHT": str(chosen.tasks), "VIZD_LIMITS_PER_USER": str(chosen.tasks)}
    vizd = stand.run_vizd(simulator, {**limits, "VIZD_POLL_INTERVAL": f"{chosen.interval:g}"})
    before = kernel.cpu(vizd.pid)[0], kernel.proportional(vizd.pid)
    watch = Watch(vizd, simulator)
    for name, request in requests.items():
        stand.drop(name, request)
    watch.moments["dropped"] = watch.passed()
    while watch.landed < chosen.tasks:
        time.sleep(LOOK)
        stand.listen()
        watch.look(chosen.tasks, len(stand.landed("done")) + len(stand.landed("failed")))
        if vizd.poll() is not None:
            raise rig.Broken(f"vizd ended with {vizd.returncode}:\n{stand.last_words('vizd')}")
        if watch.passed() > chosen.limit:
            raise rig.Broken(f"Only {watch.landed} of {chosen.tasks} have landed after {chosen.limit:g} s.")
    books = simulator.books()
    found = figures(chosen, stand, watch, before, books)
    code = stand.end(vizd)
    wrong = faults(stand, requests, books) + ([f"vizd ended with {code} after SIGTERM."] if code else [])
    return found, wrong


def figures(chosen, stand, watch, before, books):
    """Everything that was measured, with units in the names."""
    tasks, passed = chosen.tasks, watch.passed()
    others = kernel.machine() - watch.machine - (watch.busy() - watch.others)
    spent, workers = kernel.cpu(watch.vizd)[0] - before[0], watch.workers()
    asked = kernel.cpu(watch.simulator.process.pid)[0]
    waited, interrupted = kernel.switches(watch.vizd)
    at_once = most_at_once(books, chosen.seconds)
    return {
        "benchmark": "waiting", "tasks": tasks, "task_seconds": chosen.seconds, "interval_seconds": chosen.interval,
        "users": chosen.users, "garments": chosen.garments, "processors": os.cpu_count(),
        "file_system": kernel.file_system(stand.folder),
        "tasks_at_once": at_once, "others_processors": max(0, others) / passed,
        "moments_seconds": watch.moments,
        "vizd": {
            "cpu_user_seconds": spent.user, "cpu_system_seconds": spent.system,
            "cpu_ms_per_job": spent.total / tasks * 1000, **while_full(watch, tasks),
            "memory_start_bytes": before[1], "memory_full_bytes": watch.full_memory, "waiting_then": watch.most_waiting,
            "memory_per_task_bytes": max(0, watch.full_memory - before[1]) / max(1, watch.most_waiting),
            "memory_peak_bytes": kernel.peak_resident(watch.vizd), "threads": watch.most["threads"],
            "descriptors": watch.most["descriptors"], "connections": watch.most["connections"],
            "switches_waited_per_job": waited / tasks, "switches_interrupted_per_job": interrupted / tasks,
        },
        "workers": {
            "cpu_user_seconds": workers.user, "cpu_system_seconds": workers.system,
            "cpu_ms_per_job": workers.total / tasks * 1000, "memory_peak_bytes": watch.most["worker_peak"],
        },
        "simulator": {
            "creates": books["createsReceived"], "polls": books["polls"], "polls_per_task": books["polls"] / tasks,
            "most_polls_per_task_and_second": books["mostPollsPerTaskAndSecond"],
            "shortest_poll_gap_seconds": books["shortestPollGapSeconds"], "downloads": books["downloads"],
            "cpu_seconds": asked.total,
        },
    }


def while_full(watch, tasks):
    """What it costs to wait and nothing else: between the last order and the first picture. Nothing where the samples
    of that time do not reach over a second, as with tasks that are too short to be all there at once."""
    if len(watch.full) < 2 or watch.full[-1][0] - watch.full[0][0] < 1:
        return {"full_seconds": 0, "full_cpu_us_per_task_and_second": None, "full_switches_per_second": None}
    (begun, first, switches), (ended, last, later) = watch.full[0], watch.full[-1]
    seconds = ended - begun
    return {
        "full_seconds": seconds, "full_cpu_us_per_task_and_second": (last - first).total / seconds / tasks * 1e6,
        "full_switches_per_second": (sum(later) - sum(switches)) / seconds,
    }


def table(found):
    """The figures for people."""
    vizd, workers, simulator, moments = (found[key] for key in ("vizd", "workers", "simulator", "moments_seconds"))

    def size(value):
        return f"{value / 1e6:,.1f} MB"

    def spent(part):
        user, system = part["cpu_user_seconds"], part["cpu_system_seconds"]
        return f"{user:,.1f} s user + {system:,.1f} s system = {part['cpu_ms_per_job']:,.2f} ms a job"

    def after(moment):
        return f"{moments[moment]:,.1f} s" if moment in moments else "-"

    waiting = "not measured: they were not all there together for a second"
    if vizd["full_seconds"]:
        each, switches = vizd["full_cpu_us_per_task_and_second"], vizd["full_switches_per_second"]
        waiting = f"{each:,.0f} µs a task and second ({each * found['tasks'] / 1e4:,.1f} % of a processor in all)"
        waiting += f", {switches:,.0f} switches/s, over {vizd['full_seconds']:,.1f} s"
    gap = simulator["shortest_poll_gap_seconds"]
    rows = [
        ("tasks at work at once, at most", f"{found['tasks_at_once']:,} of {found['tasks']:,}"),
        ("all dropped, all ordered after", f"{after('dropped')}, {after('ordered')}"),
        ("first landed, all landed after", f"{after('first')}, {after('landed')}"),
        ("vizd",),
        ("CPU", spent(vizd)),
        ("CPU while all wait", waiting),
        ("memory (PSS) before the first", size(vizd["memory_start_bytes"])),
        (f"memory (PSS) with {vizd['waiting_then']:,} waiting",
            f"{size(vizd['memory_full_bytes'])}, {vizd['memory_per_task_bytes'] / 1000:,.1f} kB a task"),
        ("memory at its peak (VmHWM)", size(vizd["memory_peak_bytes"])),
        ("threads, descriptors, at most", f"{vizd['threads']}, {vizd['descriptors']}"),
        ("connections to the provider, at most", f"{vizd['connections']}"),
        ("context switches", f"{vizd['switches_waited_per_job']:,.1f} a job by waiting, "
            f"{vizd['switches_interrupted_per_job']:,.1f} by interruption"),
        ("image workers",),
        ("CPU", spent(workers)),
        ("memory of one at its peak (VmHWM)", size(workers["memory_peak_bytes"])),
        ("provider (its own books)",),
        ("creates", f"{simulator['creates']:,}"),
        ("polls", f"{simulator['polls']:,}, {simulator['polls_per_task']:,.1f} a task"),
        ("polls of a task within a second, at most", f"{simulator['most_polls_per_task_and_second']}"),
        ("shortest time between two of a task", "-" if gap is None else f"{gap:,.2f} s"),
        ("downloads", f"{simulator['downloads']:,}"),
        ("machine",),
        ("processors", f"{found['processors']}; the simulator used "
            f"{simulator['cpu_seconds'] / moments['landed']:,.2f} of them, other programs "
            f"{found['others_processors']:,.2f}"),
        ("file system", found["file_system"]),
    ]
    title = (f"{found['tasks']:,} tasks of {found['task_seconds']:g} s each, asked every "
             f"{found['interval_seconds']:g} s; {found['users']} users, {found['garments']} garments an outfit")
    width = max(len(row[0]) for row in rows if len(row) == 2)
    return "\n".join([title] + [f"  {row[0]:{width}}  {row[1]}" if len(row) == 2 else row[0] for row in rows])


def main():
    chosen = options()
    # Whoever ends this program ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was told to stop."))
    try:
        with rig.Rig(chosen.products, chosen.folder, chosen.keep) as stand:
            if chosen.keep:
                print(f"The folder stays: {stand.folder}", file=sys.stderr)
            found, wrong = measure(chosen, stand)
    except KeyboardInterrupt:
        sys.exit("The benchmark was told to stop.")
    except (rig.Broken, OSError) as trouble:
        print(f"The benchmark broke off: {trouble}", file=sys.stderr)
        return 1
    text = json.dumps({**found, "faults": wrong}, indent=2)
    print(text if chosen.json == "-" else table(found))
    if chosen.json and chosen.json != "-":
        pathlib.Path(chosen.json).write_text(text + "\n")
    for fault in wrong:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
