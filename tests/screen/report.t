# what the work came to: before it has come, the page, its end, and another date that divides it
sizes 80x24 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm
keys %
asks report-asked
screen report-waiting
news 14-report
screen report
keys End
screen report-end
keys d
asks report-divided
keys D
screen report-when
keys C-u
type "2027-01-01"
keys Enter
asks report-to-come
screen report-to-come
keys D C-u
type "2026-11-01"
keys Enter
asks report-typed
keys d
asks report-whole
