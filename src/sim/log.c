/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/text.h>

#include <stdlib.h>
#include <string.h>

static void format(struct sb_str *out, int64_t at_us, char severity, const char *component, int id, const char *ctx, const char *msg,
                   const uint8_t *attr, bool startup, bool svc)
{
    char time[SB_TIME_LEN + 1], number[16], padded[32];
    sb_time_format(time, at_us / 1000);
    time[SB_TIME_LEN - 1] = '\0'; /* without the Z: the log tells the zone as an offset */
    snprintf(padded, sizeof padded, "\"%s\",", component);
    snprintf(number, sizeof number, "%d,", id);
    sb_str_addf(out, "{\"t\":{\"$date\":\"%s+00:00\"},\"s\":\"%c\",  \"c\":%-11s \"id\":%-8s \"ctx\":", time, severity, padded, number);
    sim_json_text(out, ctx, strlen(ctx));
    if (svc) /* a service, of which a shard has one and a router another */
        sb_str_adds(out, ",\"svc\":\"S\"");
    sb_str_adds(out, ",\"msg\":");
    sim_json_text(out, msg, strlen(msg));
    if (attr) {
        sb_str_adds(out, ",\"attr\":");
        sim_json_doc(out, attr);
    }
    if (startup)
        sb_str_adds(out, ",\"tags\":[\"startupWarnings\"]");
    sb_str_addc(out, '}');
}

/* Cut as the server's ring cuts, at a character's end. */
static char *cut(const struct sb_str *s)
{
    return sb_strdup_n(s->p, s->len < SIM_LOG_CHARS ? s->len : sb_utf8_whole(s->p, SIM_LOG_CHARS));
}

static void put(struct sim_member *m, const struct sb_str *line)
{
    struct sim_log_line *slot = &m->log[m->log_written++ % SIM_LOG_LINES];
    free(slot->text);
    slot->text = sb_str_ok(line) ? cut(line) : NULL; /* out of memory: the line is missing */
}

void sim_log(struct sim_member *m, int64_t at_us, char severity, const char *component, int id, const char *ctx, const char *msg,
             const uint8_t *attr)
{
    struct sb_str line;
    sb_str_init(&line);
    format(&line, at_us, severity, component, id, ctx, msg, attr, false, sim_since(m->sim, 8));
    put(m, &line);
    sb_str_release(&line);
}

void sim_log_startup(struct sim_member *m, char severity, const char *component, int id, const char *msg, const uint8_t *attr)
{
    struct sb_str line;
    sb_str_init(&line);
    format(&line, m->sim->now, severity, component, id, "initandlisten", msg, attr, true, sim_since(m->sim, 8));
    put(m, &line);
    if (m->startup_n < SB_COUNT(m->startup))
        m->startup[m->startup_n++].text = cut(&line);
    sb_str_release(&line);
}

void sim_log_write(struct sim_w *w, const struct sim_member *m, bool startup)
{
    sim_w_int(w, "totalLinesWritten", startup ? (int64_t)m->startup_n : (int64_t)m->log_written);
    sim_w_array(w, "log");
    if (startup) {
        for (unsigned i = 0; i < m->startup_n; i++)
            if (m->startup[i].text)
                sim_w_text(w, NULL, m->startup[i].text);
    } else {
        uint64_t from = m->log_written > SIM_LOG_LINES ? m->log_written - SIM_LOG_LINES : 0;
        for (uint64_t i = from; i < m->log_written; i++)
            if (m->log[i % SIM_LOG_LINES].text)
                sim_w_text(w, NULL, m->log[i % SIM_LOG_LINES].text);
    }
    sim_w_end(w);
}

void sim_log_release(struct sim_member *m)
{
    for (size_t i = 0; i < SIM_LOG_LINES; i++)
        free(m->log[i].text);
    for (unsigned i = 0; i < m->startup_n; i++)
        free(m->startup[i].text);
}
