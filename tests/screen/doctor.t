# what is wrong here: at once, on the way, at its end with the worst first, its end, and what ended too early
sizes 80x24 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm
keys !
asks doctor-asked
screen doctor-begun
news 18-doctor
tick 4000
keys !
asks doctor-once
screen doctor-way
news 18-doctor-done
screen doctor
keys End
screen doctor-end
keys !
asks doctor-anew
news 18-doctor-failed
screen doctor-failed
