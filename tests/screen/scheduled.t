# an approved card that waits for its window: when it starts, on the window's own clock
sizes 80x24 120x40 200x60
clock 2026-11-24T14:06:30.000Z
news 01-connect 03-calm 05-card scheduled
keys 2
screen scheduled-panes
keys Enter
screen scheduled-card
news scheduled-short
screen scheduled-short
keys Escape
news scheduled-late
screen scheduled-late
