"""Peers: vizd beside what else a person would take for the same work, on the same photos, provider and machine.

Each peer brings N outfits to their pictures: photos encoded, order, polls every two seconds, download, picture stored,
record updated. The provider (the responder) ends each task after 0, 2 or 20 seconds. The peers take turns, in another
order each round, and every figure is the median of its rounds; a trial that takes longer than --limit is broken off,
and its rate is that of what had landed by then. With the instant provider requests are also dropped one at a time, for
the latency of an idle queue. At last each is killed with SIGKILL, all of its processes at once, in the middle of its
work, and started again. Call it through `scripts/bench peers`, which installs them.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time

import bench
import kernel
import plot
import rig

HERE = pathlib.Path(__file__).resolve().parent / "peers"
USERS = 20
# Jobs and rounds at each provider time: few where a trial takes long.
WORK = {0: (100, 3), 2: (48, 3), 20: (16, 1)}


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench peers", description=__doc__.split("\n\n")[0])
    number = parser.add_argument
    number("--times", default="0,2,20", metavar="S,S", help="how long the provider takes (0,2,20)")
    number("--jobs", type=int, metavar="N", help="requests of a trial (100, 48, 16)")
    number("--rounds", type=int, metavar="N", help="rounds (3, 3, 1)")
    number("--single", type=int, default=25, metavar="N", help="requests that are dropped one at a time (25)")
    number("--limit", type=float, default=90, metavar="S", help="break a trial off after so long (90)")
    number("--only", default="", metavar="NAME,NAME", help="only peers whose names begin so; vizd is always there")
    number("--no-kill", action="store_true", help="leave the kill -9 out")
    number("--plot", metavar="FILE", help="draw the figures as SVG")
    return bench.arguments(parser)


class Group:
    """The processes of one peer, below a keeper that counts them."""

    def __init__(self, stand, provider):
        self.stand = stand
        self.done = stand.folder / "done"
        self.done.mkdir(exist_ok=True)
        plain = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        self.environment = {
            **plain, "BENCH_URL": f"http://127.0.0.1:{provider.port}", "BENCH_ROOT": str(stand.wardrobe),
            "BENCH_DONE": str(self.done), "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(stand.folder), "NO_PROXY": "127.0.0.1"}
        self.keeper = subprocess.Popen(
            [sys.executable, "-B", HERE / "keeper.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stand.callback(self.end)

    def start(self, *argv, wait=False, **environment):
        order = {"argv": [str(word) for word in argv], "env": {**self.environment, **environment}, "wait": wait,
                 "cwd": str(self.stand.folder), "log": str(self.stand.log("peer"))}
        self.keeper.stdin.write(json.dumps(order) + "\n")
        self.keeper.stdin.flush()
        answer = json.loads(self.keeper.stdout.readline())
        if answer.get("code"):
            raise rig.Broken(f"{argv[0]} ended with {answer['code']}:\n{self.stand.last_words('peer')}")
        return answer["at"]

    def pids(self):
        return descendants(self.keeper.pid)

    def spent(self):
        return kernel.cpu(self.keeper.pid)[1] + spent(self.pids())

    def kill(self):
        """SIGKILL to all, until none is left."""
        end = time.monotonic() + 20
        while alive := [pid for pid in self.pids() if not is_gone(pid)]:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > end:
                raise rig.Broken(f"{len(alive)} processes do not end.")
            time.sleep(0.01)

    def end(self):
        self.kill()
        self.keeper.stdin.close()
        self.keeper.wait()
        self.keeper.stdout.close()


def descendants(pid):
    found = []
    for child in kernel.children(pid):
        found += [child, *descendants(child)]
    return found


def spent(pids):
    """The CPU of processes and of those that they have waited for."""
    return sum((one + waited for one, waited in map(kernel.cpu, pids)), kernel.CPU())


def is_gone(pid):
    return kernel.text(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] in ([], ["Z"])


class Vizd:
    """vizd as it comes, asked to poll as often as the others do."""

    SETTINGS = {"VIZD_POLL_INITIAL": "0", "VIZD_POLL_INTERVAL": "2", "VIZD_LOG_LEVEL": "warning"}

    def __init__(self, stand, provider):
        self.stand, self.provider, self.done = stand, provider, stand.spool / "done"
        self.process = None

    def start(self):
        self.process = self.stand.run_vizd(self.provider, self.SETTINGS)

    def deliver(self, name, request):
        moment = time.time()
        self.stand.drop(name, request)
        return moment

    def pids(self):
        return [self.process.pid, *descendants(self.process.pid)]

    def spent(self):
        return spent(self.pids())

    def kill(self):
        for pid in reversed(self.pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def told(self):
        """Jobs that ended with an error that says what is the matter."""
        return len(self.stand.landed("failed"))


class Peer:
    """What the others have in common: a group of processes, a folder of results, nothing to say of what was lost."""

    def __init__(self, stand, provider):
        self.stand, self.group = stand, Group(stand, provider)
        self.done, self.pids, self.spent, self.kill = (
            self.group.done, self.group.pids, self.group.spent, self.group.kill)

    def start(self):
        pass

    def told(self):
        return 0

    def await_true(self, condition, what):
        end = time.monotonic() + 120
        while not condition():
            if time.monotonic() > end:
                raise rig.Broken(f"{what} does not come.\n{self.stand.last_words('peer')}")
            time.sleep(0.05)


class WithRedis(Peer):
    """Redis on a socket of its own; `durable` with its journal, else as Redis comes: a snapshot now and then."""

    durable = False

    def start(self):
        # Only this program asks for them, and only for the peers that need them.
        import redis
        self.place = self.stand.folder / "redis.socket"
        journal = "yes" if self.durable else "no"
        self.group.start("redis-server", "--port", "0", "--unixsocket", self.place, "--dir", self.stand.folder,
                         "--appendonly", journal)
        self.redis = redis.Redis(unix_socket_path=str(self.place))

        def answers():
            with contextlib.suppress(redis.exceptions.RedisError):
                return self.redis.ping()

        self.await_true(answers, "Redis")


class Rq(WithRedis):
    """The design that vizd replaces: RQ's workers, each of which forks for each job and waits for its end."""

    workers = 1

    def start(self):
        super().start()
        import rq
        # The dead of before a kill are still in the set.
        self.redis.delete("rq:workers")
        self.queue = rq.Queue(connection=self.redis)
        for _ in range(self.workers):
            self.group.start(sys.executable, "-m", "rq.cli", "worker", "--quiet", "--url", f"unix://{self.place}")
        self.await_true(lambda: self.redis.scard("rq:workers") >= self.workers, "RQ's worker")

    def deliver(self, name, request):
        moment = time.time()
        self.queue.enqueue("work.visualize", name, request["user_id"], request["outfit_id"], job_timeout=600)
        return moment

    def told(self):
        return self.queue.failed_job_registry.count


