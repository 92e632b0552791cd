"""Growth: what vizd's work costs, in CPU, as what it works on grows.

Four axes, each from little to much in steps of ten: requests that wait in incoming/ (what a start costs until the order
of all is known, and what a job costs while so many wait), outfits in one user's record (what a job costs), users who
have a request each (a start), tasks in flight (what a job costs, and memory). CPU is what the kernel has counted for
vizd and its children, which others on the machine hardly touch; a total is everything that was spent for n things.

Prints the points and, for each curve, the slope between its last points on logarithmic axes: 1 is linear, 2 is
quadratic. Ends with 1 where a curve grows faster than n log n, with a margin for noise. Call it through `scripts/bench
growth`; --most bounds all axes.
"""

import argparse
import json
import math
import pathlib
import re
import select
import signal
import sys
import time

import bench
import kernel
import plot
import rig

# The last point of each axis, and the axes in the order of what they cost.
AXES = {"outfits": 20_000, "users": 100_000, "in-flight": 20_000, "queue": 1_000_000}
# What vizd takes into its index at most (Incoming.Settings.queued): of a million it knows 200,000, and looks again when a
# quarter of them is done.
INDEX = 200_000
# A total below so many seconds of CPU is as much noise as cost and has no part in a slope.
LEAST = 0.15
# n log n between 1,000 and 1,000,000 has slopes of up to 1.13; the rest is for noise. n² has 2, n√n has 1.5.
MARGIN = 0.25


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench growth", description=__doc__.split("\n\n")[0])
    number = parser.add_argument
    number("--axes", default=",".join(AXES), metavar="NAME,NAME", help=f"which ({','.join(AXES)})")
    number("--most", type=int, default=1_000_000, metavar="N", help="no axis goes beyond this (1000000)")
    number("--jobs", type=int, default=50, metavar="N", help="jobs for what a job costs (50)")
    number("--plot", metavar="FOLDER", help="draw the curves into growth-cpu.svg and growth-memory.svg there")
    return bench.arguments(parser)


def steps(most):
    """1, 10, 100 ... and the most."""
    return [10 ** power for power in range(12) if 10 ** power < most] + [most]


def spent(vizd):
    """The CPU of vizd and of its workers, those that have ended included."""
    own, ended = kernel.cpu(vizd.pid)
    return sum((kernel.cpu(one)[0] for one in kernel.children(vizd.pid)), own + ended).total


def lay(stand, count, users):
    """So many requests that wait before vizd is started."""
    incoming = stand.spool / "incoming"
    incoming.mkdir(parents=True, mode=0o700)
    for number in range(count):
        request = {"user_id": f"user-{number % users:06}", "outfit_id": "outfit", "regenerate": True}
        (incoming / f"job-{number:07}.json").write_text(json.dumps(request))


def await_known(stand, count, vizd):
    """Waits until vizd knows of so many requests, by what it tells its service manager."""
    count = min(count, INDEX)
    end = time.monotonic() + 600
    while time.monotonic() < end and vizd.poll() is None:
        if not select.select([stand.ear], [], [], 0.2)[0]:
            continue
        found = re.search(rb"(\d+) in flight, (\d+) waiting", stand.ear.recv(4096))
        if found and int(found[1]) + int(found[2]) >= count:
            return
    raise rig.Broken(f"vizd does not know of {count} requests.\n{stand.last_words('vizd')}")


def await_landed(stand, count, vizd):
    end = time.monotonic() + 900
    while (landed := len(stand.landed("done"))) < count:
        if failed := stand.landed("failed"):
            raise rig.Broken(f"A job failed: {stand.result('failed', min(failed))['error']}")
        if vizd.poll() is not None or time.monotonic() > end:
            raise rig.Broken(f"{landed} of {count} landed.\n{stand.last_words('vizd')}")
        stand.listen()
        time.sleep(0.02)
    return landed


