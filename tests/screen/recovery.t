# what could be brought back: before it has come, the page, one backup, and a drill that is asked for
sizes 80x24 200x60
clock 2026-11-24T14:05:12.000Z
news 01-connect 03-calm
keys V
screen recovery-waiting
news 13-recovery
screen recovery
keys End
screen recovery-end
keys Home Down Down Down Enter
screen recovery-backup
keys D
asks recovery-drill