class Rq4(Rq):
    workers = 4


class Rq4Durable(Rq4):
    durable = True


class Rq16(Rq):
    workers = 16


class Celery(WithRedis):
    """Celery's worker with gevent: one process, a hundred jobs at once."""

    def start(self):
        super().start()
        os.environ["BENCH_BROKER"] = broker = f"redis+socket://{self.place}"
        import celery
        import kombu.pools
        # Connections of before a kill lead nowhere.
        kombu.pools.reset()
        self.app = celery.Celery("tasks", broker=broker)
        self.app.conf.task_ignore_result = True
        self.group.start(sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", "gevent", "--concurrency",
                         "100", "--loglevel", "warning", BENCH_BROKER=broker)
        self.await_true(lambda: self.app.control.ping(timeout=0.5), "Celery's worker")

    def deliver(self, name, request):
        moment = time.time()
        self.app.send_task("tasks.visualize", (name, request["user_id"], request["outfit_id"]))
        return moment


class TaskSpooler(Peer):
    """task-spooler with 16 slots."""

    def deliver(self, name, request):
        return self.group.start(
            "tsp", "-n", HERE / "job", name, request["user_id"], request["outfit_id"], wait=True,
            TS_SOCKET=str(self.stand.folder / "tsp.socket"), TS_SLOTS="16")


