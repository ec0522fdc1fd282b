# environments, a deployment that is not reached, or ill, read-only, searching, freezing, refusals, the end of the orchestrator
clock 2026-11-24T14:05:12.000Z
news refusing
screen state-refused
news 01-connect unreached
screen state-unreached
news staging 03-calm
screen state-staging
news 01-connect ill
screen state-ill-calm
news 04-anomaly 05-card
screen state-ill-then-well
news ill
screen state-ill
news 03-calm 11-more
keys 3 f
screen state-frozen
news 06-approved
screen state-frozen-moved
keys f
screen state-follows
keys 4 /
type "intent"
keys Enter
screen state-search
keys Escape x
screen state-unbound
keys Escape 2 Down A
screen state-stale-approve
keys Escape p
screen state-stale-pause
keys Escape R
asks state-measure
news read-only
keys Escape A
screen state-read-only
keys Escape ?
screen state-read-only-help
keys Escape n
type "orders is slow"
screen state-request
keys Enter
asks state-request
paste "hostile\nlines"
screen state-paste
news ended
screen state-ended
