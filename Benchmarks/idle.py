"""Idle: what vizd costs when there is nothing to do.

Starts it on an empty spool several times (start to READY), then leaves it alone and reads /proc: memory, context
switches a second, CPU. Call it through `scripts/bench idle`.
"""

import argparse
import sys
import time

import bench
import kernel


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench idle", description=__doc__.split("\n\n")[0])
    parser.add_argument("--starts", type=int, default=11, metavar="N", help="starts (11)")
    parser.add_argument("--seconds", type=float, default=130, metavar="S", help="how long it is left alone (130)")
    return bench.arguments(parser)


def measure(chosen, stand):
    provider = stand.respond(0)
    starts = []
    for _ in range(chosen.starts - 1):
        vizd = stand.run_vizd(provider, {})
        starts.append(stand.ready_after * 1e3)
        stand.end(vizd)
    vizd = stand.run_vizd(provider, {})
    starts.append(stand.ready_after * 1e3)
    # What a start leaves to be done (the account, late figures) is over by then.
    time.sleep(5)
    before, switches, begun = kernel.cpu(vizd.pid)[0], sum(kernel.switches(vizd.pid)), time.monotonic()
    while time.monotonic() < begun + chosen.seconds:
        time.sleep(1)
        stand.listen()
    seconds = time.monotonic() - begun
    spent = kernel.cpu(vizd.pid)[0] - before
    rollup = kernel.text(f"/proc/{vizd.pid}/smaps_rollup")
    return [
        ("start to READY: p50", bench.quantile(starts, 0.5), f"ms ({chosen.starts} starts)"),
        ("context switches", (sum(kernel.switches(vizd.pid)) - switches) / seconds, f"a second, over {seconds:.0f} s"),
        ("CPU", spent.total / seconds * 1e3, "ms a second"),
        ("resident (RSS)", kernel.member(rollup, "Rss") / 1e6, "MB"),
        ("of it not shared with others (PSS)", kernel.member(rollup, "Pss") / 1e6, "MB"),
        ("of it anonymous", kernel.member(rollup, "Pss_Anon") / 1e6, "MB"),
        ("threads", kernel.threads(vizd.pid), ""),
    ], []


if __name__ == "__main__":
    sys.exit(bench.main(options(), measure))
