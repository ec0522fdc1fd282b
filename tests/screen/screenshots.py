#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the real screen: screenshots.py FOLDER PNG_FOLDER COMMAND...

Runs COMMAND in a tmux of its own at each size, types keys, waits for text (never for time), and writes what tmux then shows
as SVG to FOLDER, and as PNG to PNG_FOLDER. The colours are those that were sent to the terminal.

A shot is NAME, keys, and the text to wait for; the shots of a session are taken one after the other. The page of what could be
brought back is of a deployment of its own, with backups made and one restored for it: a demo has none. SIGNALBOX_SHOTS takes only some of
demo, line, presenter and recovery."""
import html
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SIZES = [(80, 24), (200, 60)]
SESSION = [
    ("panes", [], "Approvals 1"),
    ("incident", ["1", "Enter", "a"], "Picture"),
    ("running", ["Escape", "Escape", "F5"], "COLLSCAN"),
    ("card", ["Escape", "3", "Enter"], "[1 summary"),
    ("commands", ["End", "2"], "createIndexes"),
    ("evidence", ["End", "3"], "sampled"),
    ("policy", ["4"], "APP-01"),
    ("handoffs", ["8"], "Hand-offs in case"),
    ("meeting", ["F6"], "card 1 of"),
    ("approve", ["Escape", "1", "End", "2", "End", "A"], "What is signed"),
    ("watch", list("shop.orders") + ["Enter", "6"], "PASS"),
    ("audit", ["Escape", "Escape", "4", "z"], "Audit #"),
    ("report", ["%"], "card to approval"),
    ("doctor", ["Escape", "!"], "looks anew"),
    ("help", ["Escape", "?"], "Keys in the pane Audit"),
]
LINE = [("line", ["3"], "C-000001")]
PRESENTED = [("presenter", [], "card 1 of 1")]
BACKED_UP = [("recovery", ["V"], "restore time")]
CELL_W, CELL_H, FONT = 9, 18, 15
WAIT_S = 120


class Tmux:
    def __init__(self, width, height, command):
        self.base = ["tmux", "-L", "signalbox-shots-%d-%d" % (os.getpid(), width), "-f", "/dev/null"]
        env = {k: v for k, v in os.environ.items() if k not in ("TMUX", "NO_COLOR", "LINES", "COLUMNS")}
        env.update(LC_ALL="C.UTF-8", TERM="xterm-256color")
        subprocess.run(self.base + ["-u", "new-session", "-d", "-x", str(width), "-y", str(height), "sh"], check=True, env=env)
        self.run("set", "-g", "escape-time", "0")
        self.run("set", "-g", "status", "off")
        self.run("set", "-g", "default-terminal", "tmux-256color")
        self.run("respawn-pane", "-k", "TERM=tmux-256color exec " + " ".join("'%s'" % a.replace("'", "'\\''") for a in command))

    def run(self, *args):
        return subprocess.run(self.base + list(args), check=True, capture_output=True, text=True).stdout

    def screen(self):
        return self.run("capture-pane", "-e", "-p", "-N")

    def wait(self, text):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            shown = self.run("capture-pane", "-p")
            if text in shown:
                return
            time.sleep(0.02)  # the interval of looking, not a guess at how long it takes
        sys.exit("screenshots: \"%s\" did not appear within %d s:\n%s" % (text, WAIT_S, shown))

    def keys(self, keys):
        for key in keys:
            self.run("send-keys", key)
            self.settle()

    def settle(self):
        """Waits until the screen no longer changes: the key's frame is there."""
        before = None
        for _ in range(100):
            now = self.screen()
            if now == before:
                return
            before = now
            time.sleep(0.03)

    def leave(self):
        """Leaves the program, which takes the session with it: until then it writes into its folder."""
        self.run("send-keys", "q")
        end = time.monotonic() + WAIT_S
        while subprocess.run(self.base + ["has-session"], capture_output=True).returncode == 0:
            if time.monotonic() > end:
                sys.exit("screenshots: the program did not leave")
            time.sleep(0.02)

    def close(self):
        subprocess.run(self.base + ["kill-server"], capture_output=True)