def start_with(chosen, count, users):
    """The CPU of a start until the order of so many requests is known; memory then. More free space is asked for than
    there is, so that nothing is claimed and only finding and ordering count."""
    with rig.Rig(chosen.products, chosen.folder) as stand:
        lay(stand, count, users)
        vizd = stand.run_vizd(stand.respond(0), {"VIZD_SPOOL_MIN_FREE": "1048576GiB", "VIZD_SPOOL_RESCAN": "1h"})
        await_known(stand, count, vizd)
        return {"start": spent(vizd), "memory": kernel.proportional(vizd.pid)}


def queue(chosen, count):
    """A start with so many waiting, of a hundred users; then what one of --jobs jobs costs while the others wait."""
    found = start_with(chosen, count, min(count, 100))
    with rig.Rig(chosen.products, chosen.folder) as stand:
        # Enough beyond those that wait for what lands before and after the scan is over.
        lay(stand, count + 4 * chosen.jobs, 100)
        stand.furnish({f"user-{user:06}": ["outfit"] for user in range(100)}, 1)
        # Sixteen at once against tasks of a second: slow enough that all are known before many have landed.
        vizd = stand.run_vizd(stand.respond(1), {
            "VIZD_LIMITS_IN_FLIGHT": "16", "VIZD_POLL_INITIAL": "1", "VIZD_SPOOL_RESCAN": "1h",
            "VIZD_LOG_LEVEL": "warning"})
        known = time.monotonic() + 60
        while not stand.landed("done") and time.monotonic() < known:
            stand.listen()
            time.sleep(0.02)
        settle(stand, vizd)
        before, landed = spent(vizd), len(stand.landed("done"))
        after = await_landed(stand, min(landed + chosen.jobs, count + 4 * chosen.jobs), vizd)
        return {**found, "job beside a queue": (spent(vizd) - before) / (after - landed)}


def settle(stand, vizd):
    """Waits until the scan is over: vizd spends less than a fifth of a processor for half a second."""
    last, since = spent(vizd), time.monotonic()
    while time.monotonic() < since + 300:
        time.sleep(0.5)
        stand.listen()
        now = spent(vizd)
        if now - last < 0.1:
            return
        last = now


def users(chosen, count):
    """A start with a request of each of so many users."""
    return start_with(chosen, count, count)


def outfits(chosen, count):
    """What a job costs whose user has so many outfits."""
    with rig.Rig(chosen.products, chosen.folder) as stand:
        stand.furnish({"user": [f"outfit-{number:05}" for number in range(max(count, 1))]}, 1)
        vizd = stand.run_vizd(stand.respond(0), {
            "VIZD_POLL_INITIAL": "0", "VIZD_LOG_LEVEL": "warning", "VIZD_LIMITS_PER_USER": "1"})
        jobs = min(chosen.jobs, 20)
        bench.warm(stand)
        before = spent(vizd)
        for number in range(jobs):
            request = {"user_id": "user", "outfit_id": f"outfit-{number % count:05}", "regenerate": True}
            stand.drop(f"job-{number}", request)
        await_landed(stand, jobs + 1, vizd)
        return {"job": (spent(vizd) - before) / jobs}


def in_flight(chosen, count):
    """So many tasks that are all in flight at once, each asked when it is about over; CPU of all, memory at most."""
    seconds = 3 + count / 50
    with rig.Rig(chosen.products, chosen.folder) as stand:
        requests = bench.requests_of(stand, count, min(count, 100), garments=1)
        slots = str(count + 1)
        vizd = stand.run_vizd(stand.respond(seconds), {
            "VIZD_POLL_INITIAL": f"{seconds:g}", "VIZD_LIMITS_IN_FLIGHT": slots, "VIZD_LIMITS_PER_USER": slots,
            "VIZD_LOG_LEVEL": "warning", "VIZD_LIMITS_JOB_DEADLINE": "2h"})
        before = spent(vizd)
        for name, request in requests.items():
            stand.drop(name, request)
        end = time.monotonic() + 10 * seconds + 120
        while (landed := len(stand.landed("done"))) < count:
            if vizd.poll() is not None or time.monotonic() > end or stand.landed("failed"):
                raise rig.Broken(f"{landed} of {count} landed.\n{stand.last_words('vizd')}")
            stand.listen()
            time.sleep(0.5)
        # All end at once, which a look now and then would miss.
        return {"in flight": spent(vizd) - before, "memory": kernel.peak_resident(vizd.pid)}


