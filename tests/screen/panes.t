# the four panes, from the first moment to a verdict
sizes 80x24 120x40 200x60
connecting "shop (127.0.0.1:27017)"
clock 2026-11-24T14:00:00.000Z
tick 0
screen panes-connecting
news 01-connect
screen panes-connected
clock 2026-11-24T14:00:14.000Z
news 02-warmup
screen panes-warm-up
clock 2026-11-24T14:02:00.000Z
news 03-calm
screen panes-calm
clock 2026-11-24T14:05:12.000Z
news 04-anomaly 05-card
screen panes-card
keys Tab Tab
screen panes-approvals
news 11-more
screen panes-more