class Nq(Peer):
    """nq, which runs one job at a time in each folder: 16 of them in turn."""

    count = 0

    def deliver(self, name, request):
        self.count += 1
        folder = self.stand.folder / f"nq-{self.count % 16}"
        return self.group.start(
            "nq", "-c", "-q", HERE / "job", name, request["user_id"], request["outfit_id"], wait=True,
            NQDIR=str(folder))


class Loop(Peer):
    """A loop around inotifywait that starts a job for each file."""

    def start(self):
        self.incoming, ready = self.stand.folder / "incoming", self.stand.folder / "loop-is-ready"
        self.incoming.mkdir(exist_ok=True)
        ready.unlink(missing_ok=True)
        self.group.start(HERE / "loop", self.incoming)
        self.await_true(ready.exists, "The loop")

    def deliver(self, name, request):
        aside = self.stand.folder / name
        aside.write_text(json.dumps(request))
        moment = time.time()
        aside.rename(self.incoming / f"{name}.json")
        return moment


PEERS = {
    "vizd": Vizd, "RQ, 1 worker": Rq, "RQ, 4 workers": Rq4, "RQ, 16 workers": Rq16, "Celery, gevent": Celery,
    "task-spooler, 16 slots": TaskSpooler, "nq, 16 queues": Nq, "inotifywait loop": Loop,
}
KILLED = {
    "vizd": Vizd, "RQ, 4 workers": Rq4, "RQ, 4 workers, Redis with appendonly": Rq4Durable, "Celery, gevent": Celery,
    "task-spooler, 16 slots": TaskSpooler, "nq, 16 queues": Nq, "inotifywait loop": Loop,
}


class Stage(contextlib.ExitStack):
    """A fresh folder, a provider, a peer that has done its first job, and the requests for it."""

    def __init__(self, chosen, kind, seconds, jobs):
        super().__init__()
        self.stand = self.enter_context(rig.Rig(chosen.products, chosen.folder, chosen.keep))
        # Where no vizd speaks, nobody waits for a word of it.
        self.stand.ear.setblocking(False)
        self.requests = bench.requests_of(self.stand, jobs, USERS)
        self.stand.furnish({"user-warm": ["outfit-warm"]}, 3)
        self.provider = self.stand.respond(seconds)
        self.peer = kind(self.stand, self.provider)
        self.peer.start()
        self.peer.deliver("job-warm", {"user_id": "user-warm", "outfit_id": "outfit-warm"})
        self.await_all(1, 60 + seconds)

    def landed(self):
        with os.scandir(self.peer.done) as entries:
            return sum(one.name.endswith(".result.json") for one in entries)

    def await_all(self, count, limit, look=lambda: None):
        """Waits until so many results are there, or the time is over. Answers how many there are."""
        end = time.monotonic() + limit
        while (landed := self.landed()) < count and time.monotonic() < end:
            self.stand.listen()
            look()
            time.sleep(0.05)
        if not landed:
            raise rig.Broken(f"Nothing landed.\n{self.stand.last_words('vizd' if self.is_vizd() else 'peer')}")
        return landed

    def is_vizd(self):
        return isinstance(self.peer, Vizd)

    def results(self):
        """For each job that has landed: its task, and when its result came (the kernel's clock for files: to 4 ms)."""
        found = {}
        for path in self.peer.done.glob("*.result.json"):
            result = json.loads(path.read_text())
            task = result["result"]["metadata"]["task_id"] if self.is_vizd() else result["task_id"]
            found[result["job_id"]] = (task, path.stat().st_ctime)
        return found

    def records_without(self, names):
        """Jobs of `names` whose outfit has no picture in its record: an update that another has undone."""
        records, missing = {}, 0
        for name in names:
            user, outfit = self.requests[name]["user_id"], self.requests[name]["outfit_id"]
            if user not in records:
                content = json.loads((self.stand.wardrobe / user / "saved_outfits.json").read_text())
                records[user] = {one["id"] for one in content["saved"] if "visualization_url" in one}
            missing += outfit not in records[user]
        return missing


