#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console on a pseudo-terminal: what is sent, as pyte understands it, and what becomes of the terminal."""
import base64
import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.dom.minidom

import pyte

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from terminal import CLOCK, DRIVER, RECORDED, Terminal, check, console, golden, without_clock

SANITIZED = any(v in os.environ.get("SIGNALBOX_BUILD", "") for v in ("asan", "tsan"))


def what_is_sent_is_what_is_meant():
    """An independent terminal shows exactly the golden screens of the headless backend."""
    for width, height, term in ((80, 24, "linux"), (80, 24, "screen-256color"), (120, 40, "linux"), (120, 40, "screen-256color"), (200, 60, "linux"), (200, 60, "screen-256color")):
        t = console(width, height, term=term)
        t.wait("C-000001")
        size = "-%dx%d" % (width, height)
        for keys, name in ((b"3\r", "card-summary"), (b"\x1b[6~", "card-summary-end"), (b"2", "card-commands"), (b"3", "card-evidence"), (b"4", "card-policy"), (b"5", "card-rollback"),
                           (b"7", "card-history"), (b"8", "card-handoffs")):
            if name == "card-summary-end" and width == 200:
                continue  # there the summary has no end to go to
            t.send(keys)
            want = without_clock(golden(name + size))
            want += [""] * (height - len(want))
            t.until(lambda: without_clock(t.text().split("\n")) == want, "the screen %s%s" % (name, size))
        t.send("q")
        check(t.end() == 0, "q does not leave")
        if term != "linux":
            t.put_back("leaving")
        t.close()


def idle_and_moving_cost_little():
    t = console(120, 40, RECORDED + ["11-more"])
    t.wait("bob has opened a console")
    clock = lambda: re.search(r"(\d\d:\d\d:\d\d)Z", t.text()).group(1)

    def next_tick():
        was = clock()
        t.until(lambda: clock() != was, "the next second")

    next_tick()
    start = len(t.bytes)
    next_tick()
    tick = len(t.bytes) - start  # one second in which nothing but the clock changes
    check(tick < 80, "an idle second costs %d bytes" % tick)
    rows = lambda: [i for i, line in enumerate(t.screen.display) if line.startswith("> ")]
    first = next(i for i, line in enumerate(t.screen.display) if " Anomalies " in line) + 1
    t.send(b"\x1b[H")
    t.until(lambda: rows() == [first], "the cursor at the top")
    next_tick()
    start = len(t.bytes)
    t.send(b"\x1b[H\x1b[H")  # at the top already: the frames are made and do not differ
    next_tick()
    check(len(t.bytes) - start <= tick, "an unchanged frame costs %d bytes" % (len(t.bytes) - start - tick))
    for key in (b"\x1b[B", b"\x1b[A"):
        was, start = rows(), len(t.bytes)
        t.send(key)
        t.until(lambda: rows() != was and len(rows()) == 1, "the cursor's move")
        check(len(t.bytes) - start < 200, "a cursor move costs %d bytes" % (len(t.bytes) - start))
    t.close()


def only_a_resize_clears():
    erase = (b"\x1b[2J", b"\x1b[3J", b"\x1b[J", b"\x1b[0J", b"\x1b[1J", b"\x1bc")
    t = console(100, 30)
    t.wait("C-000001")
    start = len(t.bytes)
    for keys, text in ((b"?", "Keys in"), (b"\x1b[F", "[blind]"), (b"\x1b", "Anomalies"), (b"4z", "at #13"), (b"z3\r", "[1 summary"), (b"2", "createIndexes"), (b"\x1b\x1b", "Anomalies"), (b":", "> "), (b"\x1b", "Request:")):
        t.send(keys)
        t.wait(text)
    t.send(b"\x0c")  # repaint, which must not erase either
    t.wait("Request:")
    sent = bytes(t.bytes[start:])
    for e in erase:
        check(e not in sent, "%r was sent without a resize" % e)
    t.resize(90, 28)
    t.wait("C-000001")
    t.close()


