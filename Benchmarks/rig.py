"""What a benchmark stands on: a temporary folder, the simulator on the loopback, a vizd with a spool of its own.

`Rig` is a context: it starts what is asked for and, however the benchmark ends, stops every process that it started
(SIGTERM, then SIGKILL) and removes the folder. Nothing outside of the folder is written, no variable of the caller's
environment that could configure vizd is handed on, and no request leaves the machine. What cannot be started, or ends
too early, is a `Broken` with what the program said last.
"""

import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEY = "key_simulator"
# A JPEG of a few pixels: what is stored as it came, with next to no image work.
SMALL_PICTURE = ROOT / "Tests" / "ImagingTests" / "Images" / "grey.jpg"
EXAMPLE_USER = ROOT / "Examples" / "wardrobe_photos" / "peichin"
# Five garments. The first three have photos that a provider takes as they are; with more of them some share a sheet,
# which the image workers draw.
EXAMPLE_OUTFIT = "8f14e45f-ceea-467f-a0e6-1d1c6d3a0003"


class Broken(Exception):
    """The benchmark cannot go on."""


class Rig(contextlib.ExitStack):
    """The folder and the processes of one benchmark."""

    def __init__(self, products, parent=None, keep=False):
        super().__init__()
        self.products = pathlib.Path(products)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vizd-bench-", dir=parent))
        self.spool, self.state = self.folder / "spool", self.folder / "state"
        self.wardrobe = self.folder / "wardrobe_photos"
        # Where vizd tells its service manager how it goes (sd_notify(3)): this program stands in for the manager.
        # It never waits to be told anything, whether a vizd is started at all or not.
        self.ear = self.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.ear.setblocking(False)
        self.ear.bind(str(self.folder / "notify"))
        # When vizd was started last, and after how many seconds it was ready.
        self.began, self.ready_after = 0.0, 0.0
        if not keep:
            self.callback(shutil.rmtree, self.folder, ignore_errors=True)

    # The wardrobe and the requests.

    def furnish(self, outfits, garments):
        """Makes a wardrobe: for every user of `outfits` (user -> ids) a folder with the photos of the example and a
        record of these outfits, each a copy of the example's with its first so many garments."""
        saved = json.loads((EXAMPLE_USER / "saved_outfits.json").read_text())
        plain = next(outfit for outfit in saved["saved"] if outfit["id"] == EXAMPLE_OUTFIT)
        del plain["outfit_data"]["items"][garments:]
        photos = [pathlib.PurePath(item["image_path"]).name for item in plain["outfit_data"]["items"]]
        for user, ids in outfits.items():
            items = self.wardrobe / user / "items"
            items.mkdir(parents=True)
            for photo in photos:
                shutil.copyfile(EXAMPLE_USER / "items" / photo, items / photo)
            record = json.dumps({**saved, "saved": [{**plain, "id": one} for one in ids]}, indent=2)
            record = record.replace(f"wardrobe_photos/{EXAMPLE_USER.name}/", f"wardrobe_photos/{user}/")
            (items.parent / "saved_outfits.json").write_text(record)

    def drop(self, name, request):
        """Delivers a request as an app should: written aside, moved into incoming/ whole."""
        aside = self.spool / "tmp" / f"{name}.json"
        aside.write_text(json.dumps(request))
        aside.rename(self.spool / "incoming" / aside.name)

    def landed(self, box):
        """The names that have a result in `done` or `failed`."""
        ending = ".result.json"
        with os.scandir(self.spool / box) as entries:
            return {one.name.removesuffix(ending) for one in entries if one.name.endswith(ending)}

    def result(self, box, name):
        return json.loads((self.spool / box / f"{name}.result.json").read_text())

    # The processes.

    def start(self, *command, environment=None, before=()):
        """Starts a program of the build. What it says goes to a file of the folder, but for a pipe on stdout.
        `before`: a program that becomes it, or runs it within itself, with its options."""
        log = self.enter_context(open(self.log(command[0]), "wb"))
        plain = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        process = subprocess.Popen(
            [*before, self.products / command[0], *command[1:]], env={**plain, **(environment or {})}, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self.callback(self.end, process)
        return process

    def log(self, program):
        return self.folder / f"{program}.log"

    def last_words(self, program):
        lines = self.log(program).read_text(errors="replace").splitlines()
        return "\n".join(lines[-5:]) or "(it said nothing)"

    def end(self, process):
        """Ends a process. Answers its exit code; -9 for one that was still there after ten seconds."""
        process.stdout.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            self.listen()
            time.sleep(0.05)
        if process.poll() is None:
            process.kill()
        return process.wait()

    def simulate(self, seconds):
        """Starts the simulator, whose tasks all take so long and of which any number may be at work."""
        command = ["--quiet", "--port", "0", "--duration", f"{seconds:g}", "--seed", "1", "--credits", "100000000"]
        process = self.start("runway-simulator", *command)
        if not select.select([process.stdout], [], [], 20)[0]:
            raise Broken("runway-simulator did not say where it listens.")
        line = process.stdout.readline().decode().strip()
        if not line.startswith("listening on http://127.0.0.1:"):
            raise Broken(f"runway-simulator did not start:\n{self.last_words('runway-simulator')}")
        return Simulator(process, int(line.rpartition(":")[2]))

    def respond(self, seconds, picture=None):
        """Starts the responder, a provider that takes next to no CPU: its tasks all take so long. `picture`: the file
        that every task ends with."""
        picture = picture or SMALL_PICTURE
        self.compile("responder")
        process = self.start("responder", "0", f"{seconds:g}", str(picture))
        if not select.select([process.stdout], [], [], 20)[0]:
            raise Broken("The responder did not say where it listens.")
        line = process.stdout.readline().decode().strip()
        if not line.startswith("listening on http://127.0.0.1:"):
            raise Broken(f"The responder did not start:\n{self.last_words('responder')}")
        return Responder(process, int(line.rpartition(":")[2]))

    def phone_photos(self, count):
        """Photos of 12 megapixels as phones make them, about 5 MB each, by Pillow: a picture with detail everywhere."""
        script = (
            "import sys, os\nfrom PIL import Image\n"
            "for path in sys.argv[1:]:\n"
            "    noise = Image.frombytes('RGB', (504, 378), os.urandom(504 * 378 * 3)).resize((4032, 3024), 3)\n"
            "    grain = Image.frombytes('L', (4032, 3024), os.urandom(4032 * 3024)).convert('RGB')\n"
            "    Image.blend(noise, grain, 0.12).save(path, quality=88)\n")
        paths = [self.folder / f"phone-{number}.jpg" for number in range(count)]
        subprocess.run([pillow(), "-c", script, *map(str, paths)], check=True)
        return paths

    def compile(self, name):
        """Compiles a program of Benchmarks/ that is written in C, beside the programs of the build; that takes less
        than a second. Answers its path."""
        source, target = ROOT / "Benchmarks" / name / f"{name}.c", self.products / name
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            return target
        compiler = next((one for one in ("cc", "clang") if shutil.which(one)), None)
        if compiler is None:
            raise Broken(f"There is no C compiler (cc or clang) for Benchmarks/{name}: install the package gcc.")
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-pthread", "-o", target, source], check=True)
        return target

    def run_vizd(self, simulator, settings, before=()):
        """Starts vizd against a provider and waits until it is ready. `settings`: more of its environment; `before` as
        in `start`."""
        # An empty file, so that no configuration of the machine has a say.
        (self.folder / "vizd.conf").write_text("# Everything is in the environment.\n")
        place = f"127.0.0.1:{simulator.port}"
        environment = {
            "VIZD_CONFIG": str(self.folder / "vizd.conf"), "VIZD_SPOOL_DIR": str(self.spool),
            "VIZD_STATE_DIR": str(self.state), "VIZD_WARDROBE_ROOT": str(self.wardrobe), "RUNWAY_API_KEY": KEY,
            "RUNWAY_BASE_URL": f"http://{place}", "VIZD_HTTP_ALLOW_INSECURE": place,
            "NOTIFY_SOCKET": str(self.folder / "notify"),
        }
        self.began = time.monotonic()
        process = self.start("vizd", "run", environment={**environment, **settings}, before=before)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if select.select([self.ear], [], [], 0.2)[0] and b"READY=1" in self.ear.recv(4096):
                self.ready_after = time.monotonic() - self.began
                return process
        raise Broken(f"vizd did not become ready:\n{self.last_words('vizd')}")

    def listen(self):
        """Takes in what vizd tells its service manager. Nobody may leave that lying: the kernel keeps a few lines, and
        then makes the sender wait."""
        with contextlib.suppress(BlockingIOError):
            while self.ear.recv(4096):
                pass


def pillow():
    """A Python that has Pillow, in a folder of its own beside the build; installed at the first use."""
    place = ROOT / ".build" / "pillow"
    python = place / "bin" / "python3"
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "pillow"], check=True)
        (place / "ready").touch()
    return python


class Responder:
    """A running responder: its process and its counts."""

    def __init__(self, process, port):
        self.process, self.port = process, port

    def ask(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return answer.read().decode()

    def counts(self):
        return json.loads(self.ask("/bench/counts"))

    def created(self):
        return self.counts()["creates"]

    def tasks(self):
        """For each task: when it was created, when a poll was first told of its end (seconds since 1970; 0 if never),
        and how often it was polled."""
        lines = [line.split() for line in self.ask("/bench/tasks").splitlines()]
        return {one: (int(created) / 1e6, int(done) / 1e6, int(polls)) for one, created, done, polls in lines}


class Simulator:
    """A running simulator: its process and its books."""

    def __init__(self, process, port):
        self.process, self.port = process, port

    def ask(self, path):
        # No proxy of the environment stands between this process and its own machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        headers = {"Authorization": f"Bearer {KEY}", "X-Runway-Version": "2024-11-06"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)

    def created(self):
        """Tasks that exist: what the account shows to any customer, which costs less than the books."""
        models = self.ask("/v1/organization")["usage"]["models"]
        return sum(model["dailyGenerations"] for model in models.values())

    def books(self):
        return self.ask("/simulator/books")
