"""Starts programs and keeps what becomes of them: whatever they fork, also in the background, stays below this process.

A line of JSON on stdin, {"argv","env","cwd","log","wait"}, starts a program; the answer on stdout is {"at","pid"},
seconds since 1970 before the start, and with "wait" after its end {"at","pid","code"}. Processes whose parent has gone
become children of this one (PR_SET_CHILD_SUBREAPER), and those that have ended are waited for, so that /proc knows of
their CPU. At the end of stdin it ends; whoever started it ends the others before.
"""

import ctypes
import json
import os
import selectors
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def reap():
    """Waits for all that have ended, whoever started them."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def start(order):
    with open(order["log"], "ab") as log:
        moment = time.time()
        process = subprocess.Popen(
            order["argv"], env=order["env"], cwd=order["cwd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
        answer = {"at": moment, "pid": process.pid}
        if order["wait"]:
            answer["code"] = process.wait()
        else:
            # It is waited for by `reap`; Popen must not think that it still runs.
            process.returncode = 0
    return answer


def main():
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit("prctl(PR_SET_CHILD_SUBREAPER) failed.")
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    left = b""
    while True:
        reap()
        if not selector.select(0.1):
            continue
        read = os.read(0, 65536)
        if not read:
            return
        *lines, left = (left + read).split(b"\n")
        for line in lines:
            print(json.dumps(start(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
