# an incident and those who work on it: the feed, the page, what is said of it, what is silenced, what is written down
sizes 80x24 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 12-incident 05-card
keys 1 End
screen incident-feed
keys Enter
screen incident
keys End
screen incident-end
keys t
type "asked the team"
screen incident-note
keys Enter b
type "30 minutes"
keys Enter
screen incident-blackout-wrong
keys b
type "2h index build"
keys Enter K u
asks incident-said
keys B
screen incident-silenced
keys Down d
asks incident-lifted
keys Escape Home M
asks incident-post-mortem
keys Escape H
asks incident-hand-over
