# what the documents of a collection look like: before it has come, the page, and that it is asked for by the one way there is;
# and the knobs of a step that goes in batches
sizes 80x24 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 04-anomaly
keys S
screen schema-waiting
asks schema-look
news 14-schema
screen schema
keys End
screen schema-end
news 05-card
keys Escape 3 Enter )
screen knobs-none
news 15-batches
keys End
screen knobs
keys ) { ^ _
asks knobs
