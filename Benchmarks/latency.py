"""Latency: how long an idle vizd takes from a dropped request to the provider's call, and from a finished task to a
result that is there.

Drops one request after the other, each when the one before has landed and a pause is over. The responder writes down
when an order arrives and when a poll is first told of the end; the rename into incoming/ and the result's appearance
in done/ are seen by this program. With --photos every request brings three photos of 12 megapixels that nobody has
seen yet (made by Pillow); without, the photos are ready since the first job. Call it through `scripts/bench latency`.
"""

import argparse
import random
import shutil
import sys
import time

import bench
import kernel
import rig


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench latency", description=__doc__.split("\n\n")[0])
    parser.add_argument("--jobs", type=int, metavar="N", help="requests (300; 20 with --photos)")
    parser.add_argument("--photos", action="store_true", help="three new photos of 12 megapixels for every request")
    chosen = bench.arguments(parser)
    chosen.jobs = chosen.jobs or (20 if chosen.photos else 300)
    return chosen


def measure(chosen, stand):
    requests = bench.requests_of(stand, chosen.jobs, min(chosen.jobs, 20))
    if chosen.photos:
        requests = with_photos(stand, requests)
    provider = stand.respond(0)
    vizd = stand.run_vizd(provider, {"VIZD_POLL_INITIAL": "0.05", "VIZD_LOG_LEVEL": "warning"})
    bench.warm(stand)
    sight, dropped, visible = bench.Sight(stand.spool / "done"), {}, {}
    before = kernel.cpu(vizd.pid)[0]
    for name, request in requests.items():
        stand.listen()
        time.sleep(random.uniform(0.02, 0.06))
        dropped[name] = time.time()
        stand.drop(name, request)
        visible[name] = sight.await_name(f"{name}.result.json", 60)
    spent = kernel.cpu(vizd.pid)[0] - before
    tasks, results = provider.tasks(), {name: stand.result("done", name) for name in requests}
    called, shown = [], []
    for name, result in results.items():
        created, done, _ = tasks[result["result"]["metadata"]["task_id"]]
        called.append((created - dropped[name]) * 1e3)
        shown.append((visible[name] - done) * 1e3)
    what = "three new photos of 12 megapixels each" if chosen.photos else "photos that are ready"
    return [
        (f"drop to provider call, {what}: p50", bench.quantile(called, 0.5), f"ms ({chosen.jobs} jobs, one at a time)"),
        ("the same: p99", bench.quantile(called, 0.99), "ms"),
        ("provider done to result visible: p50", bench.quantile(shown, 0.5), "ms"),
        ("the same: p99", bench.quantile(shown, 0.99), "ms"),
        ("vizd: CPU a job", spent.total / chosen.jobs * 1e3, "ms"),
        ("file system", kernel.file_system(stand.folder), ""),
    ], []


def with_photos(stand, requests):
    """The same requests, each with an outfit of its own photos."""
    photos = stand.phone_photos(3)
    for number, request in enumerate(requests.values()):
        items = []
        for garment, photo in enumerate(photos):
            # The bytes differ by a comment after the image's end: to vizd a photo that it has never seen.
            target = stand.wardrobe / request["user_id"] / "items" / f"phone-{number}-{garment}.jpg"
            shutil.copyfile(photo, target)
            with open(target, "ab") as file:
                file.write(f"{number} {garment}".encode())
            items.append({"name": f"garment {garment}", "image": f"items/{target.name}"})
        del request["outfit_id"]
        request["outfit"] = {"items": items}
    return requests


if __name__ == "__main__":
    sys.exit(bench.main(options(), measure))
