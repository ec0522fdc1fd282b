# which rows are listed: a filter being typed, a wrong one, one that is kept; order and marks
sizes 80x24 120x40 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 04-anomaly 05-card 11-more
keys 3 &
type "orders("
screen filter-wrong
keys Backspace Enter
screen filter-kept
keys Escape Escape o Space Down Space
screen filter-sorted-marked
keys 4 &
type "!intent"
keys Enter
asks filter-audit
screen filter-audit