def every_end_puts_the_terminal_back():
    ends = [("SIGTERM", signal.SIGTERM), ("SIGHUP", signal.SIGHUP), ("SIGINT", signal.SIGINT)]
    for name, number in ends:
        t = console()
        t.wait("C-000001")
        t.signal(number)
        status = t.end()
        check(os.WIFEXITED(status) and os.WEXITSTATUS(status) == (11 if number == signal.SIGHUP else 12), "%s: status %x" % (name, status))
        t.put_back(name)
        t.close()
    crashes = [("crash ABRT", signal.SIGABRT)] + ([] if SANITIZED else [("crash SEGV", signal.SIGSEGV)])
    if SANITIZED:
        print("SKIP: SIGSEGV belongs to the sanitizer")
    for text, number in crashes:
        t = console()
        t.wait("C-000001")
        t.send("n" + text)
        t.wait(text)
        t.send("\r")
        status = t.end()
        check(os.WIFSIGNALED(status) and os.WTERMSIG(status) == number, "%s: status %x" % (text, status))
        t.put_back(text)
        check(b"ended by a fault" in bytes(t.bytes), "nothing is said about the crash")
        t.close()
    for number in (signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM):
        t = console()
        t.wait("C-000001")
        t.signal(number)
        status = t.end()
        check(os.WIFSIGNALED(status) and os.WTERMSIG(status) == number, "%s: status %x" % (number, status))
        t.put_back(number.name)
        check(b"ended by a signal" in bytes(t.bytes), "nothing is said about %s" % number.name)
        t.close()
    t = console()
    t.wait("C-000001")
    t.send("nexit\r")
    check(os.WEXITSTATUS(t.end()) == 7, "exit(7) does not end with 7")
    t.put_back("exit()")
    t.close()


def a_resize_storm_is_survived():
    t = console()
    t.wait("C-000001")
    for i in range(400):
        t.resize(1 + (i * 37) % 240, 1 + (i * 13) % 70)
        t.send(b"\x1b[B" if i % 3 else b"\t")
        t.pump(0)
    t.resize(20, 5)
    t.wait("20x5 is too small")
    t.resize(80, 24)
    t.wait("Approvals")
    t.send("q")
    check(t.end() == 0, "it does not leave after the storm")
    t.close()


def asks(log):
    return [json.loads(line).get("type") for line in open(log)]


def to_the_question(t):
    t.wait("C-000001")
    t.send(b"3\r")
    t.wait("[1 summary")
    t.send(b"\x1b[6~")
    t.wait("[1 summary]")  # without the star: it has been on the screen
    t.send(b"2")
    t.wait("[2 commands]")
    t.send(b"A")
    t.wait("What is signed")


def a_resize_storm_in_the_question_approves_nothing():
    with tempfile.NamedTemporaryFile() as log:
        t = console(80, 24, options=("--log", log.name))
        to_the_question(t)
        t.send(b"shop.ord")
        for i in range(300):
            t.resize(1 + (i * 37) % 500, 1 + (i * 13) % 200)
            t.send(b"\r" if i % 3 else b" ")
            t.pump(0)
        t.resize(80, 24)
        t.wait("Request:")
        check("approve" not in asks(log.name), "the storm approved")
        t.send(b"\x1b")
        t.pump(0.1)
        t.send(b"\x1b\x1b")
        t.gone("What is signed")
        check("approve" not in asks(log.name), "leaving the question approved")
        t.close()


def a_terminal_lost_in_the_question_approves_nothing():
    with tempfile.NamedTemporaryFile() as log:
        t = console(80, 24, options=("--log", log.name))
        to_the_question(t)
        t.send(b"shop.orders")  # all but the last key
        os.close(t.fd)
        end = time.monotonic() + 30
        while True:
            pid, status = os.waitpid(t.pid, os.WNOHANG)
            if pid:
                break
            check(time.monotonic() < end, "the lost terminal was not noticed")
            time.sleep(0.02)
        check(os.WEXITSTATUS(status) == 11, "a lost terminal ends with status %x" % status)
        check("approve" not in asks(log.name), "losing the terminal approved")


