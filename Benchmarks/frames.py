"""Frames: what the asynchronous functions of a built program keep while they wait.

A Swift task holds the frames of all asynchronous functions that wait in it; their sizes stand in the program, beside
each function. Prints the largest ones, in bytes: `python3 Benchmarks/frames.py PROGRAM [COUNT]`. Needs nm and readelf
(binutils) and swift for the names.
"""

import re
import struct
import subprocess
import sys

# The symbol of an async function pointer: an offset to the code and the size of the frame, 32 bits each.
POINTER = re.compile(r"^([0-9a-f]+) \S (\$s\S+Tu)$")
SECTION = re.compile(r"^\s*\[\s*\d+\]\s+\S+\s+\S+\s+([0-9a-f]+)\s+([0-9a-f]+)\s+([0-9a-f]+)")


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def frames(program):
    sections = [tuple(int(word, 16) for word in found.groups()) for line in said("readelf", "-SW", program)
                if (found := SECTION.match(line))]
    with open(program, "rb") as file:
        content = file.read()
    for found in filter(None, map(POINTER.match, said("nm", program))):
        address = int(found[1], 16)
        for start, offset, size in sections:
            if start and start <= address < start + size:
                yield struct.unpack_from("<iI", content, offset + address - start)[1], found[2]


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: python3 Benchmarks/frames.py PROGRAM [COUNT]")
    largest = sorted(frames(sys.argv[1]), reverse=True)[:int(sys.argv[2]) if len(sys.argv) == 3 else 40]
    names = said("swift", "demangle", "--compact", *(name for _, name in largest))
    for (size, _), name in zip(largest, names):
        print(f"{size:7,}  {name.removeprefix('async function pointer to ')[:110]}")


if __name__ == "__main__":
    main()