def trial(chosen, kind, seconds, jobs):
    """One peer, once. Answers its figures by name."""
    with Stage(chosen, kind, seconds, jobs) as stage:
        memory, walked = [0], [0.0]

        def look():
            # The kernel walks all pages for this, so not too often; the walk is not the peer's CPU.
            if time.monotonic() > walked[0] + 0.5:
                memory.append(sum(map(kernel.proportional, stage.peer.pids())))
                walked[0] = time.monotonic()

        before, begun = stage.peer.spent(), time.time()
        dropped = {name: stage.peer.deliver(name, request) for name, request in stage.requests.items()}
        look()
        landed = stage.await_all(jobs + 1, chosen.limit, look) - 1
        used, tasks, results = (stage.peer.spent() - before).total, stage.provider.tasks(), stage.results()
        ended = max(moment for _, moment in results.values()) if landed == jobs else time.time()
        results.pop("job-warm")
        submits = [(tasks[task][0] - dropped[name]) * 1e3 for name, (task, _) in results.items()]
        # From the end at the provider, whether or not anybody has asked for it by then.
        shown = [(moment - tasks[task][0] - seconds) * 1e3 for task, moment in results.values()]
        found = {
            "jobs": jobs, "landed": landed, "jobs/s": landed / (ended - begun),
            # What is on its way when a trial is broken off has cost something too, and has not landed.
            "CPU ms a job": used / (len(tasks) - 1) * 1e3 if landed == jobs else None, "memory MB": max(memory) / 1e6,
            "submit p50": bench.quantile(submits, 0.5), "submit p99": bench.quantile(submits, 0.99),
            "result p50": bench.quantile(shown, 0.5), "result p99": bench.quantile(shown, 0.99),
            "record updates lost": stage.records_without(results),
            "orders too many": len(tasks) - 1 - landed if landed == jobs else None,
        }
        if seconds == 0 and landed == jobs:
            found.update(singles(chosen, stage))
        return found


def singles(chosen, stage):
    """Requests one at a time, again for the first outfits: each is dropped when the one before has landed."""
    again = list(stage.requests.values())[:chosen.single]
    sight, dropped, visible = bench.Sight(stage.peer.done), {}, {}
    for number, request in enumerate(again):
        name, extra = f"single-{number}", {"regenerate": True} if stage.is_vizd() else {}
        stage.stand.listen()
        time.sleep(random.uniform(0.02, 0.06))
        dropped[name] = stage.peer.deliver(name, {**request, **extra})
        visible[name] = sight.await_name(f"{name}.result.json", 60)
    tasks, results = stage.provider.tasks(), stage.results()
    submits = [(tasks[results[name][0]][0] - dropped[name]) * 1e3 for name in dropped]
    shown = [(visible[name] - tasks[results[name][0]][1]) * 1e3 for name in dropped]
    return {
        "idle submit p50": bench.quantile(submits, 0.5), "idle submit p99": bench.quantile(submits, 0.99),
        "idle result p50": bench.quantile(shown, 0.5), "idle result p99": bench.quantile(shown, 0.99)}


