# the page beside the panes: with the move it still is that of the row before, and says so; then it follows
sizes 200x60
connecting "shop (127.0.0.1:27017)"
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 04-anomaly 05-card 11-more
keys 3 Home
screen beside-rests
keys Down
screen beside-moved
tick 150
screen beside-followed
