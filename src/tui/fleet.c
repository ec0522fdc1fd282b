/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/tui/fleet.h>

#include <signalbox/base/clock.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ABOVE 3 /* lines: header, counts, heads */
#define BELOW 2 /* the cursor's member or the filter, keys */

void sb_fleet_page_init(struct sb_fleet_page *p, const char *filter, int group)
{
    *p = (struct sb_fleet_page){.group = group};
    snprintf(p->filter, sizeof p->filter, "%s", filter);
    sb_page_init(&p->page);
}

void sb_fleet_page_release(struct sb_fleet_page *p)
{
    sb_page_release(&p->page);
}

/* ---- the cursor ---- */

static size_t height(int h)
{
    return h > ABOVE + BELOW ? (size_t)(h - ABOVE - BELOW) : 0;
}

static void remember(struct sb_fleet_page *p, const struct sb_fleet_view *v)
{
    const struct sb_fleet_line *l = p->at < v->list->n ? &v->list->line[p->at] : NULL;
    const struct sb_fleet_row *r = l && l->row != SIZE_MAX ? &v->rows[l->row] : NULL;
    snprintf(p->member, sizeof p->member, "%s", r ? r->name : "");
    p->deployment_i = r ? r->deployment_i : 0;
}

static void go(struct sb_fleet_page *p, const struct sb_fleet_view *v, int64_t to)
{
    int64_t last = (int64_t)v->list->n - 1;
    p->at = to < 0 || last < 0 ? 0 : (size_t)(to < last ? to : last);
    remember(p, v);
}

void sb_fleet_page_settle(struct sb_fleet_page *p, const struct sb_fleet_view *v)
{
    bool follows = p->member[0] && p->at > 1; /* who looks at the worst goes on to look at the worst */
    for (size_t i = 0; follows && i < v->list->n; i++) {
        const struct sb_fleet_line *l = &v->list->line[i];
        if (l->row == SIZE_MAX || v->rows[l->row].deployment_i != p->deployment_i || strcmp(v->rows[l->row].name, p->member) != 0)
            continue;
        p->top = p->top + i > p->at ? p->top + i - p->at : 0; /* and stays at its height on the screen */
        p->at = i;
        return;
    }
    go(p, v, (int64_t)p->at);
}

/* ---- keys ---- */

static enum sb_fleet_act type(struct sb_fleet_page *p, const struct sb_key *key)
{
    size_t n = strlen(p->filter);
    char bytes[4];
    switch (key->code) {
    case SB_KEY_ENTER:
        p->typing = false;
        return SB_FLEET_PAINT;
    case SB_KEY_ESCAPE:
        p->typing = false;
        p->filter[0] = '\0';
        return SB_FLEET_RELIST;
    case SB_KEY_BACKSPACE:
        if (n)
            p->filter[sb_utf8_whole(p->filter, n - 1)] = '\0';
        return SB_FLEET_RELIST;
    case SB_KEY_CHAR:
        if (key->mods || key->point < ' ' || key->point == 0x7f || n + 4 >= sizeof p->filter)
            return SB_FLEET_NOTHING;
        size_t len = sb_utf8_encode(key->point, bytes);
        memcpy(p->filter + n, bytes, len);
        p->filter[n + len] = '\0';
        return SB_FLEET_RELIST;
    default:
        return SB_FLEET_NOTHING;
    }
}

static enum sb_fleet_act letter(struct sb_fleet_page *p, uint32_t point, const struct sb_fleet_view *v)
{
    switch (point) {
    case 'q':
        return SB_FLEET_LEAVE;
    case 'j':
        go(p, v, (int64_t)p->at + 1);
        return SB_FLEET_PAINT;
    case 'k':
        go(p, v, (int64_t)p->at - 1);
        return SB_FLEET_PAINT;
    case 'g':
        p->group = (p->group + 1) % SB_FLEET_GROUPS;
        return SB_FLEET_RELIST;
    case 'w':
        p->only_wrong = !p->only_wrong;
        return SB_FLEET_RELIST;
    case '/':
        p->typing = true;
        return SB_FLEET_PAINT;
    default:
        return SB_FLEET_NOTHING;
    }
}

