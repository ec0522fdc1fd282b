/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of the events a watch window waits for: what is taken is written as a text that is taken again, and gives the
 * same text; what is refused has a reason. */
#include "fuzz.h"

#include <signalbox/model/watch_event.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_watch w = {.window_s = 60};
    struct sb_str first, second;
    char text[4096];
    size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, n);
    text[n] = '\0';
    sb_str_init(&first);
    sb_str_init(&second);
    if (sb_watch_events_set(&w, text, &err) == 0) {
        check(w.criteria_n <= SB_EVENTS_MAX);
        sb_watch_events_text(&w, &first);
        check(sb_watch_events_set(&w, first.p, &err) == 0);
        sb_watch_events_text(&w, &second);
        check(first.len == second.len && memcmp(first.p, second.p, first.len) == 0);
    } else {
        check(err.msg[0]);
    }
    sb_str_release(&first);
    sb_str_release(&second);
    sb_record_release(&sb_watch_schema, &w);
    return 0;
}