def palette(n):
    basic = ["000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5",
             "7f7f7f", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff", "00ffff", "ffffff"]
    if n < 16:
        return "#" + basic[n]
    if n >= 232:
        return "#" + "%02x" % (8 + 10 * (n - 232)) * 3
    n -= 16
    return "#%02x%02x%02x" % tuple(0 if v == 0 else 55 + 40 * v for v in (n // 36, n // 6 % 6, n % 6))


def parse(screen, width):
    """Rows of (character, foreground, background, bold, underline)."""
    rows = []
    fg, bg, bold, under, reverse = None, None, False, False, False
    for line in screen.split("\n"):
        row = []
        for part in re.split(r"(\x1b\[[0-9;:]*m)", line):
            if not part.startswith("\x1b"):
                for c in part:
                    f, b = fg or "#d0d0d0", bg or "#121212"
                    row.append((c, b if reverse else f, f if reverse else b, bold, under))
                continue
            codes = [int(c) if c else 0 for c in part[2:-1].replace(":", ";").split(";")]
            i = 0
            while i < len(codes):
                c = codes[i]
                if c == 0:
                    fg, bg, bold, under, reverse = None, None, False, False, False
                elif c == 1:
                    bold = True
                elif c == 4:
                    under = True
                elif c == 7:
                    reverse = True
                elif c == 22:
                    bold = False
                elif c in (38, 48) and i + 2 < len(codes) and codes[i + 1] == 5:
                    fg, bg = (palette(codes[i + 2]), bg) if c == 38 else (fg, palette(codes[i + 2]))
                    i += 2
                elif c in (38, 48) and i + 4 < len(codes) and codes[i + 1] == 2:
                    rgb = "#%02x%02x%02x" % tuple(codes[i + 2:i + 5])
                    fg, bg = (rgb, bg) if c == 38 else (fg, rgb)
                    i += 4
                elif c == 39:
                    fg = None
                elif c == 49:
                    bg = None
                elif 30 <= c <= 37 or 90 <= c <= 97:
                    fg = palette(c - 30 if c < 90 else c - 82)
                elif 40 <= c <= 47 or 100 <= c <= 107:
                    bg = palette(c - 40 if c < 100 else c - 92)
                i += 1
        rows.append(row[:width])
    return rows


LINES = {  # box drawing as strokes, so that they join: (left, right, up, down, double)
    "─": (1, 1, 0, 0, 0), "│": (0, 0, 1, 1, 0), "┌": (0, 1, 0, 1, 0), "┐": (1, 0, 0, 1, 0),
    "└": (0, 1, 1, 0, 0), "┘": (1, 0, 1, 0, 0), "═": (1, 1, 0, 0, 1),
}


def glyph(c, x, y, color):
    mid_x, mid_y = x + CELL_W / 2, y + CELL_H / 2
    out = []
    if c in "█░":
        opacity = "" if c == "█" else ' fill-opacity="0.25"'
        return '<rect x="%g" y="%g" width="%g" height="%g" fill="%s"%s/>' % (x, y + 3, CELL_W, CELL_H - 6, color, opacity)
    left, right, up, down, double = LINES[c]
    for dy in ((-2, 2) if double else (0,)):
        if left or right:
            out.append("M%g %gH%g" % (x if left else mid_x, mid_y + dy, x + CELL_W if right else mid_x))
    if up or down:
        out.append("M%g %gV%g" % (mid_x, y if up else mid_y, y + CELL_H if down else mid_y))
    return '<path d="%s" stroke="%s" fill="none"/>' % ("".join(out), color)


def svg(screen, width, height):
    rows = parse(screen, width)[:height]
    w, h, pad = width * CELL_W, height * CELL_H, 10
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="%d %d %d %d" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
           'font-size="%d">' % (w + 2 * pad, h + 2 * pad, -pad, -pad, w + 2 * pad, h + 2 * pad, FONT),
           '<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#121212"/>' % (-pad, -pad, w + 2 * pad, h + 2 * pad)]
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end][1:] == row[x][1:]:
                end += 1
            _, fg, bg, bold, under = row[x]
            if bg != "#121212":
                out.append('<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>' % (x * CELL_W, y * CELL_H, (end - x) * CELL_W, CELL_H, bg))
            run = "".join(c for c, *_ in row[x:end])
            for m in re.finditer(r"[^ ]+(?: [^ ]+)*", "".join(" " if c in LINES or c in "█░" else c for c in run)):
                n = len(m.group())
                out.append('<text x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" fill="%s"%s%s xml:space="preserve">%s</text>' % (
                    (x + m.start()) * CELL_W, y * CELL_H + 14, n * CELL_W, fg, ' font-weight="bold"' if bold else "",
                    ' text-decoration="underline"' if under else "", html.escape(m.group())))
            out += [glyph(c, (x + i) * CELL_W, y * CELL_H, fg) for i, c in enumerate(run) if c in LINES or c in "█░"]
            x = end
    out.append("</svg>\n")
    return "\n".join(out)


def shoot(tmux, shots, width, height, folder, png_folder):
    for name, keys, text in shots:
        tmux.keys(keys)
        tmux.wait(text)
        tmux.settle()
        name = "%s-%dx%d" % (name, width, height)
        path = os.path.join(folder, name + ".svg")
        with open(path, "w") as f:
            f.write(svg(tmux.screen(), width, height))
        subprocess.run(["rsvg-convert", "-o", os.path.join(png_folder, name + ".png"), path], check=True)
        print(path)


class BackedUp:
    """A simulated deployment in a config, two backups of it, a copy that was cut, and a drill; `command` is the console on it."""

    def __init__(self, program, root):
        self.processes, self.program, self.root = [], program, root
        config, state = root + "/config/signalbox", root + "/state"
        os.makedirs(config)
        os.makedirs(root + "/backups")
        self.env = dict(os.environ, XDG_CONFIG_HOME=root + "/config", XDG_STATE_HOME=state)
        self.command = ["env", "-C", root, "XDG_CONFIG_HOME=" + root + "/config", "XDG_STATE_HOME=" + state, program, "console", "--deployment", "shop"]
        with open(root + "/spare.scenario", "w") as f:
            f.write('title "a spare deployment"\n')
        for name, words in (("shop", ["--seed", "5"]), ("spare", ["--members", "1", "--scenario", root + "/spare.scenario"])):
            p = subprocess.Popen([program, "sim", *words], stdout=subprocess.PIPE, env=self.env)
            self.processes.append(p)
            with open(os.open("%s/%s.uri" % (root, name), os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                f.write(json.loads(p.stdout.readline())["uri"])
        with open(config + "/config", "w") as f:
            f.write("deployment shop\nset environment staging\nset uri_file %s/shop.uri\nset drill_uri_file %s/spare.uri\nbackup backups\n" % (root, root))
        backups = "backups/"  # as the page names them: no folder of who took the picture
        self.run("backup", "make", "--quiet", "--deployment", "shop", backups + "folder")
        self.run("backup", "make", "--quiet", "--deployment", "shop", "--archive", "--gzip", backups + "all.archive.gz")
        with open(root + "/backups/all.archive.gz", "rb") as whole, open(root + "/backups/cut.archive.gz", "wb") as cut:
            cut.write(whole.read()[:300])
        self.run("backup", "drill", "--quiet", "--into", root + "/spare.uri", backups + "folder")

    def run(self, *words):
        r = subprocess.run([self.program, *words], env=self.env, cwd=self.root, capture_output=True, text=True)
        if r.returncode:
            sys.exit("screenshots: %s: exit %d: %s%s" % (" ".join(words), r.returncode, r.stdout, r.stderr))

    def close(self):
        for p in self.processes:
            p.kill()
            p.wait()


def main():
    missing = [tool for tool in ("tmux", "rsvg-convert") if not shutil.which(tool)]
    if len(sys.argv) < 4 or missing:
        sys.exit("usage: screenshots.py FOLDER PNG_FOLDER COMMAND..." + (" (not installed: %s)" % ", ".join(missing) if missing else ""))
    folder, png_folder, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    only = os.environ.get("SIGNALBOX_SHOTS", "demo line presenter recovery").split()
    sessions = [s for s in (("demo", SESSION, []), ("line", LINE, ["--line"]), ("presenter", PRESENTED, ["--presenter"])) if s[0] in only]
    for (width, height), (_, shots, words) in itertools.product(SIZES, sessions):
        # a folder of its own for each: the console remembers how it was left; its path is in a picture, and says nothing of who took it
        with tempfile.TemporaryDirectory(prefix="signalbox-") as state:
            tmux = Tmux(width, height, ["XDG_STATE_HOME=" + state if a.startswith("XDG_STATE_HOME=") else a for a in command] + words)
            try:
                shoot(tmux, shots, width, height, folder, png_folder)
                tmux.leave()
            finally:
                tmux.close()
    for width, height in SIZES if "recovery" in only else ():
        root = os.path.abspath("%s/recovery-%dx%d" % (png_folder, width, height))
        shop = BackedUp(os.path.abspath(next(a for a in command if os.path.basename(a) == "signalbox")), root)
        try:
            tmux = Tmux(width, height, shop.command)
            try:
                tmux.wait("PRIMARY")
                shoot(tmux, BACKED_UP, width, height, folder, png_folder)
            finally:
                tmux.close()
        finally:
            shop.close()


main()