def killed(chosen, kind, jobs=40, seconds=2, quiet=30):
    """Requests in a steady flow of 20 a second, SIGKILL to all processes of the peer once a third of its orders are
    out, the rest delivered after a new start (what cannot be delivered meanwhile waits at the sender), and what comes
    of it until nothing has changed for `quiet` seconds."""
    with Stage(chosen, kind, seconds, jobs) as stage:
        waiting = list(stage.requests.items())
        while waiting and stage.provider.created() - 1 < jobs / 3:
            stage.peer.deliver(*waiting.pop(0))
            stage.stand.listen()
            time.sleep(0.05)
        end = time.monotonic() + 60
        while stage.provider.created() - 1 < jobs / 3 and time.monotonic() < end:
            stage.stand.listen()
            time.sleep(0.002)
        stage.peer.kill()
        before = stage.landed() - 1
        stage.peer.start()
        for name, request in waiting:
            stage.peer.deliver(name, request)
        seen, since = None, time.monotonic()
        while time.monotonic() < since + quiet:
            stage.stand.listen()
            now = (stage.landed(), stage.peer.told(), stage.provider.created())
            if now != seen:
                seen, since = now, time.monotonic()
            if now[0] + now[1] > jobs:
                break
            time.sleep(0.2)
        landed, told, created = seen[0] - 1, seen[1], seen[2] - 1
        return {"jobs": jobs, "landed before": before, "landed": landed, "told": told,
                "lost": jobs - landed - told, "orders": created, "paid for nothing": created - landed}


def medians(rounds):
    """The median of each figure over the rounds that have it."""
    names = dict.fromkeys(name for one in rounds for name in one)
    found = {name: [one[name] for one in rounds if one.get(name) is not None] for name in names}
    return {name: statistics.median(values) if values else None for name, values in found.items()}


def cell(value):
    return "-" if value is None else plot.shown(value)


def over(value, base):
    return "-" if not value or not base else f"{value / base:.2g}×" if value < base * 100 else f"{value / base:.0f}×"


def speed_table(seconds, found):
    first = found["vizd"]
    lines = [
        f"| provider takes {seconds:g} s, {first['jobs']:g} jobs at once | jobs/s | of vizd's | CPU ms a job "
        "| of vizd's | memory MB | of vizd's | drop to order p50, p99 ms | end to result p50, p99 ms "
        "| record updates lost |", "|---|" + "---|" * 9]
    for name, one in found.items():
        part = "" if one["landed"] == one["jobs"] else f" ({one['landed']:g} landed in time)"
        lines.append(" | ".join([
            f"| {name}{part}", cell(one["jobs/s"]), over(one["jobs/s"], first["jobs/s"]), cell(one["CPU ms a job"]),
            over(one["CPU ms a job"], first["CPU ms a job"]), cell(one["memory MB"]),
            over(one["memory MB"], first["memory MB"]), f"{cell(one['submit p50'])}, {cell(one['submit p99'])}",
            f"{cell(one['result p50'])}, {cell(one['result p99'])}", f"{cell(one['record updates lost'])} |"]))
    return "\n".join(lines)


def idle_table(found):
    lines = ["| one at a time, idle queue | drop to order p50, p99 ms | of vizd's p50 | told of the end to result "
             "visible p50, p99 ms | of vizd's p50 |", "|---|---|---|---|---|"]
    first = found["vizd"]
    for name, one in found.items():
        if "idle submit p50" in one:
            lines.append(" | ".join([
                f"| {name}", f"{cell(one['idle submit p50'])}, {cell(one['idle submit p99'])}",
                over(one["idle submit p50"], first.get("idle submit p50")),
                f"{cell(one['idle result p50'])}, {cell(one['idle result p99'])}",
                f"{over(one['idle result p50'], first.get('idle result p50'))} |"]))
    return "\n".join(lines)


