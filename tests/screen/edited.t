# a card that somebody else has edited since it was proposed: the second approver sees what, in the summary and in the question
sizes 80x24 200x60
clock 2026-11-24T14:07:12.000Z
news 01-connect 03-calm 04-anomaly 05-card 17-edited
keys 3 Enter
screen edited-summary
keys PageDown PageDown PageDown 2 PageDown PageDown A
screen edited-approve
keys PageDown PageDown
screen edited-approve-end
keys Escape 1 e
keys Down Down Down Down Down Down Down Enter C-u
type "900"
keys Enter
screen edited-last-row
keys Down Enter
type "backup within 24h"
keys Enter
screen edited-very-last