def an_edit_in_the_persons_editor_comes_back():
    with tempfile.TemporaryDirectory() as state:
        editor = os.path.join(state, "editor")
        with open(os.open(editor, os.O_CREAT | os.O_WRONLY, 0o700), "w") as f:
            f.write("#!/bin/sh\nstat -c %a \"$2\" >\"$1\"\nsed -i 's/^watch_window_s: .*/watch_window_s: 777/' \"$2\"\n")
        t = console(120, 40, options=("--state", state), env={"VISUAL": "%s %s" % (editor, os.path.join(state, "mode"))})
        t.wait("C-000001")
        t.send(b"3\rE")
        t.wait("1 value is changed; nothing is sent yet.")
        t.wait("777")
        check(open(os.path.join(state, "mode")).read() == "600\n", "others may read what is edited")
        check(not [n for n in os.listdir(state) if n.startswith("edit-")], "the edited file is left behind")
        t.close()
        t = console(80, 24, options=("--state", state), env={"VISUAL": "false"})
        t.wait("C-000001")
        t.send(b"3\rE")
        t.wait("the editor ended with status 1: nothing was taken over")
        t.close()
        t = console(80, 24, options=("--state", state), env={"VISUAL": "/nonexistent/editor"})
        t.wait("C-000001")
        t.send(b"3\rE")
        t.wait("cannot start /nonexistent/editor")
        t.close()
        t = console(80, 24, options=("--state", state), env={"VISUAL": "", "EDITOR": "", "PATH": "/nonexistent"})
        t.wait("C-000001")
        t.send(b"3\rE")
        t.wait("neither VISUAL nor EDITOR names an editor: cannot start vi")
        t.close()


def what_is_seen_is_written_down():
    with tempfile.TemporaryDirectory() as state:
        t = console(80, 24, options=("--state", state))
        t.wait("C-000001")
        for form in ("text", "svg", "json"):
            t.send(b"W\x15" + form.encode() + b"\r")
            ending = "txt" if form == "text" else form
            t.until(lambda: [n for n in os.listdir(state) if n.endswith("." + ending)], "a file of the kind " + form)
            path = os.path.join(state, [n for n in os.listdir(state) if n.endswith("." + ending)][0])
            check(os.stat(path).st_mode & 0o777 == 0o600, "others may read " + path)
            content = open(path, encoding="utf-8").read()
            if form == "svg":
                xml.dom.minidom.parseString(content)
            elif form == "json":
                json.loads(content)
            check("C-000001" in content or form == "json", "%s does not hold what was seen" % form)
        t.close()


def a_copy_comes_through_tmux_to_the_terminal():
    """Where set-clipboard is off and allow-passthrough on, the wrapped form reaches the terminal outside."""
    with tempfile.TemporaryDirectory() as state:
        with open(state + "/conf", "w") as f:
            f.write("set -g allow-passthrough on\nset -g set-clipboard off\nset -g status off\nset -g escape-time 0\n")
        inner = [DRIVER, "--clock", CLOCK, "--state", state, *RECORDED]
        t = Terminal([shutil.which("tmux"), "-u", "-S", state + "/socket", "-f", state + "/conf", "new-session", shlex.join(inner)], env={"PATH": os.environ["PATH"]})
        t.wait("C-000001")
        t.send("3y")
        t.wait("Copied to")
        copied = open(state + "/copy", "rb").read()
        t.until(lambda: b"\x1b]52;c;" + base64.b64encode(copied) + b"\x07" in bytes(t.bytes), "the copy outside of tmux")
        t.send("q")
        t.end()
        t.close()


