# sizes at which not everything fits
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm 04-anomaly 05-card 11-more
size 40 10
screen small-40x10
keys Tab Tab
screen small-40x10-approvals
keys Enter
screen small-40x10-card
size 20 5
screen small-20x5
keys A Enter y
size 10 3
screen small-10x3
size 1 1
screen small-1x1
size 0 0
screen small-0x0
size 80 24
screen small-recovered
size 60 16
screen small-60x16