enum sb_fleet_act sb_fleet_page_key(struct sb_fleet_page *p, const struct sb_key *key, const struct sb_fleet_view *v, int h)
{
    int64_t page = height(h) ? (int64_t)height(h) : 1;
    if (p->typing)
        return type(p, key);
    switch (key->code) {
    case SB_KEY_UP: go(p, v, (int64_t)p->at - 1); return SB_FLEET_PAINT;
    case SB_KEY_DOWN: go(p, v, (int64_t)p->at + 1); return SB_FLEET_PAINT;
    case SB_KEY_PAGE_UP: go(p, v, (int64_t)p->at - page); return SB_FLEET_PAINT;
    case SB_KEY_PAGE_DOWN: go(p, v, (int64_t)p->at + page); return SB_FLEET_PAINT;
    case SB_KEY_HOME: go(p, v, 0); return SB_FLEET_PAINT;
    case SB_KEY_END: go(p, v, INT64_MAX); return SB_FLEET_PAINT;
    case SB_KEY_ESCAPE:
        p->filter[0] = '\0';
        return SB_FLEET_RELIST;
    case SB_KEY_CHAR: return key->mods ? SB_FLEET_NOTHING : letter(p, key->point, v);
    default: return SB_FLEET_NOTHING;
    }
}

/* ---- the picture ---- */

static enum sb_role role_of(enum sb_fleet_health health)
{
    switch (health) {
    case SB_FLEET_WELL: return SB_ROLE_GOOD;
    case SB_FLEET_UNASKED: return SB_ROLE_DOUBT;
    case SB_FLEET_LAGGING: return SB_ROLE_MEDIUM;
    case SB_FLEET_ODD: return SB_ROLE_HIGH;
    default: return SB_ROLE_BAD;
    }
}

static void number(struct sb_page *p, int width, double n, bool fraction)
{
    if (!isfinite(n))
        sb_page_field(p, SB_ROLE_DIM, -width, "-");
    else if (n >= 9999.5 || !fraction)
        sb_page_fieldf(p, SB_ROLE_TEXT, -width, "%.0f", n);
    else
        sb_page_fieldf(p, SB_ROLE_TEXT, -width, "%.1f", n);
}

static void put_header(struct sb_page *p, const struct sb_fleet_view *v)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, v->wall_ms);
    sb_page_textf(p, SB_ROLE_HEADER, " Fleet: %zu members of %zu deployments, %zu asked", v->rows_n, v->deployments, v->asked);
    if (p->width >= 120)
        sb_page_textf(p, SB_ROLE_HEADER, "; %zu lanes, the longest wait %lld ms, %zu series watched closely", v->lanes, (long long)v->late_ms, v->watched);
    at[19] = 'Z';
    at[20] = '\0';
    sb_page_right(p, SB_ROLE_HEADER, at + 11);
}

static void put_counts(const struct sb_fleet_page *f, struct sb_page *p, const struct sb_fleet_view *v)
{
    size_t of[SB_FLEET_HEALTHS];
    sb_fleet_count(v->rows, v->rows_n, of);
    for (int i = SB_FLEET_HEALTHS - 1; i >= 0; i--)
        if (of[i])
            sb_page_textf(p, role_of((enum sb_fleet_health)i), " %zu %s ", of[i], sb_name(&sb_fleet_healths, i));
    if (f->filter[0] && !f->typing)
        sb_page_textf(p, SB_ROLE_DOUBT, "  only %s", f->filter);
    if (f->only_wrong)
        sb_page_text(p, SB_ROLE_DOUBT, "  only what is not well");
}

static void put_row(struct sb_page *p, const struct sb_fleet_row *r)
{
    bool wide = p->width >= 120;
    sb_page_field(p, role_of(r->health), 12, sb_name(&sb_fleet_healths, (int)r->health));
    sb_page_field(p, SB_ROLE_ID, wide ? 40 : 21, r->name);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_field(p, SB_ROLE_TEXT, 10, r->role[0] ? r->role : "-");
    number(p, 6, r->ops_per_s, false);
    number(p, 8, r->read_ms, true);
    number(p, 5, r->lag_s, false);
    if (wide) {
        number(p, 9, r->write_ms, true);
        number(p, 8, r->connections, false);
        number(p, 8, r->queued, false);
    }
    sb_page_textf(p, SB_ROLE_DIM, "  %s", r->why);
}

static void put_heads(struct sb_page *p)
{
    bool wide = p->width >= 120;
    sb_page_textf(p, SB_ROLE_DIM, "  %-12s%-*s %-10s%6s%8s%5s", "health", wide ? 40 : 21, "member", "role", "ops/s", "read ms", "lag");
    if (wide)
        sb_page_textf(p, SB_ROLE_DIM, "%9s%8s%8s", "write ms", "conns", "queued");
    sb_page_text(p, SB_ROLE_DIM, "  why");
}

