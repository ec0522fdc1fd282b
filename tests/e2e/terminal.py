# SPDX-License-Identifier: Apache-2.0
"""A pseudo-terminal with a program in it, judged by pyte. For the end-to-end tests of the console."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

import pyte

DEADLINE = 30
BUILD = os.environ.get("SIGNALBOX_BUILD", "build/gcc")
DRIVER = BUILD + "/tests/e2e/console_driver"
RECORDED = ["01-connect", "03-calm", "04-anomaly", "05-card"]
CLOCK = "2026-11-24T14:05:12.000Z"


class Screen(pyte.Screen):
    """pyte's terminal with the two sequences of ECMA-48 that it lacks and curses uses: SU and SD. (With TERM=linux, which
    has neither, pyte is used as it is.)"""

    def _at(self, line, move, count):
        was, self.cursor.y = self.cursor.y, line
        for _ in range(count or 1):
            move()
        self.cursor.y = was

    def scroll_up(self, count=1, **_):
        self._at(self.margins.bottom if self.margins else self.lines - 1, self.index, count)

    def scroll_down(self, count=1, **_):
        self._at(self.margins.top if self.margins else 0, self.reverse_index, count)


def one_parameter(method):
    return lambda self, *args, **how: method(self, *args[:1], **how)


# a sequence that was cut off by a terminal that stood still takes the next letters as its end: others pass over what is too much
for name in ("cursor_up", "cursor_down", "cursor_forward", "cursor_back", "cursor_up1", "cursor_down1", "cursor_to_column", "cursor_to_line", "insert_characters",
             "insert_lines", "delete_characters", "delete_lines", "erase_characters", "erase_in_line", "erase_in_display", "clear_tab_stop"):
    setattr(Screen, name, one_parameter(getattr(pyte.Screen, name)))


class Stream(pyte.ByteStream):
    csi = dict(pyte.ByteStream.csi, S="scroll_up", T="scroll_down")
    events = pyte.ByteStream.events | {"scroll_up", "scroll_down"}


class Terminal:
    def __init__(self, argv, width=80, height=24, term="screen-256color", env=None):
        self.screen = Screen(width, height) if term != "linux" else pyte.Screen(width, height)
        self.stream = Stream(self.screen) if term != "linux" else pyte.ByteStream(self.screen)
        self.bytes = bytearray()
        self.fd, tty = pty.openpty()
        fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.modes = termios.tcgetattr(tty)  # before the program can have changed them
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            os.login_tty(tty)
            os.environ.update({"TERM": term, "LC_ALL": "C.UTF-8", **(env or {})})
            for name in ("NO_COLOR", "LINES", "COLUMNS", "TMUX", "STY"):
                if name not in (env or {}):
                    os.environ.pop(name, None)
            try:
                os.execv(argv[0], argv)
            finally:
                os._exit(127)
        os.close(tty)
        self.status = None

    def pump(self, seconds):
        """Takes what the program writes within this time; False when it is gone."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            return False
        self.bytes += data
        self.stream.feed(data)
        return True

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def flat(self):
        return re.sub(r"[\s\u2502]+", " ", self.text())

    def until(self, condition, what):
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end or not self.pump(0.05):
                if condition():
                    return
                sys.exit("%s did not come about; the screen:\n%s" % (what, self.text()))

    def wait(self, text):
        self.until(lambda: text in self.flat(), '"%s"' % text)

    def gone(self, text):
        self.until(lambda: text not in self.flat(), 'the end of "%s"' % text)

    def send(self, keys):
        os.write(self.fd, keys if isinstance(keys, bytes) else keys.encode())

    def resize(self, width, height):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.screen.resize(height, width)

    def signal(self, number):
        os.kill(self.pid, number)

    def end(self):
        """Waits for the program's end; its status as waitpid gives it."""
        stop = time.monotonic() + DEADLINE
        while time.monotonic() < stop:
            self.pump(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self.pump(0) and select.select([self.fd], [], [], 0)[0]:
                    pass
                self.status = status
                return status
        os.kill(self.pid, signal.SIGKILL)
        sys.exit("the program did not end; the screen:\n" + self.text())

    def stopped(self):
        """Waits until the program has suspended itself."""
        stop = time.monotonic() + DEADLINE
        while time.monotonic() < stop:
            self.pump(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid:
                if not os.WIFSTOPPED(status):
                    sys.exit("it ended instead of stopping")
                return
        sys.exit("it was not suspended")

    def put_back(self, how):
        """The terminal is as it was: modes, main screen, cursor, no bracketed paste. A pseudo-terminal hands
        over what was written before an end only after the end itself is known, so the bytes are waited for."""
        for part in (b"\x1b[?1049l", b"\x1b[?2004l", b"\x1b[?25h"):
            self.until(lambda: part in self.bytes[-600:], "%s: %r among the last bytes" % (how, part))
        if termios.tcgetattr(self.fd)[:4] != self.modes[:4]:
            sys.exit("%s: the terminal's modes were not put back" % how)

    def close(self):
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except OSError:
                pass
        os.close(self.fd)


def console(width=80, height=24, names=RECORDED, options=(), **how):
    t = Terminal([DRIVER, "--clock", CLOCK, *options, *names], width, height, **how)
    return t


def check(condition, what):
    if not condition:
        sys.exit(what)


def golden(name):
    with open("tests/screen/golden/%s.screen" % name) as f:
        return f.read().rstrip("\n").split("\n")


def without_clock(lines):
    """The header's clock runs; everything else is compared."""
    return [re.sub(r"\d\d:\d\d:\d\dZ ?$", "", lines[0]).rstrip()] + [line.rstrip() for line in lines[1:]]
