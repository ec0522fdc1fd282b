/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs now: the members with the columns of mongostat, and below them the operations of clients, each above those that most
 * likely wait for it. */
#include "../state.h"

#include <inttypes.h>

#define WIDE 110
#define ALL_NARROW 78 /* all columns of a narrow screen, */
#define ALL_WIDE 151  /* and of a wide one */

void view_running_title(const struct sb_tui *t, struct sb_page *p)
{
    const struct running *r = &t->running;
    sb_page_text(p, SB_ROLE_TITLE, "What runs now");
    sb_page_textf(p, SB_ROLE_DIM, "   %s%s", running_sort_name(r->sort), r->reversed ? ", turned round" : "");
    if (r->filter.text)
        sb_page_textf(p, SB_ROLE_DOUBT, "   only %s", r->filter.text);
    if (p->width < (p->width >= WIDE ? ALL_WIDE : ALL_NARROW))
        sb_page_text(p, SB_ROLE_DOUBT, "   columns are left out");
}

/* ---- members ---- */

static void count(struct sb_page *p, int width, int64_t n)
{
    char text[TEXT_MAX];
    fmt_count(text, n);
    sb_page_field(p, SB_ROLE_TEXT, -width, n < 0 ? "-" : text);
}

static void rate(struct sb_page *p, int width, int64_t milli)
{
    count(p, width, milli < 0 ? -1 : (milli + 500) / 1000);
}

static void share(struct sb_page *p, int width, int64_t ppm)
{
    char text[TEXT_MAX];
    fmt_ppm(text, ppm);
    sb_page_field(p, SB_ROLE_TEXT, -width, ppm < 0 ? "-" : text);
}

static void bytes(struct sb_page *p, int width, int64_t n)
{
    char text[TEXT_MAX];
    fmt_bytes(text, n);
    sb_page_field(p, SB_ROLE_TEXT, -width, n < 0 ? "-" : text);
}

/* A number that is cut reads as another one: a column is there whole, or not. */
static bool fits(const struct sb_page *p, int width)
{
    return sb_page_column(p) + width <= p->width;
}

static void member(const struct sb_member_line *m, struct sb_page *p)
{
    char out[TEXT_MAX];
    bool wide = p->width >= WIDE;
    sb_page_line(p);
    sb_page_text(p, m->healthy ? SB_ROLE_DIM : SB_ROLE_BAD, m->healthy ? " " : "!");
    sb_page_field(p, m->healthy ? SB_ROLE_TEXT : SB_ROLE_BAD, wide ? 26 : 15, m->name);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_field(p, sb_streq(m->state, "PRIMARY") ? SB_ROLE_STRONG : SB_ROLE_DIM, 3, sb_streq(m->state, "PRIMARY") ? "PRI" : sb_streq(m->state, "SECONDARY") ? "SEC" : m->state);
    int w = wide ? 8 : 6;
    const int64_t rates[] = {m->inserts, m->queries, m->updates, m->deletes, m->getmores, m->commands};
    for (size_t i = 0; i < SB_COUNT(rates) && fits(p, w); i++)
        rate(p, w, rates[i]);
    if (p->width < ALL_NARROW)
        return;
    share(p, 7, m->dirty_ppm);
    share(p, 7, m->cache_ppm);
    if (m->reading < 0 || m->writing < 0)
        snprintf(out, sizeof out, "-");
    else
        snprintf(out, sizeof out, "%" PRId64 "|%" PRId64, m->reading, m->writing);
    sb_page_field(p, SB_ROLE_TEXT, -8, out);
    if (!wide)
        return;
    count(p, 6, m->queued);
    int64_t resident = m->resident_mib < 0 ? -1 : m->resident_mib > INT64_MAX >> 21 ? INT64_MAX : m->resident_mib << 20;
    const int64_t sizes[] = {resident, m->bytes_in, m->bytes_out};
    for (size_t i = 0; i < SB_COUNT(sizes) && fits(p, 10); i++)
        bytes(p, 10, sizes[i]);
    if (p->width < ALL_WIDE) /* the last two are left out with the sizes */
        return;
    count(p, 7, m->connections);
    if (m->lag_s >= 0)
        snprintf(out, sizeof out, "%" PRId64 " s", m->lag_s);
    else
        snprintf(out, sizeof out, "-");
    sb_page_field(p, m->lag_s >= 10 ? SB_ROLE_BAD : SB_ROLE_TEXT, -7, out);
}

static void members(const struct sb_tui *t, struct sb_page *p)
{
    const struct sb_strip *s = shown_strip(t);
    bool wide = p->width >= WIDE;
    static const char *const heads[] = {"insert", "query", "update", "delete", "getmore", "command"}, *const shorter[] = {"ins", "qry", "upd", "del", "getm", "cmd"};
    sb_page_field(p, SB_ROLE_DIM, wide ? 31 : 20, " a second on each");
    for (size_t i = 0; i < SB_COUNT(heads) && fits(p, wide ? 8 : 6); i++)
        sb_page_field(p, SB_ROLE_DIM, wide ? -8 : -6, wide ? heads[i] : shorter[i]);
    static const struct {
        int width;
        const char *head;
    } more[] = {{7, "dirty"}, {7, "used"}, {8, "ar|aw"}, {6, "qr"}, {10, "res"}, {10, "net_in"}, {10, "net_out"}, {7, "conn"}, {7, "lag"}};
    for (size_t i = 0; p->width >= ALL_NARROW && i < (wide ? SB_COUNT(more) : 3) && fits(p, more[i].width) && (more[i].width != 7 || i < 2 || p->width >= ALL_WIDE); i++)
        sb_page_field(p, SB_ROLE_DIM, -more[i].width, more[i].head);
    if (!t->have_strip || !s->members_n) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DOUBT, " No member has been heard of yet.");
    }
    for (size_t i = 0; t->have_strip && i < s->members_n && i < 50; i++)
        member(&s->members[i], p);
}

