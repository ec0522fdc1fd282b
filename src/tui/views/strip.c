/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster strip: one line a member. Before the first sample it says what is being waited for. */
#include "../state.h"

#include <stdio.h>
#include <string.h>

static bool same_shard(const struct sb_member_line *a, const struct sb_member_line *b)
{
    return sb_streq(a->shard ? a->shard : "", b->shard ? b->shard : "");
}

/* Members of one shard stand together. */
static bool begins_shard(const struct sb_strip *s, size_t i)
{
    return s->members[i].shard && (i == 0 || !same_shard(&s->members[i - 1], &s->members[i]));
}

static size_t count_shards(const struct sb_strip *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->members_n; i++)
        n += begins_shard(s, i);
    return n;
}

int view_strip_short(const struct sb_tui *t)
{
    const struct sb_strip *s = shown_strip(t);
    return t->have_strip && s->cluster ? 1 + (int)count_shards(s) : 0;
}

int view_strip_lines(const struct sb_tui *t)
{
    const struct sb_strip *s = shown_strip(t);
    size_t n = t->have_strip ? s->members_n : 0;
    if (n == 0 && t->have_strip && s->note && t->frame.w > 2) /* why nobody is seen is told to its end */
        return 1 + sb_text_width(s->note, t->ascii) / (t->frame.w - 2);
    return n == 0 ? 1 : (n < 64 ? (int)n : 64) + (s->note ? 1 : 0) + (s->cluster ? 1 + (int)count_shards(s) : 0);
}

static void waiting(const struct sb_tui *t, struct sb_page *p)
{
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    if (t->have_strip && t->strip.note)
        sb_page_wrap(p, SB_ROLE_DOUBT, 1, t->strip.note);
    else if (t->welcomed)
        sb_page_textf(p, SB_ROLE_DOUBT, "waiting for the first sample of %s", t->welcome.set_name ? t->welcome.set_name : "the members");
    else
        sb_page_textf(p, SB_ROLE_DOUBT, "connecting to %s ...", t->connecting ? t->connecting : "the orchestrator");
}

static void number(struct sb_page *p, const char *label, int width, const char *value)
{
    sb_page_textf(p, SB_ROLE_DIM, "  %s", label);
    sb_page_field(p, SB_ROLE_TEXT, -width, value);
}

static void whole(char out[TEXT_MAX], int64_t n)
{
    if (n < 0)
        snprintf(out, TEXT_MAX, "-");
    else
        fmt_count(out, n);
}

#define READS_FROM 56  /* on a narrower screen a name that can be told from the others is worth more */
#define WRITES_FROM 77

static void member(const struct sb_tui *t, const struct sb_member_line *m, int name_width, struct sb_page *p)
{
    char text[TEXT_MAX];
    bool down = !m->healthy;
    sb_page_line(p);
    sb_page_text(p, down ? SB_ROLE_BAD : SB_ROLE_DIM, down ? "!" : m->blind ? "?" : " ");
    sb_page_field(p, down ? SB_ROLE_BAD : sb_streq(m->state, "PRIMARY") ? SB_ROLE_STRONG : SB_ROLE_TEXT, 10, m->state);
    sb_page_field(p, SB_ROLE_TEXT, name_width, m->name);
    if (m->lag_s < 0)
        snprintf(text, sizeof text, "-");
    else
        snprintf(text, sizeof text, "%lld s", (long long)m->lag_s);
    sb_page_text(p, SB_ROLE_DIM, " lag");
    sb_page_field(p, m->lag_s >= 10 ? SB_ROLE_BAD : SB_ROLE_TEXT, -6, text);
    if (p->width >= READS_FROM) { /* these widths are those of `most` below */
        fmt_milli(text, m->reads_per_s_milli, "/s");
        number(p, "read", 8, text);
        fmt_us(text, m->read_latency_us);
        sb_page_field(p, SB_ROLE_TEXT, -8, text);
    }
    if (p->width >= WRITES_FROM) {
        fmt_milli(text, m->writes_per_s_milli, "/s");
        number(p, "write", 7, text);
        fmt_us(text, m->write_latency_us);
        sb_page_field(p, SB_ROLE_TEXT, -8, text);
    }
    if (p->width >= 100) {
        whole(text, m->connections);
        number(p, "conn", 6, text);
    }
    if (p->width >= 112) {
        whole(text, m->queued);
        number(p, "queue", 4, text);
    }
    if (p->width >= 126) {
        fmt_ppm(text, m->cache_ppm);
        number(p, "cache", 7, text);
    }
    if (m->blind && p->width >= 150)
        sb_page_textf(p, SB_ROLE_DOUBT, "  blind: %s", m->blind);
    (void)t;
}

static size_t count_ill(const struct sb_strip *s)
{
    size_t ill = 0;
    for (size_t i = 0; i < s->members_n; i++)
        ill += !s->members[i].healthy;
    return ill;
}