def a_copy_comes_through_screen_to_the_terminal():
    """GNU screen hands on strings that are wrapped for it, and of longer ones shows the rest as text: none of it may stay,
    neither where STY says that it is screen nor where only TERM does."""
    if not shutil.which("screen"):
        return "a copy through GNU screen: screen is not installed"
    for told in ([], ["/usr/bin/env", "-u", "STY"]):
        with tempfile.TemporaryDirectory() as state:
            os.mkdir(state + "/sockets", 0o700)
            with open(state + "/conf", "w") as f:
                f.write("startup_message off\nvbell off\n")
            screen, env = [shutil.which("screen"), "-S", "copy"], {"PATH": os.environ["PATH"], "SCREENDIR": state + "/sockets"}
            t = Terminal([*screen, "-U", "-c", state + "/conf", *told, DRIVER, "--clock", CLOCK, "--state", state, *RECORDED], term="xterm-256color", env=env)
            try:
                copies_reach(t, state)
            finally:  # the session outlives its terminal
                subprocess.run([*screen, "-X", "quit"], env={**os.environ, **env}, stdout=subprocess.DEVNULL)
                t.close()


def copies_reach(t, state):
    """A row and a page, which is longer than what screen takes at once, come out whole, and nothing of them is on the screen."""
    t.wait("C-000001")
    for keys, seen, least in ((b"3", "> C-000001", 0), (b"?", "Keys in the pane Approvals", 4 * 768)):
        t.send(keys)
        t.wait(seen)
        start = len(t.bytes)
        t.send(b"y")
        t.wait("Copied to")
        coded = base64.b64encode(open(state + "/copy", "rb").read())
        check(len(coded) > least, "the copy is too short for what is tested")
        t.until(lambda: b"\x1b]52;c;" + coded + b"\x07" in bytes(t.bytes[start:]), "the copy outside of screen")
        pieces = [coded[at:at + 40].decode() for at in range(0, len(coded) - 40, 20)]
        t.until(lambda: seen.lstrip("> ") in t.flat() and not any(piece in t.text() for piece in pieces), "a screen without a piece of the copy")
        t.send(b"\x1b")
        t.gone("Copied to")
    t.send(b"q")
    t.end()


def a_terminal_that_takes_nothing_holds_up_nothing():
    """The terminal is not read for a while (Ctrl-S, a dead line): signals and news are still handled."""
    with tempfile.NamedTemporaryFile() as log:
        t = console(200, 60, options=("--log", log.name))
        t.wait("C-000001")
        os.write(t.fd, b"nstorm 3000\r")
        for i in range(300):  # every key makes a frame; nobody reads them
            os.write(t.fd, b"\t")
            os.write(t.fd, b"?")
            os.write(t.fd, b"\x1b")
        end = time.monotonic() + 30
        while "storm 3000" not in open(log.name).read():
            check(time.monotonic() < end, "the request was not posted while the terminal stood still")
            time.sleep(0.05)
        t.signal(signal.SIGTERM)
        while '"end":"stopped"' not in open(log.name).read():
            check(time.monotonic() < end, "SIGTERM was not handled while the terminal stood still")
            time.sleep(0.05)
        asks = [json.loads(line) for line in open(log.name)]
        check(sum(a.get("type") == "request" for a in asks) == 1, "the request was posted more than once")
        t.stream.feed = lambda data: None  # what was given up may end within a sequence: where, is the buffer's chance, and pyte is lost then
        t.end()
        t.close()


def keys_cut_in_half_do_no_harm():
    """The bytes of arrow keys one by one, with pauses longer than the Escape timer."""
    t = console()
    t.wait("C-000001")
    for byte in (b"3", b"\x1b", b"[A"):
        t.send(byte)
        t.pump(0.1)  # longer than the timer on purpose: this is the case that is tested
    t.wait("Approvals")
    check("Approve" not in t.text().replace("Approvals", ""), "the tail of a cut-off arrow key was taken for A")
    t.close()


def without_colours_the_marks_stand_out():
    """A terminal that has none, one that has eight, and NO_COLOR: prod is set apart by its attributes, and the text is the same."""
    for term, env, colours in (("vt220", {}, False), ("screen-256color", {"NO_COLOR": "1"}, False), ("linux", {}, True)):
        t = console(term=term, env=env)
        t.wait("[ PROD ]")
        t.wait("C-000001")
        x = t.screen.display[0].index("[ PROD ]")
        cell = t.screen.buffer[0][x + 2]
        coloured = re.search(rb"\x1b\[(?:[0-9]*;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9]*)*m", bytes(t.bytes))
        check(bool(coloured) == colours, "%s %s: colours are %ssent" % (term, env, "" if coloured else "not "))
        check(cell.reverse and cell.bold if not colours else cell.bg != t.screen.buffer[1][1].bg, "%s %s: prod does not stand out: %s" % (term, env, cell))
        t.send(b"3\r")
        t.wait("[1 summary")
        t.close()