MEASURES = {"queue": queue, "users": users, "outfits": outfits, "in-flight": in_flight}
# Of each figure: its curve's name, and whether it is seconds of CPU (else bytes).
CURVES = {
    ("queue", "start"): ("start, n requests wait", True), ("queue", "memory"): ("n requests wait", False),
    ("queue", "job beside a queue"): ("one job while n wait", True),
    ("users", "start"): ("start, n users with a request each", True),
    ("users", "memory"): ("n users with a request each", False),
    ("outfits", "job"): ("one job, its user has n outfits", True),
    ("in-flight", "in flight"): ("all of n tasks in flight", True), ("in-flight", "memory"): ("n tasks in flight, at most", False),
}


def slope(points, least):
    """The steepest slope between two neighbouring points that are large enough to tell; None without two of them."""
    large = [(n, value) for n, value in points if value >= least]
    # Neighbours that are closer than a factor of two tell of noise.
    pairs = [(one, two) for one, two in zip(large, large[1:]) if two[0] >= 2 * one[0] and one[0] >= 10]
    return max((math.log(two[1] / one[1]) / math.log(two[0] / one[0]) for one, two in pairs), default=None)


def verdict(points, least):
    """Whether a curve grows faster than n log n, by its steepest slope: (slope, what may be, too steep)."""
    steepest = slope(points, least)
    return steepest, 1.13 + MARGIN, steepest is not None and steepest > 1.13 + MARGIN


def report(curves):
    lines, wrong = [], []
    for (title, is_cpu), points in curves.items():
        least = LEAST if is_cpu and "one job" not in title else 2e-3 if is_cpu else 1e6
        steepest, most, is_steep = verdict(points, least)
        unit = "CPU ms" if is_cpu else "memory MB"
        shown = ", ".join(f"{n:,}: {plot.shown(value * (1e3 if is_cpu else 1e-6))}" for n, value in points)
        told = "too small to tell" if steepest is None else f"steepest slope {steepest:.2f}"
        lines.append(f"{title} ({unit})\n    {shown}\n    {told}")
        if is_steep:
            wrong.append(f"{title} ({unit}) grows with slope {steepest:.2f}; n log n would be below {most:.2f}.")
    return "\n".join(lines), wrong


def draw(folder, curves):
    cpu = {title: [(n, value * 1e3) for n, value in points] for (title, is_cpu), points in curves.items() if is_cpu}
    memory = {title: [(n, value / 1e6) for n, value in points] for (title, is_cpu), points in curves.items()
              if not is_cpu}
    folder = pathlib.Path(folder)
    for name, title, up, series in (("growth-cpu", "CPU", "ms", cpu), ("growth-memory", "Memory", "MB", memory)):
        if series:
            (folder / f"{name}.svg").write_text(plot.lines(title, "n", up, series))


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was told to stop."))
    curves = {}
    try:
        for axis in chosen.axes.split(","):
            for count in steps(min(AXES[axis], chosen.most)):
                found = MEASURES[axis](chosen, count)
                print(f"{axis} {count:,}: {json.dumps(found)}", file=sys.stderr, flush=True)
                for figure, value in found.items():
                    if value > 0:
                        curves.setdefault(CURVES[axis, figure], []).append((count, value))
    except KeyboardInterrupt:
        sys.exit("The benchmark was told to stop.")
    except (rig.Broken, OSError) as trouble:
        print(f"The benchmark broke off: {trouble}", file=sys.stderr)
        return 1
    text, wrong = report(curves)
    if chosen.json:
        print(json.dumps({"curves": {f"{title} ({'s' if is_cpu else 'bytes'})": points
                                     for (title, is_cpu), points in curves.items()}, "faults": wrong}, indent=2))
    else:
        print(text)
    if chosen.plot:
        draw(chosen.plot, curves)
    for fault in wrong:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