/* ---- operations ---- */

static void operation(const struct sb_tui *t, size_t i, struct sb_page *p)
{
    const struct running_row *row = &t->running.row[i];
    const struct sb_op *op = &t->running.ops.list[row->op];
    char took[TEXT_MAX];
    bool wide = p->width >= WIDE;
    int indent = 2 * (int)(row->depth < 6 ? row->depth : 6);
    fmt_us(took, op->running_ms > INT64_MAX / 1000 ? INT64_MAX : op->running_ms * 1000);
    sb_page_line(p);
    sb_page_link(p, (int)i + 1);
    sb_page_field(p, op->waits ? SB_ROLE_BAD : SB_ROLE_STRONG, -11, took);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    if (row->depth) {
        sb_page_field(p, SB_ROLE_TEXT, indent - 2, "");
        sb_page_mark(p, SB_ROLE_BAD, SB_MARK_BOTTOM_LEFT, 1);
        sb_page_text(p, SB_ROLE_TEXT, " ");
    }
    sb_page_field(p, op->barred ? SB_ROLE_DIM : SB_ROLE_TEXT, (wide ? 24 : 14) - (indent < 8 ? indent : 8), op->op);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_field(p, SB_ROLE_TEXT, wide ? 34 : 18, op->ns);
    sb_page_field(p, SB_ROLE_ID, -9, op->opid ? op->opid : "-");
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_field(p, SB_ROLE_DIM, 9, op->connection ? op->connection : "-");
    if (wide) {
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, SB_ROLE_DIM, 24, op->member);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, SB_ROLE_TEXT, 18, op->app ? op->app : "");
        sb_page_text(p, SB_ROLE_TEXT, " ");
    } else {
        sb_page_text(p, SB_ROLE_TEXT, " ");
    }
    if (op->waits)
        sb_page_textf(p, SB_ROLE_BAD, "waits %s%s", op->waits, op->holder ? "" : "; whose is not to be seen");
    else
        sb_page_text(p, SB_ROLE_DIM, op->text ? op->text : op->plan ? op->plan : "");
}

/* What of the selected row there was no room for. */
static void selected(const struct sb_tui *t, struct sb_page *p)
{
    const struct running *r = &t->running;
    int link = top_view_of(t)->link;
    const struct sb_op *op = link >= 1 && (size_t)link <= r->n ? &r->ops.list[r->row[link - 1].op] : NULL;
    if (!op)
        return;
    view_heading(p, "Selected");
    view_label(p, "Member");
    sb_page_text(p, SB_ROLE_TEXT, op->member);
    view_label(p, "Client");
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s%s%s", op->client ? op->client : "not told", op->app ? ", application " : "", op->app ? op->app : "");
    view_label(p, "Session");
    sb_page_text(p, SB_ROLE_DIM, op->session ? op->session : "none");
    view_label(p, "Plan");
    sb_page_wrap(p, SB_ROLE_TEXT, LABEL, op->plan ? op->plan : "not told");
    if (op->waits) {
        const struct sb_op *holder = op->holder > 0 && (size_t)op->holder <= r->ops.list_n ? &r->ops.list[op->holder - 1] : NULL;
        view_label(p, "Waits");
        sb_page_wrapf(p, SB_ROLE_BAD, LABEL, "%s", op->waits);
        if (holder)
            sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, ", most likely of %s of %s, by the locks it holds", holder->op, holder->connection ? holder->connection : "the server");
    }
    view_label(p, "Ending it");
    if (op->barred)
        sb_page_wrapf(p, SB_ROLE_DOUBT, LABEL, "not from here: %s", op->barred);
    else
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s proposes a card", sb_keymap_keys(t->keymap, SB_IN_RUNNING, SB_ACT_END_OPERATION) ? sb_keymap_keys(t->keymap, SB_IN_RUNNING, SB_ACT_END_OPERATION) : "the palette");
}

void view_running(const struct sb_tui *t, struct sb_page *p)
{
    const struct running *r = &t->running;
    char when[TEXT_MAX];
    members(t, p);
    view_heading(p, "Operations of clients");
    if (r->wrong) {
        sb_page_line(p);
        sb_page_wrapf(p, SB_ROLE_BAD, 1, " They cannot be asked for: %s", r->wrong);
    } else if (!r->have) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DOUBT, " They are being asked for.");
    }
    if (!r->have)
        return;
    fmt_clock(when, r->ops.at);
    sb_page_textf(p, SB_ROLE_DIM, "   as of %sZ: %zu%s", when, r->n, r->n < r->ops.list_n ? " that fit the filter" : "");
    if (r->ops.more)
        sb_page_textf(p, SB_ROLE_DOUBT, ", and %" PRId64 " younger ones not listed", r->ops.more);
    if (t->replay.on)
        sb_page_text(p, SB_ROLE_DOUBT, "   as they are now: only the members are replayed");
    if (r->ops.blind) {
        sb_page_line(p);
        sb_page_wrapf(p, SB_ROLE_DOUBT, 1, " Blind: %s", r->ops.blind);
    }
    for (size_t i = 0; i < r->n; i++)
        operation(t, i, p);
    if (!r->n) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIM, r->ops.list_n ? " None fits the filter." : " None: no client waits for anything.");
    }
    selected(t, p);
}