/* Of several members, how many are ill, and the worst lag. */
static void health(size_t ill, int64_t lag, struct sb_page *p)
{
    if (ill)
        sb_page_textf(p, SB_ROLE_BAD, "%zu not healthy", ill);
    else
        sb_page_text(p, SB_ROLE_GOOD, "all healthy");
    if (lag >= 0)
        sb_page_textf(p, lag >= 10 ? SB_ROLE_BAD : SB_ROLE_TEXT, ", lag %lld s", (long long)lag);
}

/* All members in one line, where there is no room for more. */
static void in_short(const struct sb_strip *s, struct sb_page *p)
{
    size_t ill = count_ill(s);
    int64_t lag = -1;
    for (size_t i = 0; i < s->members_n; i++)
        lag = s->members[i].lag_s > lag ? s->members[i].lag_s : lag;
    sb_page_line(p);
    sb_page_textf(p, ill ? SB_ROLE_BAD : SB_ROLE_TEXT, "%s%zu members, ", ill ? "!" : " ", s->members_n);
    health(ill, lag, p);
}

/* A shard in one line: how many of its members are well, who leads it, the worst lag. */
static void shard_in_short(const struct sb_strip *s, size_t from, struct sb_page *p)
{
    size_t n = 0, ill = 0;
    int64_t lag = -1;
    const char *primary = NULL;
    for (size_t i = from; i < s->members_n && same_shard(&s->members[from], &s->members[i]); i++, n++) {
        ill += !s->members[i].healthy;
        lag = s->members[i].lag_s > lag ? s->members[i].lag_s : lag;
        if (s->members[i].healthy && sb_streq(s->members[i].state, "PRIMARY"))
            primary = s->members[i].name;
    }
    sb_page_line(p);
    sb_page_textf(p, ill || !primary ? SB_ROLE_BAD : SB_ROLE_STRONG, "%s%s", ill || !primary ? "!" : " ", s->members[from].shard);
    sb_page_textf(p, SB_ROLE_TEXT, "  %zu members, ", n);
    health(ill, lag, p);
    sb_page_textf(p, primary ? SB_ROLE_TEXT : SB_ROLE_BAD, primary ? ", primary %s" : ", no primary%s", primary ? primary : "");
}

/* A cluster: what is true of it as a whole, then its shards, with their members where there is room for all of them. */
static void cluster(const struct sb_tui *t, const struct sb_strip *s, int name_width, struct sb_page *p, int lines)
{
    size_t shards = count_shards(s);
    if (lines < 1 + (int)shards) {
        in_short(s, p);
        return;
    }
    sb_page_line(p);
    sb_page_textf(p, s->cluster_ill ? SB_ROLE_BAD : SB_ROLE_TEXT, "%s%s", s->cluster_ill ? "!" : " ", s->cluster);
    bool all = lines >= 1 + (int)(shards + s->members_n);
    for (size_t i = 0; i < s->members_n; i++) {
        if (begins_shard(s, i))
            shard_in_short(s, i, p);
        if (all)
            member(t, &s->members[i], name_width, p);
    }
}

void view_strip(const struct sb_tui *t, struct sb_page *p, int lines)
{
    const struct sb_strip *s = shown_strip(t);
    if (lines <= 0)
        return;
    if (!t->have_strip || s->members_n == 0) {
        waiting(t, p);
        return;
    }
    if (lines == 1 && s->members_n > 1) {
        in_short(s, p);
        return;
    }
    int name_width = 0, most = p->width - 21 - (p->width >= READS_FROM ? 22 : 0) - (p->width >= WRITES_FROM ? 22 : 0) - (p->width >= 100 ? 12 : 0) - (p->width >= 112 ? 11 : 0) - (p->width >= 126 ? 14 : 0);
    for (size_t i = 0; i < s->members_n && i < 64; i++) {
        int w = sb_text_width(s->members[i].name, t->ascii);
        name_width = w > name_width ? w : name_width;
    }
    if (name_width > most)
        name_width = most > 8 ? most : 8;
    if (s->cluster) {
        cluster(t, s, name_width, p, lines);
        return;
    }
    int room = lines;
    if (s->note && lines > 1) {
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_DOUBT, " %s", s->note);
        room--;
    }
    size_t hidden = s->members_n > (size_t)room ? s->members_n - (size_t)room + 1 : 0, shown = s->members_n - hidden;
    /* those who are ill come first into the lines that there are */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < s->members_n && shown > 0; i++) {
            bool first = !s->members[i].healthy || sb_streq(s->members[i].state, "PRIMARY");
            if (hidden ? first != (pass == 0) : pass == 1)
                continue;
            member(t, &s->members[i], name_width, p);
            shown--;
        }
    if (hidden) {
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_DIM, "  and %zu more of %zu members; %zu not healthy", hidden, s->members_n, count_ill(s));
    }
}
