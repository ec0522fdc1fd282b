/* SPDX-License-Identifier: Apache-2.0 */
#include "role_log.h"

#include <signalbox/sim/log.h>
#include <signalbox/sim/repl.h>

#include <stdarg.h>
#include <string.h>

static void put(struct sim_w *w, const char *key, char kind, va_list *ap)
{
    switch (kind) {
    case 's':
        sim_w_text(w, key, va_arg(*ap, const char *));
        break;
    case 'i':
        sim_w_int(w, key, va_arg(*ap, int64_t));
        break;
    case 'd':
        sim_w_date(w, key, va_arg(*ap, int64_t));
        break;
    case 'o':
        sim_put_optime(w, key, va_arg(*ap, struct sim_optime));
        break;
    default:
        break;
    }
}

void sim_say(struct sim_member *m, const char *component, int id, const char *thread, const char *msg, const char *keys, ...)
{
    struct sim_w w;
    va_list ap;
    char key[64];
    sim_w_init(&w);
    va_start(ap, keys);
    for (const char *p = keys; *p;) {
        size_t n = strcspn(p, ":");
        snprintf(key, sizeof key, "%.*s", (int)n, p);
        put(&w, key, p[n + 1], &ap);
        p += n + 2;
        p += *p == ' ';
    }
    va_end(ap);
    const uint8_t *attr = sim_w_done(&w);
    sim_log(m, m->sim->now, 'I', component, id, thread, msg, *keys ? attr : NULL);
    sim_w_release(&w);
}
