# marked cards of one class are approved with one sequence, where policy says so
sizes 80x24 120x40
clock 2026-11-24T14:05:12.000Z
news 01-connect staging together
keys 3 Home Space Down Space
screen batch-marked
keys A
screen batch-unread
keys Escape Home Enter PageDown PageDown PageDown 2 PageDown PageDown Escape Escape 3 Home Down Enter PageDown PageDown PageDown 2 PageDown PageDown Escape Escape 3 A
screen batch-asked
keys PageDown y
screen batch-sent
asks batch-sent
