# a terminal that shows ASCII only
ascii
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 04-anomaly 05-card 11-more
screen ascii-panes
keys 3 Down Enter
screen ascii-card
keys 1 PageDown 2 PageDown A
screen ascii-approve