ANSI = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]

# what few systems have: a terminal with sixteen colours, and one that takes red, green and blue
TERMINFO = r"""
test-16|a terminal with 16 colours,
    colors#16, pairs#256,
    setaf=\E[%?%p1%{8}%<%t%p1%{30}%+%d%e%p1%{82}%+%d%;m, setab=\E[%?%p1%{8}%<%t%p1%{40}%+%d%e%p1%{92}%+%d%;m, use=screen-256color,
test-rgb|a terminal with red green and blue,
    RGB, colors#0x1000000, pairs#0x10000,
    setaf=\E[%?%p1%{8}%<%t%p1%{30}%+%d%e38;2;%p1%{65536}%/%d;%p1%{256}%/%{255}%&%d;%p1%{255}%&%d%;m,
    setab=\E[%?%p1%{8}%<%t%p1%{40}%+%d%e48;2;%p1%{65536}%/%d;%p1%{256}%/%{255}%&%d;%p1%{255}%&%d%;m, use=screen-256color,
"""


def looks_of(theme):
    """The roles of a theme file by their letter: foreground and background as (rrggbb, number of 16; None: the terminal's own),
    attributes."""
    letters = dict(re.findall(r'ROLE\(\w+, "(\w+)", \'(\\?.)\'', open("include/signalbox/term/roles.h").read()))
    colors, looks = {"-": None}, {}
    for line in open("themes/%s.theme" % theme):
        w = line.split("#")[0].split()
        if w[:1] == ["color"]:
            colors[w[1]] = w[2], ANSI.index(w[3].replace("bright-", "")) + 8 * w[3].startswith("bright-")
        elif w[:1] == ["role"]:
            looks[letters[w[1]][-1]] = (colors[w[2]], colors[w[3]], set(w[4:]))
    return looks


def nearest(rgb):
    """Of the 240 fixed colours the nearest, as the header of term/theme.h says it is chosen."""
    level = lambda i: 55 + 40 * i if i else 0
    fixed = [(level(r), level(g), level(b)) for r in range(6) for g in range(6) for b in range(6)] + [(8 + 10 * i,) * 3 for i in range(24)]
    want = [int(rgb[i:i + 2], 16) for i in (0, 2, 4)]
    best = min(fixed, key=lambda c: 2 * (c[0] - want[0]) ** 2 + 4 * (c[1] - want[1]) ** 2 + 3 * (c[2] - want[2]) ** 2)
    return "%02x%02x%02x" % best


def shown_as(look, colors):
    """A look as pyte names it on a terminal with so many colours."""
    fg, bg, attrs = look
    if fg is None:
        return "default", "default", attrs
    if colors > 16:
        # curses takes the numbers below 8 for the palette; the nearest to black is 8
        name = nearest if colors == 256 else lambda rgb: "%06x" % max(int(rgb, 16), 8)
        return name(fg[0]), name(bg[0]), attrs
    f, b = fg[1], bg[1]
    if colors == 8:
        attrs = (attrs | ({"bold"} if f > 8 else set())) - {"underline"}  # the Linux console has no underline beside colours
        f, b = 7 if f == 8 else f % 8, b % 8
    named = lambda n, base, plain, bright: plain[base + n] if n < 8 else bright[base + 60 + n - 8]
    return named(f, 30, pyte.graphics.FG_ANSI, pyte.graphics.FG_AIXTERM), named(b, 40, pyte.graphics.BG_ANSI, pyte.graphics.BG_AIXTERM), attrs


