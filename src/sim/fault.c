/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/dispatch.h>

#include "commands.h"

#include <stdlib.h>
#include <string.h>

#define OP_MSG_HEAD 21 /* header, flags, kind */

static const char *const names[SIM_FAULTS] = {"none", "cut", "half", "delay", "wrong-id", "huge", "garbage", "no-end", "refuse-login", "not-primary"};

int sim_fault_of(const char *name)
{
    for (int i = 0; i < SIM_FAULTS; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

const char *sim_fault_name(enum sim_fault f)
{
    return names[f];
}

const char *sim_fault_names(void)
{
    return "none, cut, half, delay, wrong-id, huge, garbage, no-end, refuse-login, not-primary";
}

void sim_fault_set(struct sim_member *m, enum sim_fault f, int64_t to_us, int64_t times)
{
    m->fault = f;
    m->fault_to_us = to_us;
    m->fault_times = times;
}

enum sim_fault sim_fault_meet(struct sim_member *m, const uint8_t *body)
{
    struct sim_iter it = sim_iter_of(body);
    struct sim_elem e;
    if (m->fault == SIM_FAULT_NONE || m->sim->now >= m->fault_to_us || m->fault_times == 0 || !sim_next(&it, &e))
        return SIM_FAULT_NONE;
    const struct sim_command *cmd = sim_command_find(e.key);
    if (cmd && (cmd->run == sim_cmd_hello || cmd->run == sim_cmd_is_master || cmd->run == sim_cmd_configure_fail_point))
        return SIM_FAULT_NONE;
    if (m->fault == SIM_FAULT_NOT_PRIMARY && !(cmd && (cmd->flags & SIM_PRIMARY)))
        return SIM_FAULT_NONE;
    if (m->fault_times > 0)
        m->fault_times--;
    return m->fault;
}

/* ---- replies ---- */

static void put_le32(char *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(v >> 8 * i);
}

/* {filler: "xxx...", ok: 1.0} of the greatest length, under the header that stands there. */
static void blow_up(struct sb_str *out, size_t from)
{
    static const char head[] = "\x02" "filler", tail[] = "\x01" "ok\0\0\0\0\0\0\0\0\xf0\x3f";
    size_t doc = SIM_FAULT_HUGE_BYTES - OP_MSG_HEAD, filler = doc - 4 - sizeof head - 4 - 1 - sizeof tail - 1 + 1;
    char number[4], block[4096];
    sb_str_truncate(out, from + OP_MSG_HEAD);
    put_le32(out->p + from, SIM_FAULT_HUGE_BYTES);
    put_le32(number, (uint32_t)doc);
    sb_str_add(out, number, 4);
    sb_str_add(out, head, sizeof head);
    put_le32(number, (uint32_t)filler + 1);
    sb_str_add(out, number, 4);
    memset(block, 'x', sizeof block);
    for (size_t n = filler; n;) {
        size_t some = n < sizeof block ? n : sizeof block;
        sb_str_add(out, block, some);
        n -= some;
    }
    sb_str_addc(out, '\0');
    sb_str_add(out, tail, sizeof tail - 1);
    sb_str_addc(out, '\0');
}

bool sim_fault_spoil(enum sim_fault f, struct sb_str *out, size_t from)
{
    size_t n = out->len - from;
    if (!sb_str_ok(out) || n < OP_MSG_HEAD + 5)
        return true;
    switch (f) {
    case SIM_FAULT_CUT:
    case SIM_FAULT_HALF:
        sb_str_truncate(out, from + n / 2);
        return f == SIM_FAULT_HALF;
    case SIM_FAULT_WRONG_ID:
        out->p[from + 8] = (char)(out->p[from + 8] ^ 0x55);
        return true;
    case SIM_FAULT_HUGE:
        blow_up(out, from);
        return true;
    case SIM_FAULT_GARBAGE: /* none of BSON's types */
        memset(out->p + from + OP_MSG_HEAD + 4, 0xee, n - OP_MSG_HEAD - 5);
        return true;
    case SIM_FAULT_NO_END:
        out->p[out->len - 1] = 'x';
        return true;
    default:
        return true;
    }
}

/* ---- later ---- */

struct delayed {
    struct sim_member *m;
    int32_t conn_id; /* it may be gone by then */
    struct sim_doc *reply;
};

static void delayed_free(void *ctx)
{
    struct delayed *d = ctx;
    sim_doc_unref(d->reply);
    free(d);
}

static void on_delayed(struct sim *s, void *ctx)
{
    struct delayed *d = ctx;
    (void)s;
    for (struct sim_conn *c = d->m->conns; c; c = c->next)
        if (c->id == d->conn_id && c->answer) {
            c->answer(c, d->reply->bson);
            break;
        }
    delayed_free(d);
}

int sim_fault_delay(struct sim_conn *conn, const uint8_t *reply)
{
    struct sim *s = conn->m->sim;
    struct delayed *d = calloc(1, sizeof *d);
    if (!d)
        return -1;
    d->m = conn->m;
    d->conn_id = conn->id;
    d->reply = sim_doc_new(reply);
    if (d->reply && sim_at(s, s->now + (int64_t)(SIM_FAULT_DELAY_US * s->speed), on_delayed, d, delayed_free) == 0)
        return 0;
    delayed_free(d);
    return -1;
}

/* ---- the command ---- */

int sim_cmd_configure_fail_point(struct sim_call *c)
{
    struct sim_val name = sim_arg(c, "configureFailPoint"), mode = sim_arg(c, "mode"), fault = sim_path(c->body, "data.fault");
    int64_t times = mode.type == BSON_TYPE_DOCUMENT ? sim_int(sim_find(mode.p, "times"), 0) : -1;
    if (!sim_text_is(name, "signalboxWire"))
        return sim_fail(&c->fail, 51006, "Couldn't find fail point");
    if (sim_text_is(mode, "off")) {
        sim_fault_set(c->m, SIM_FAULT_NONE, 0, 0);
        return 0;
    }
    if (!sim_text_is(mode, "alwaysOn") && times <= 0)
        return sim_fail(&c->fail, SIM_FAILED_TO_PARSE, "mode is \"alwaysOn\", \"off\" or {times: N}");
    int f = sim_is_text(fault.type) ? sim_fault_of(sim_text(fault)) : -1;
    if (f < 0)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "data.fault is one of %s", sim_fault_names());
    sim_fault_set(c->m, (enum sim_fault)f, INT64_MAX, times);
    return 0;
}