static void put_heading(struct sb_page *p, const struct sb_fleet_line *l, const struct sb_fleet_row *first, int group)
{
    sb_page_text(p, SB_ROLE_TITLE, sb_fleet_heading(first, (enum sb_fleet_group)group));
    if (group == SB_FLEET_BY_DEPLOYMENT)
        sb_page_textf(p, first->environment == SB_ENV_PROD ? SB_ROLE_ENV_PROD : SB_ROLE_ENV_OTHER, " %s ", sb_name(&sb_environments, first->environment));
    sb_page_textf(p, SB_ROLE_DIM, "  %zu", l->shown);
    if (l->wrong)
        sb_page_textf(p, SB_ROLE_BAD, ", %zu not well", l->wrong);
    if (l->headless)
        sb_page_text(p, SB_ROLE_BAD, ", no primary");
}

static void put_lines(struct sb_fleet_page *f, const struct sb_fleet_view *v, int h)
{
    struct sb_page *p = &f->page;
    size_t rows = height(h);
    if (f->at < f->top)
        f->top = f->at;
    if (rows && f->at >= f->top + rows)
        f->top = f->at - rows + 1;
    if (f->top && f->top + rows > v->list->n)
        f->top = v->list->n > rows ? v->list->n - rows : 0;
    for (size_t i = f->top; i < f->top + rows; i++) {
        sb_page_line(p);
        if (i >= v->list->n) {
            if (i == 0)
                sb_page_text(p, SB_ROLE_DIM, f->filter[0] ? "  no member matches the filter (Escape drops it)" : f->only_wrong ? "  all are well (w shows them)" : "  no members");
            continue;
        }
        const struct sb_fleet_line *l = &v->list->line[i];
        sb_page_text(p, SB_ROLE_CURSOR, i == f->at ? "> " : "  ");
        if (l->row == SIZE_MAX)
            put_heading(p, l, &v->rows[l->first], f->group);
        else
            put_row(p, &v->rows[l->row]);
    }
}

/* The filter while it is typed; else what there is to be said about the cursor's member. Returns the column behind it. */
static int put_below(struct sb_fleet_page *f, const struct sb_fleet_view *v)
{
    struct sb_page *p = &f->page;
    const struct sb_fleet_line *l = f->at < v->list->n ? &v->list->line[f->at] : NULL;
    sb_page_line(p);
    if (f->typing || f->problem[0]) {
        sb_page_text(p, SB_ROLE_REQUEST, " / ");
        sb_page_text(p, SB_ROLE_INPUT, f->filter);
        int x = sb_page_column(p);
        if (f->problem[0])
            sb_page_textf(p, SB_ROLE_NOTICE_BAD, "  %s", f->problem);
        return x;
    }
    if (l && l->row != SIZE_MAX) {
        char since[SB_TIME_LEN + 1];
        const struct sb_fleet_row *r = &v->rows[l->row];
        sb_time_format(since, r->since_ms);
        since[19] = '\0';
        sb_page_textf(p, SB_ROLE_STATUS, " %s %s since %s Z %s", r->deployment, sb_name(&sb_fleet_healths, (int)r->health), since + 11, r->why);
    }
    return sb_page_column(p);
}

static void put_keys(struct sb_fleet_page *f)
{
    static const char *const keys[][2] = {{"j/k", "move"}, {"g", "group"}, {"/", "filter"}, {"w", "only what is not well"}, {"q", "leave"}};
    struct sb_page *p = &f->page;
    sb_page_line(p);
    for (size_t i = 0; i < SB_COUNT(keys); i++) {
        sb_page_textf(p, SB_ROLE_KEY, " %s", keys[i][0]);
        sb_page_textf(p, SB_ROLE_FOOTER, " %s ", keys[i][1]);
    }
}

void sb_fleet_page_paint(struct sb_fleet_page *f, const struct sb_fleet_view *v, struct sb_cells *cells, int *cursor_x, int *cursor_y)
{
    struct sb_page *p = &f->page;
    sb_page_start(p, cells->w, v->ascii);
    sb_page_line(p);
    put_header(p, v);
    sb_page_line(p);
    put_counts(f, p, v);
    sb_page_line(p);
    put_heads(p);
    put_lines(f, v, cells->h);
    int x = put_below(f, v);
    put_keys(f);
    sb_page_paint(cells, (struct sb_rect){0, 0, cells->w, cells->h}, p, 0, NULL);
    *cursor_x = f->typing ? (x < cells->w ? x : cells->w - 1) : 0;
    *cursor_y = f->typing ? cells->h - BELOW : ABOVE + (int)(f->at - f->top);
    if (*cursor_y >= cells->h || cells->w == 0)
        *cursor_x = -1;
}
