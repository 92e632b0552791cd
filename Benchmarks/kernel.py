"""What the kernel knows of a process: CPU, memory, threads, descriptors, sockets, context switches.

Every figure is read from /proc, so nothing is added to the process that is measured. A process or thread that ends
while it is read counts as one that has nothing; all other errors are raised. Times are seconds, sizes are bytes.
"""

import dataclasses
import os

TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class CPU:
    """Seconds that were spent on a processor."""

    user: float = 0.0
    system: float = 0.0

    @property
    def total(self):
        return self.user + self.system

    def __add__(self, other):
        return CPU(self.user + other.user, self.system + other.system)

    def __sub__(self, other):
        return CPU(self.user - other.user, self.system - other.system)


def text(path):
    """The content of a file of /proc; empty for a process or thread that is gone."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def names(path):
    """The entries of a folder of /proc; none for a process that is gone."""
    try:
        return os.listdir(path)
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu(pid):
    """The CPU of a process and that of its children that have ended and were waited for: proc_pid_stat(5), 14 to 17."""
    # The name in brackets may hold blanks and brackets itself, so the fields are counted from the last bracket.
    fields = text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if not fields:
        return CPU(), CPU()
    user, system, child_user, child_system = (int(field) * TICK for field in fields[11:15])
    return CPU(user, system), CPU(child_user, child_system)


def children(pid):
    """The processes that any thread of a process has started and that still run."""
    found = []
    for thread in names(f"/proc/{pid}/task"):
        found += [int(word) for word in text(f"/proc/{pid}/task/{thread}/children").split()]
    return found


def member(content, key):
    """A number of a `Key: value [kB]` file, in bytes where it has a unit; 0 where it is absent."""
    for line in content.splitlines():
        name, _, value = line.partition(":")
        if name == key:
            words = value.split()
            return int(words[0]) * (1024 if words[1:] == ["kB"] else 1)
    return 0


def peak_resident(pid):
    """The most memory that was ever resident, shared pages counted in full."""
    return member(text(f"/proc/{pid}/status"), "VmHWM")


def proportional(pid):
    """Resident memory, each shared page divided by those who share it. The kernel walks all pages: not too often."""
    return member(text(f"/proc/{pid}/smaps_rollup"), "Pss")


def threads(pid):
    return member(text(f"/proc/{pid}/status"), "Threads")


def switches(pid):
    """Context switches of the threads that live: those that waited, those that were interrupted."""
    status = [text(f"/proc/{pid}/task/{thread}/status") for thread in names(f"/proc/{pid}/task")]
    return (
        sum(member(one, "voluntary_ctxt_switches") for one in status),
        sum(member(one, "nonvoluntary_ctxt_switches") for one in status),
    )


def descriptors(pid):
    """What the open descriptors of a process lead to."""
    targets = []
    for number in names(f"/proc/{pid}/fd"):
        try:
            targets.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return targets


def connections(pid, port, targets):
    """How many of a process' descriptors are established TCP connections to a port of 127.0.0.1."""
    ours = {target for target in targets if target.startswith("socket:")}
    count = 0
    for line in text(f"/proc/{pid}/net/tcp").splitlines()[1:]:
        fields = line.split()
        peer, state, inode = fields[2], fields[3], fields[9]
        # 01 is ESTABLISHED; the address is a number in the machine's order of bytes.
        if state == "01" and int(peer.rpartition(":")[2], 16) == port and f"socket:[{inode}]" in ours:
            count += 1
    return count


def machine():
    """Seconds that all processors together were busy with anybody's work since the start of the machine."""
    user, nice, system, _idle, _wait, irq, soft, steal = (int(word) for word in text("/proc/stat").split()[1:9])
    return (user + nice + system + irq + soft + steal) * TICK


def file_system(path):
    """The type of the file system that holds a path, such as ext4 or tmpfs."""
    path, best = os.path.realpath(path), ("", "unknown")
    for line in text("/proc/self/mounts").splitlines():
        place, kind = line.split()[1:3]
        holds = path == place or path.startswith(place.rstrip("/") + "/")
        # Later mounts on the same place hide earlier ones.
        if holds and len(place) >= len(best[0]):
            best = (place, kind)
    return best[1]
