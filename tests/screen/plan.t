# the plan of a case: from a card of it, before and after its gates were measured; from the case, and to a phase and back
sizes 80x24 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 18-plan
keys 2 Enter P
screen plan-asked
asks plan-asked
news 18-plan-gates
screen plan
keys End
screen plan-end
keys P
asks plan-again
keys Enter
screen plan-phase
keys Escape Escape c P
screen plan-from-case