def first_unlike(screen, roles, looks, colors):
    """The first cell that does not look as its role should, in words; "hardly a cell" where there is little to see."""
    cells = 0
    for y in range(1, 24):  # the header's clock runs
        for x, letter in enumerate(roles[y]):
            cell, (fg, bg, attrs) = screen.buffer[y][x], shown_as(looks[letter], colors)
            blank = cell.data == " "
            same = blank or (cell.fg, cell.bold, cell.underscore, cell.reverse) == (fg, "bold" in attrs, "underline" in attrs, "reverse" in attrs)
            if cell.bg != bg or not same:
                return "role %s in line %d, column %d as %s on %s %s, it is %s" % (letter, y + 1, x + 1, fg, bg, attrs, cell)
            cells += not blank
    return None if cells > 600 else "hardly a cell"


def every_theme_looks_as_its_file_says():
    """Each cell of a card, in each theme and with 8, 16, 256 and all colours: its role's colours and attributes, as pyte
    understands what was sent."""
    with open("tests/screen/golden/card-summary-80x24.roles") as f:
        roles = f.read().split("\n")
    want = without_clock(golden("card-summary-80x24"))
    with tempfile.TemporaryDirectory() as terminfo:
        subprocess.run(["tic", "-x", "-o", terminfo, "-"], input=TERMINFO, text=True, check=True)
        for path in sorted(glob.glob("themes/*.theme")):
            theme = os.path.basename(path)[:-len(".theme")]
            looks = looks_of(theme)
            for term, colors in (("linux", 8), ("test-16", 16), ("screen-256color", 256), ("test-rgb", 1 << 24)):
                t = console(options=("--theme", theme), term=term, env={"TERMINFO": terminfo})
                t.wait("C-000001")
                t.send(b"3\r")
                t.until(lambda: without_clock(t.text().split("\n")) == want, "the card in the theme %s on %s" % (theme, term))
                unlike = [theme, term]

                def all_alike():
                    unlike[2:] = [first_unlike(t.screen, roles, looks, colors)]
                    return unlike[2] is None

                t.until(all_alike, unlike)
                t.close()


def sgr(button, x, y):
    return b"\x1b[<%d;%d;%dM" % (button, x + 1, y + 1)


def the_mouse_selects_and_scrolls_and_is_put_back():
    on, off = b"\x1b[?1000h\x1b[?1006h", b"\x1b[?1006l\x1b[?1000l"
    with tempfile.NamedTemporaryFile() as log:
        t = console(80, 24, options=("--log", log.name))
        t.wait("C-000001")
        line = lambda text: next(i for i, l in enumerate(t.screen.display) if text in l)
        t.send(sgr(0, 3, line(" Plans ")))  # off: a stray report is nothing
        t.send(b"3")
        t.until(lambda: t.screen.display[line("C-000001")].startswith(">"), "the cursor in Approvals")
        check(on not in bytes(t.bytes), "the mouse was on before it was asked for")
        t.send(b"\x1bOQ")
        t.wait("The mouse is on")
        check(on in bytes(t.bytes), "the terminal was not asked for the mouse")
        t.send(sgr(0, 3, line(" Plans ")) + sgr(0, 3, line("C-000001")) + b"\r")
        t.wait("[1 summary")
        x = t.screen.display[2].index("watch")
        t.send(sgr(0, x, 2))
        t.wait("[6 watch]")
        t.send(sgr(0, t.screen.display[2].index("summary"), 2))
        t.wait("[1 summary")
        t.send(sgr(65, 5, 10) * 9)
        t.wait("[1 summary]")  # scrolled to its end, it has been on the screen
        t.send(b"2")
        t.wait("[2 commands]")
        t.send(b"A")
        t.wait("What is signed")
        t.send(b"shop.orders")
        t.wait("> shop.orders")
        for y in range(24):
            t.send(b"".join(sgr(0, x, y) for x in range(0, 80, 8)))
            t.pump(0)
        t.wait("A click never confirms.")
        check("approve" not in asks(log.name), "a click approved")
        t.send(b"\x1b")
        t.gone("What is signed")
        t.send(b"\x1a")
        t.stopped()
        t.put_back("suspending with the mouse on")
        t.until(lambda: off in t.bytes[-600:], "the mouse off behind a suspension")
        start = len(t.bytes)
        t.screen.reset()
        t.signal(signal.SIGCONT)
        t.wait("[2 commands]")
        check(on in bytes(t.bytes[start:]), "the mouse is not on again behind a suspension")
        t.send(b"\x1bOQ")
        t.wait("The mouse is off.")
        check(bytes(t.bytes).rindex(off) > bytes(t.bytes).rindex(on), "the mouse is not switched off")
        t.close()
    for how in ("q", signal.SIGTERM, signal.SIGUSR1, "crash ABRT"):
        t = console()
        t.wait("C-000001")
        t.send(b"\x1bOQ")
        t.wait("The mouse is on")
        t.signal(how) if isinstance(how, int) else t.send(how if how == "q" else "n" + how + "\r")
        t.end()
        t.put_back("%s with the mouse on" % how)
        t.until(lambda: off in t.bytes[-600:], "the mouse off behind %s" % how)
        t.close()


