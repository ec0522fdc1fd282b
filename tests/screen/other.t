# the other pages: anomaly, case, edit, help, palette, messages
sizes 80x24 120x40 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 04-anomaly 05-card 11-more
keys 1 Down Enter
screen anomaly
keys a
asks anomaly-taken
keys Enter
screen case
keys Enter
screen case-card
keys e
screen edit
keys Down Enter
screen edit-value
keys C-u
type "{\"customer_id\": 1, \"created_at\": -1}"
keys Enter Down Down Down Down Down Down Enter C-u
type "600"
keys Enter
screen edit-changed
keys S
screen edit-question
keys y
asks edit-sent
screen edit-sent
keys Escape Escape Escape Escape : 
type "app"
screen palette
keys Escape ?
screen help
keys End
screen help-end
keys Escape m
screen messages
