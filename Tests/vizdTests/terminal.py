#!/usr/bin/env python3
"""A terminal for a program under test: runs it on a real pty and shows what a person would see.

    terminal.py ROWS COLUMNS PROGRAM ARGUMENT...

Takes one JSON object a line on standard input, answers each with one on standard output:

    {"do": "await", "text": "…"}       until the screen has the text (or "absent": has it no more)
    {"do": "send", "keys": "…"}        types
    {"do": "resize", "rows": r, "columns": c}
    {"do": "signal", "name": "TERM"}   sends a signal to the program
    {"do": "stopped"}                  until the program has stopped
    {"do": "ended"}                    until it has ended: {"status": n} or {"signal": n}
    {"do": "screen"}                   {"lines": [...], "modes": {...}}

It understands the few sequences that a program of ours may send, and ends with an error at any other control character:
what a stranger's text would have the terminal do shows here. A program that does not do what is awaited within a minute
is an error, too.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
import unicodedata

LIMIT = 60


class Screen:
    """What is on the glass."""

    CSI = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")

    def __init__(self, rows, columns):
        self.alternate = False
        self.cursor = True
        self.wrap = True
        self.colours = set()
        self.main = []
        self.pending = ""
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.clear()
        # What is on its way was drawn for the old size: until the program clears the screen, too much is cut off.
        self.settled = False

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.row = self.column = 0

    def feed(self, text):
        text = self.pending + text
        self.pending = ""
        at = 0
        while at < len(text):
            letter = text[at]
            if letter == "\x1b":
                match = self.CSI.match(text, at)
                if not match:
                    if len(text) - at < 24 and re.fullmatch(r"\x1b(\[(\??)[0-9;]*)?", text[at:]):
                        self.pending = text[at:]
                        return
                    raise SystemExit(f"a sequence that nobody may send: {text[at:at + 20]!r}")
                self.obey(*match.groups())
                at = match.end()
                continue
            at += 1
            if letter == "\r":
                self.column = 0
            elif letter == "\n":
                self.row = min(self.row + 1, self.rows - 1)
            elif unicodedata.category(letter) in ("Cc", "Cf"):
                raise SystemExit(f"a control character: {letter!r}")
            else:
                self.put(letter)

    def put(self, letter):
        width = 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if unicodedata.category(letter) in ("Mn", "Me"):
            if self.column > 0:
                self.cells[self.row][self.column - 1] += letter
            return
        if self.column + width > self.columns:
            if not self.alternate:
                self.row, self.column = min(self.row + 1, self.rows - 1), 0
            elif self.settled:
                raise SystemExit(f"row {self.row} is wider than the screen at {letter!r}")
            else:
                return
        self.cells[self.row][self.column] = letter
        if width == 2:
            self.cells[self.row][self.column + 1] = ""
        self.column += width

    def obey(self, private, parameters, final):
        if private:
            on = final == "h"
            if parameters == "1049":
                self.alternate = on
                self.clear()
            elif parameters == "25":
                self.cursor = on
            elif parameters == "7":
                self.wrap = on
            else:
                raise SystemExit(f"a mode that nobody may set: {parameters}")
        elif final == "H":
            row, column = (int(n) for n in parameters.split(";"))
            if self.settled and not (1 <= row <= self.rows and 1 <= column <= self.columns):
                raise SystemExit(f"a place outside of the screen: {parameters}")
            self.row, self.column = min(row, self.rows) - 1, min(column, self.columns) - 1
        elif final == "J" and parameters == "2":
            self.clear()
            self.settled = True
        elif final == "J":
            for row in range(self.row, self.rows):
                self.cells[row][self.column if row == self.row else 0:] = [" "] * (
                    self.columns - (self.column if row == self.row else 0))
        elif final == "K":
            self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
        elif final == "m":
            self.colours |= {int(n) for n in parameters.split(";") if n and 30 <= int(n) < 50}
        else:
            raise SystemExit(f"a sequence that nobody may send: {parameters}{final}")

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]


class Program:
    def __init__(self, rows, columns, arguments):
        self.screen = Screen(rows, columns)
        # The slave stays open here, so that the modes can be asked for after the program has ended.
        master, self.slave = pty.openpty()
        self.size(rows, columns, self.slave)
        self.found = termios.tcgetattr(self.slave)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for number in (0, 1, 2):
                os.dup2(self.slave, number)
            os.closerange(3, 64)
            os.execv(arguments[0], arguments)
        self.master = master
        self.bytes = b""
        self.end = None

    def size(self, rows, columns, descriptor):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def look(self, seconds):
        """Takes what the program wrote; answers whether it wrote anything."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        self.bytes += os.read(self.master, 65536)
        text = self.bytes.decode("utf-8", "ignore")
        self.bytes = self.bytes[len(text.encode()):]
        self.screen.feed(text)
        return True

    def until(self, what, condition):
        limit = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > limit:
                shown = "\n".join(self.screen.lines())
                raise SystemExit(f"not within {LIMIT} s: {what}; the screen was:\n{shown}")
            self.look(0.05)
        while self.look(0):
            pass

    def modes(self):
        now = termios.tcgetattr(self.slave)
        return {
            "echo": bool(now[3] & termios.ECHO), "lines": bool(now[3] & termios.ICANON), "asFound": now == self.found,
            "alternate": self.screen.alternate, "cursor": self.screen.cursor, "wrap": self.screen.wrap,
            "colours": sorted(self.screen.colours),
        }

    def waited(self, flags):
        if self.end is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG | flags)
            if pid:
                if os.WIFSTOPPED(status):
                    return "stopped"
                self.end = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {
                    "status": os.WEXITSTATUS(status)}
        return "ended" if self.end is not None else None

    def obey(self, order):
        todo = order["do"]
        if todo == "await":
            text = order["text"]
            wanted = not order.get("absent", False)
            self.until(f"{text!r} is {'there' if wanted else 'gone'}",
                       lambda: (text in "\n".join(self.screen.lines())) == wanted)
        elif todo == "send":
            os.write(self.master, order["keys"].encode())
        elif todo == "resize":
            self.screen.resize(order["rows"], order["columns"])
            self.size(order["rows"], order["columns"], self.master)
        elif todo == "signal":
            os.kill(self.pid, getattr(signal, "SIG" + order["name"]))
        elif todo == "stopped":
            self.until("it stops", lambda: self.waited(os.WUNTRACED) == "stopped")
        elif todo == "ended":
            self.until("it ends", lambda: self.waited(0) == "ended")
            return self.end
        elif todo != "screen":
            raise SystemExit(f"what is {todo}?")
        return {"lines": self.screen.lines(), "modes": self.modes()}


def main():
    program = Program(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    try:
        for line in sys.stdin:
            answer = program.obey(json.loads(line))
            print(json.dumps(answer), flush=True)
    finally:
        if program.end is None:
            os.kill(program.pid, signal.SIGKILL)


main()
