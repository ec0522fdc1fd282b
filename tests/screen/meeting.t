# the meeting: a card large and calm, what was decided of it, and the minutes
sizes 80x24 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 04-anomaly 05-card 11-more
keys F6
screen meeting
keys d
type "Ann, Ben: it was tried out on staging"
screen meeting-deciding
keys Enter
screen meeting-decided
asks meeting-decided
keys Right
screen meeting-next
