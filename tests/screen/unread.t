# a card that has not been read is not approved
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 04-anomaly 05-card
keys 3 Enter A
screen card-unread
