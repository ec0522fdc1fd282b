# what runs now: before it has come, the page, an operation that is asked to be ended and one that is not, the filter, the order; a
# minute of before; and who else has a card open
sizes 80x24 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm
keys F5
screen running-waiting
news 14-ops
screen running
keys Down Down X
asks running-end
keys Down X
screen running-barred
keys Escape & c h e c k o u t Enter o
screen running-filter
keys <
news 15-replay
screen running-replay
keys = Escape Escape
news 05-card 16-looks
keys 3 Enter
screen running-looks
asks running-looks
