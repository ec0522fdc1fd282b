# one card from its first reading to its verdict, tab by tab
sizes 80x24 120x40 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 04-anomaly 05-card
keys 3 Enter
screen card-summary
keys PageDown
screen card-summary-end
keys 2
screen card-commands
keys PageDown 3
screen card-evidence
keys 4
screen card-policy
keys 5
screen card-rollback
keys 6
screen card-watch-before
keys 7
screen card-history
keys 8
screen card-handoffs
asks card-read
keys 1 Home PageDown 2 Home PageDown A
screen card-approve
type "shop.order"
keys Enter
screen card-approve-wrong
type "shop.orders"
screen card-approve-typed
keys Enter
screen card-approve-sent
asks card-approve
clock 2026-11-24T14:06:20.000Z
news 06-approved
screen card-approved
clock 2026-11-24T14:06:40.000Z
news 07-executing
keys 1 Home
screen card-executing
keys u
screen card-roll-back
keys Escape Escape p
asks card-pause
clock 2026-11-24T14:08:40.000Z
news 08-watching
keys 6
screen card-watching
clock 2026-11-24T14:12:05.000Z
news 09-pass
screen card-pass
keys Escape Escape
screen panes-pass
