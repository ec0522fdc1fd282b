# a verdict that is FAIL: rolled back, or left as it is
sizes 80x24
clock 2026-11-24T14:12:05.000Z
news 01-connect 03-calm 04-anomaly 05-card 10-fail
keys 2
screen fail-panes
keys Enter 6
screen fail-watch
keys x
type "known: the release is taken back at 15:00"
screen fail-close
keys Enter
asks fail-close
keys u
screen fail-roll-back
type "shop.orders"
keys Enter
asks fail-roll-back
