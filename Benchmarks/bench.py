"""What the benchmarks share: requests with a wardrobe, a first job on the way of all others, the way out.

`main` runs a `measure(chosen, stand)` that answers the figures and what was wrong, prints them, and ends with 0 only if
nothing was. Figures come as rows of (name, value, unit) so that a table for people and JSON for programs are the same.
"""

import collections
import ctypes
import json
import os
import select
import signal
import struct
import sys
import time

import rig


def requests_of(stand, jobs, users, garments=3):
    """Requests, each for an outfit of its own, and the wardrobe that they are about."""
    names = [f"user-{number:05}" for number in range(users)]
    requests = {
        f"job-{number:07}": {"user_id": names[number % users], "outfit_id": f"outfit-{number:07}"}
        for number in range(jobs)}
    outfits = collections.defaultdict(list)
    for request in requests.values():
        outfits[request["user_id"]].append(request["outfit_id"])
    stand.furnish(outfits, garments)
    return requests


def warm(stand):
    """One job on the way that all the others go: prepares the photos, starts the workers, opens the connections."""
    stand.furnish({"user-warm": ["outfit-warm"]}, 3)
    stand.drop("job-warm", {"user_id": "user-warm", "outfit_id": "outfit-warm"})
    end = time.monotonic() + 60
    while "job-warm" not in stand.landed("done"):
        if time.monotonic() > end or stand.landed("failed"):
            raise rig.Broken(f"The first job did not land.\n{stand.last_words('vizd')}")
        time.sleep(0.02)


class Sight:
    """Tells when names appear in a folder, by inotify: (name, seconds since 1970)."""

    IN_MOVED_TO = 0x80

    def __init__(self, folder):
        library = ctypes.CDLL(None, use_errno=True)
        self.descriptor = library.inotify_init1(os.O_CLOEXEC)
        if self.descriptor < 0 or library.inotify_add_watch(self.descriptor, os.fsencode(folder), self.IN_MOVED_TO) < 0:
            raise rig.Broken(f"{folder} cannot be watched: {os.strerror(ctypes.get_errno())}")

    def next(self, seconds):
        """The names of the next event, and the moment; nothing where none came in time."""
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return [], time.time()
        data, moment, names, at = os.read(self.descriptor, 65536), time.time(), [], 0
        while at < len(data):
            length = struct.unpack_from("iIII", data, at)[3]
            names.append(data[at + 16:at + 16 + length].rstrip(b"\0").decode())
            at += 16 + length
        return names, moment

    def await_name(self, name, seconds):
        end = time.time() + seconds
        while time.time() < end:
            names, moment = self.next(end - time.time())
            if name in names:
                return moment
        raise rig.Broken(f"{name} did not appear within {seconds:g} s.")


def quantile(values, share):
    """The smallest value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def arguments(parser):
    """Options of every benchmark."""
    parser.add_argument("--folder", metavar="PATH", help="where the temporary folder is made, to choose the disk")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder, and say where it is")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--products", required=True, help="the folder with the built programs")
    return parser.parse_args()


def table(rows):
    def shown(value):
        return value if isinstance(value, str) else f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"

    width = max(len(name) for name, _, _ in rows)
    return "\n".join(f"  {name:{width}}  {shown(value)} {unit}".rstrip() for name, value, unit in rows)


def main(chosen, measure):
    # Whoever ends this program ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was told to stop."))
    try:
        with rig.Rig(chosen.products, chosen.folder, chosen.keep) as stand:
            if chosen.keep:
                print(f"The folder stays: {stand.folder}", file=sys.stderr)
            rows, wrong = measure(chosen, stand)
    except KeyboardInterrupt:
        sys.exit("The benchmark was told to stop.")
    except (rig.Broken, OSError) as trouble:
        print(f"The benchmark broke off: {trouble}", file=sys.stderr)
        return 1
    if chosen.json:
        print(json.dumps({"figures": {name: value for name, value, _ in rows}, "faults": wrong}, indent=2))
    else:
        print(table(rows))
    for fault in wrong:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if wrong else 0