def kill_table(found):
    names = ("landed before", "landed", "told", "lost", "orders", "paid for nothing")
    heads = ("complete at the kill", "complete at last", "failed and said so", "lost without a word", "orders placed",
             "paid for nothing")
    lines = [f"| killed in the middle of {next(iter(found.values()))['jobs']} jobs | " + " | ".join(heads) + " |",
             "|---|" + "---|" * len(names)]
    for name, one in found.items():
        lines.append(f"| {name} | " + " | ".join(str(one[key]) for key in names) + " |")
    return "\n".join(lines)


def draw(found):
    panels = []
    for seconds, peers in found.items():
        for figure, title in (("jobs/s", "jobs a second"), ("CPU ms a job", "CPU of a job, ms"),
                              ("memory MB", "memory at its peak (PSS), MB")):
            if figure == "jobs/s" or seconds == min(found) and "CPU" in figure or seconds == 2 and "memory" in figure:
                rows = [(name, one[figure]) for name, one in peers.items()]
                panels.append((f"{title}, provider takes {seconds:g} s", rows))
    return plot.bars(panels)


def rounds_of(chosen, kinds, seconds):
    """All rounds at one provider time: {name: medians}."""
    jobs, rounds = WORK.get(seconds, WORK[2])
    jobs, rounds = chosen.jobs or jobs, chosen.rounds or rounds
    trials = collections.defaultdict(list)
    for number in range(rounds):
        names = list(kinds)
        for name in names[number % len(names):] + names[:number % len(names)]:
            found = trial(chosen, kinds[name], seconds, jobs)
            trials[name].append(found)
            print(f"provider {seconds:g} s, round {number + 1}, {name}: {json.dumps(found)}", file=sys.stderr)
    return {name: medians(trials[name]) for name in kinds}


def chosen_of(peers, words):
    wanted = [word for word in words.split(",") if word]
    return {name: kind for name, kind in peers.items()
            if name == "vizd" or not wanted or any(name.lower().startswith(word.lower()) for word in wanted)}


def faults(found, survived):
    """What vizd itself may not do, ever; what the others do is what the tables are for."""
    wrong = []
    for seconds, peers in found.items():
        one = peers["vizd"]
        for figure in ("record updates lost", "orders too many"):
            if one[figure]:
                wrong.append(f"vizd, provider {seconds:g} s: {one[figure]:g} {figure}.")
    if survived and (lost := survived["vizd"]["lost"]):
        wrong.append(f"vizd lost {lost} jobs to kill -9.")
    if survived and (paid := survived["vizd"]["paid for nothing"] - survived["vizd"]["told"]) > 0:
        wrong.append(f"vizd paid for {paid} pictures that nobody has, and did not say so.")
    return wrong


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was told to stop."))
    missing = [one for one in ("redis-server", "tsp", "nq", "inotifywait", "curl", "jq") if not shutil.which(one)]
    if missing:
        sys.exit(f"These peers are missing: {', '.join(missing)}. scripts/bench peers installs them.")
    try:
        found = {seconds: rounds_of(chosen, chosen_of(PEERS, chosen.only), seconds)
                 for seconds in map(float, chosen.times.split(","))}
        survived = {}
        for name, kind in ({} if chosen.no_kill else chosen_of(KILLED, chosen.only)).items():
            survived[name] = killed(chosen, kind)
            print(f"kill -9, {name}: {json.dumps(survived[name])}", file=sys.stderr)
    except KeyboardInterrupt:
        sys.exit("The benchmark was told to stop.")
    except (rig.Broken, OSError) as trouble:
        print(f"The benchmark broke off: {trouble}", file=sys.stderr)
        return 1
    wrong = faults(found, survived)
    if chosen.json:
        print(json.dumps({"figures": found, "killed": survived, "faults": wrong}, indent=2))
    else:
        tables = [speed_table(seconds, peers) for seconds, peers in found.items()]
        tables += [idle_table(found[0.0])] if 0.0 in found else []
        tables += [kill_table(survived)] if survived else []
        print("\n\n".join(tables))
    if chosen.plot:
        pathlib.Path(chosen.plot).write_text(draw(found))
    for fault in wrong:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