def a_paste_of_ten_megabytes_is_one_event():
    t = console()
    t.wait("C-000001")
    paste = b"\x1b[200~" + b"A\r" * (5 << 20) + b"\x1b[201~"
    sent = 0
    os.set_blocking(t.fd, False)
    while sent < len(paste):
        try:
            sent += os.write(t.fd, paste[sent:sent + 65536])
        except BlockingIOError:
            pass
        t.pump(0)
    os.set_blocking(t.fd, True)
    t.wait("Text was pasted where keys are expected: nothing was done.")
    t.wait("Approvals")
    t.close()


def suspending_gives_the_terminal_back_and_takes_it_again():
    t = console()
    t.wait("C-000001")
    t.send(b"\x1a")
    t.stopped()
    t.put_back("suspending")
    t.signal(signal.SIGCONT)
    t.screen.reset()
    t.wait("C-000001")
    t.send("3\rq")
    check(t.end() == 0, "it does not leave after it was continued")
    t.put_back("leaving after a suspension")
    t.close()
    t = console(names=RECORDED + ["07-executing"])
    t.wait("executing")
    t.signal(signal.SIGTSTP)
    t.wait("Not suspended: a plan is being carried out")
    t.close()


def lost_terminal_is_noticed():
    t = Terminal([DRIVER, "--clock", CLOCK, *RECORDED])
    t.wait("C-000001")
    os.close(t.fd)  # the other side of the line is gone: EIO and SIGHUP
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pid, status = os.waitpid(t.pid, os.WNOHANG)
        if pid:
            check(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 11, "a lost terminal ends with status %x" % status)
            return
        time.sleep(0.02)
    sys.exit("a lost terminal was not noticed")


def unfit_terminals_are_refused_in_one_sentence():
    for term, says in (("dumb", "TERM=dumb"), ("nosuch", "TERM=nosuch is not known")):
        t = Terminal([DRIVER, *RECORDED], term=term)
        status = t.end()
        check(os.WEXITSTATUS(status) == 2 and says.encode() in bytes(t.bytes) and b"\x1b" not in bytes(t.bytes), "%s: %x %r" % (term, status, bytes(t.bytes)))
        t.close()
    t = Terminal([DRIVER, *RECORDED], env={"LC_ALL": "C"})
    t.wait("= Anomalies")
    check(all(b < 0x80 for b in t.bytes), "bytes beyond ASCII reach a terminal that is not UTF-8")
    t.close()


def main():
    tests = [v for v in globals().values() if callable(v) and getattr(v, "__module__", "") == "__main__" and not v.__code__.co_argcount and v is not main]
    for test in tests:
        if len(sys.argv) > 1 and sys.argv[1] not in test.__name__:
            continue
        start = time.monotonic()
        skipped = test()
        print("SKIP: " + skipped if skipped else "ok %-60s %.1f s" % (test.__name__.replace("_", " "), time.monotonic() - start), flush=True)


main()
