/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.c - where one is on the page of a fleet, and what a key does there. */
#include "fleet_private.h"

#include <stdlib.h>
#include <string.h>

struct sb_fleet_page *sb_fleet_page_new(const struct sb_keymap *keymap, const char *filter, int group, bool ascii)
{
    struct sb_fleet_page *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->keymap = keymap;
    p->wants.group = group;
    p->ascii = ascii;
    snprintf(p->filter, sizeof p->filter, "%s", filter);
    line_init(&p->line);
    sb_page_init(&p->page);
    sb_page_init(&p->text);
    sb_page_init(&p->box);
    return p;
}

void sb_fleet_page_free(struct sb_fleet_page *p)
{
    if (!p)
        return;
    line_release(&p->line);
    sb_page_release(&p->page);
    sb_page_release(&p->text);
    sb_page_release(&p->box);
    free(p);
}

struct sb_fleet_wants sb_fleet_page_wants(const struct sb_fleet_page *p)
{
    struct sb_fleet_wants w = p->wants;
    w.filter = p->filter;
    return w;
}

const char *sb_fleet_page_taken(const struct sb_fleet_page *p)
{
    return p->taken;
}

void sb_fleet_page_problem(struct sb_fleet_page *p, const char *text)
{
    snprintf(p->problem, sizeof p->problem, "%s", text);
}

void sb_fleet_page_say(struct sb_fleet_page *p, int64_t wall_ms, bool bad, const char *fmt, ...)
{
    struct fleet_note *n = &p->note[p->notes++ % FLEET_NOTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(n->text, sizeof n->text, fmt, ap);
    va_end(ap);
    n->wall_ms = wall_ms;
    n->bad = bad;
    p->note_shown = true;
}

enum sb_context fleet_context(const struct sb_fleet_page *p)
{
    return p->over == FLEET_FILTER || p->over == FLEET_SEARCH ? SB_IN_LINE : p->over == FLEET_PALETTE ? SB_IN_PALETTE : SB_IN_FLEET;
}

bool fleet_shows_text(const struct sb_fleet_page *p)
{
    return p->over == FLEET_HELP || p->over == FLEET_MESSAGES || p->over == FLEET_INCIDENT;
}

/* ---- the cursor ---- */

size_t fleet_lines(const struct sb_fleet_view *v)
{
    return v->incidents_n + v->list->n;
}

const struct sb_fleet_row *fleet_row(const struct sb_fleet_view *v, size_t line)
{
    const struct sb_fleet_line *l = line >= v->incidents_n && line < fleet_lines(v) ? &v->list->line[line - v->incidents_n] : NULL;
    return l && l->row != SIZE_MAX ? &v->rows[l->row] : NULL;
}

const struct sb_fleet_incident *fleet_incident(const struct sb_fleet_view *v, const char *id)
{
    for (size_t i = 0; id[0] && i < v->incidents_n; i++)
        if (sb_streq(v->incidents[i].anomaly.id, id))
            return &v->incidents[i];
    return NULL;
}

static void go(struct sb_fleet_page *p, const struct sb_fleet_view *v, int64_t to)
{
    int64_t last = (int64_t)fleet_lines(v) - 1;
    p->at = to < 0 || last < 0 ? 0 : (size_t)(to < last ? to : last);
    const struct sb_fleet_row *r = fleet_row(v, p->at);
    snprintf(p->member, sizeof p->member, "%s", r ? r->name : "");
    snprintf(p->incident, sizeof p->incident, "%s", p->at < v->incidents_n ? v->incidents[p->at].anomaly.id : "");
    p->deployment_i = r ? r->deployment_i : 0;
}

/* Where what the cursor was on stands now; SIZE_MAX: nowhere. */
static size_t found_again(const struct sb_fleet_page *p, const struct sb_fleet_view *v)
{
    for (size_t i = 0; p->incident[0] && i < v->incidents_n; i++)
        if (sb_streq(v->incidents[i].anomaly.id, p->incident))
            return i;
    for (size_t i = v->incidents_n; p->member[0] && i < fleet_lines(v); i++) {
        const struct sb_fleet_row *r = fleet_row(v, i);
        if (r && r->deployment_i == p->deployment_i && strcmp(r->name, p->member) == 0)
            return i;
    }
    return SIZE_MAX;
}

void sb_fleet_page_settle(struct sb_fleet_page *p, const struct sb_fleet_view *v)
{
    size_t i = p->at > 1 || p->over == FLEET_INCIDENT ? found_again(p, v) : SIZE_MAX; /* who looks at the worst goes on to look at the worst */
    if (i != SIZE_MAX) {
        p->top = p->top + i > p->at ? p->top + i - p->at : 0; /* and stays at its height on the screen */
        p->at = i;
    } else if (p->over != FLEET_INCIDENT) { /* an opened one stays open, also when it is over */
        go(p, v, (int64_t)p->at);
    }
}

/* ---- searching ---- */

static bool fits(const struct sb_fleet_view *v, size_t line, const char *needle)
{
    const struct sb_fleet_row *r = fleet_row(v, line);
    if (line < v->incidents_n)
        return strcasestr(v->incidents[line].anomaly.title, needle) || strcasestr(v->incidents[line].deployment, needle);
    return r && (strcasestr(r->name, needle) || strcasestr(r->deployment, needle) || strcasestr(r->why, needle) || strcasestr(r->role, needle) ||
                 strcasestr(sb_name(&sb_fleet_healths, (int)r->health), needle));
}

static enum sb_fleet_act search(struct sb_fleet_page *p, const struct sb_fleet_view *v, int step)
{
    size_t n = fleet_lines(v);
    for (size_t k = 1; p->search[0] && k <= n; k++) {
        size_t i = (p->at + (step > 0 ? k : n - k)) % n;
        if (!fits(v, i, p->search))
            continue;
        go(p, v, (int64_t)i);
        return SB_FLEET_PAINT;
    }
    sb_fleet_page_say(p, v->wall_ms, false, p->search[0] ? "\"%s\" is on no line of this page." : "Nothing was searched for yet.%.0s", p->search);
    return SB_FLEET_PAINT;
}

/* ---- what is typed ---- */

static void open_line(struct sb_fleet_page *p, enum fleet_over what, const char *text)
{
    p->over = what;
    p->palette_at = 0;
    line_set(&p->line, text);
    snprintf(p->was, sizeof p->was, "%s", p->filter);
}

/* The filter is applied while it is typed. */
static enum sb_fleet_act line_is_other(struct sb_fleet_page *p)
{
    p->palette_at = 0;
    if (p->over != FLEET_FILTER)
        return SB_FLEET_PAINT;
    snprintf(p->filter, sizeof p->filter, "%s", p->line.text.p);
    return SB_FLEET_RELIST;
}

size_t fleet_matches(const struct sb_fleet_page *p, enum sb_action out[SB_ACTIONS])
{
    size_t n = palette_rank(p->line.text.p, out), kept = 0;
    for (size_t i = 0; i < n; i++)
        if (sb_action_applies(out[i], SB_IN_FLEET))
            out[kept++] = out[i];
    return kept;
}

static enum sb_fleet_act do_action(struct sb_fleet_page *p, enum sb_action action, const struct sb_fleet_view *v);

static enum sb_fleet_act submit(struct sb_fleet_page *p, const struct sb_fleet_view *v)
{
    enum fleet_over what = p->over;
    p->over = FLEET_LIST;
    if (what == FLEET_SEARCH) {
        if (p->line.text.len)
            snprintf(p->search, sizeof p->search, "%s", p->line.text.p);
        return search(p, v, 1);
    }
    if (what == FLEET_PALETTE) {
        enum sb_action matches[SB_ACTIONS];
        size_t n = fleet_matches(p, matches);
        if ((size_t)p->palette_at < n)
            return do_action(p, matches[p->palette_at], v);
        sb_fleet_page_say(p, v->wall_ms, false, "No action here is called \"%s\".", p->line.text.p);
    } else if (p->problem[0]) { /* what is no expression is not kept */
        snprintf(p->filter, sizeof p->filter, "%s", p->was);
        sb_fleet_page_say(p, v->wall_ms, true, "The filter stays as it was: %s", p->problem);
        return SB_FLEET_RELIST;
    }
    return SB_FLEET_PAINT;
}

static enum sb_fleet_act act_on_line(struct sb_fleet_page *p, enum sb_action action, const struct sb_fleet_view *v)
{
    enum sb_action matches[SB_ACTIONS];
    int step = action == SB_ACT_UP ? -1 : action == SB_ACT_DOWN ? 1 : action == SB_ACT_PAGE_UP ? -8 : action == SB_ACT_PAGE_DOWN ? 8 : 0;
    if (line_act(&p->line, action))
        return line_is_other(p);
    if (action == SB_ACT_SUBMIT)
        return submit(p, v);
    if (step && p->over == FLEET_PALETTE) {
        int n = (int)fleet_matches(p, matches), to = p->palette_at + step;
        p->palette_at = to >= n ? (n ? n - 1 : 0) : to < 0 ? 0 : to;
        return SB_FLEET_PAINT;
    }
    if (action != SB_ACT_BACK)
        return SB_FLEET_NOTHING;
    bool filter = p->over == FLEET_FILTER;
    p->over = FLEET_LIST;
    if (filter)
        snprintf(p->filter, sizeof p->filter, "%s", p->was);
    return filter ? SB_FLEET_RELIST : SB_FLEET_PAINT;
}

/* ---- actions ---- */

static void open_text(struct sb_fleet_page *p, enum fleet_over what)
{
    p->over = what;
    p->text_top = 0;
}

static enum sb_fleet_act back(struct sb_fleet_page *p)
{
    if (p->over != FLEET_LIST) {
        p->over = FLEET_LIST;
        return SB_FLEET_PAINT;
    }
    if (!p->filter[0])
        return SB_FLEET_PAINT; /* the message went with the key */
    p->filter[0] = '\0';
    return SB_FLEET_RELIST;
}

static enum sb_fleet_act move_by(struct sb_fleet_page *p, const struct sb_fleet_view *v, int64_t by)
{
    if (!fleet_shows_text(p)) {
        go(p, v, (int64_t)p->at + by);
        return SB_FLEET_PAINT;
    }
    int64_t top = (int64_t)p->text_top + by, most = (int64_t)p->text.row_n - (int64_t)p->rows;
    p->text_top = (size_t)(top > most ? (most > 0 ? most : 0) : top < 0 ? 0 : top);
    return SB_FLEET_PAINT;
}

static enum sb_fleet_act take(struct sb_fleet_page *p, const struct sb_fleet_view *v)
{
    const struct sb_fleet_incident *i = fleet_incident(v, p->incident);
    if (!i)
        sb_fleet_page_say(p, v->wall_ms, false, "Only an incident that goes on can be taken.");
    else if (i->anomaly.acked_by)
        sb_fleet_page_say(p, v->wall_ms, false, "%s has it already.", i->anomaly.acked_by);
    if (!i || i->anomaly.acked_by)
        return SB_FLEET_PAINT;
    snprintf(p->taken, sizeof p->taken, "%s", p->incident);
    return SB_FLEET_TAKE;
}

static enum sb_fleet_act open_one(struct sb_fleet_page *p, const struct sb_fleet_view *v)
{
    if (p->incident[0])
        open_text(p, FLEET_INCIDENT);
    else
        sb_fleet_page_say(p, v->wall_ms, false, "Incidents can be opened; of a member its line says all there is.");
    return SB_FLEET_PAINT;
}

static enum sb_fleet_act do_action(struct sb_fleet_page *p, enum sb_action action, const struct sb_fleet_view *v)
{
    int64_t page = p->rows ? (int64_t)p->rows : 1;
    switch (action) {
    case SB_ACT_UP: return move_by(p, v, -1);
    case SB_ACT_DOWN: return move_by(p, v, 1);
    case SB_ACT_PAGE_UP: return move_by(p, v, -page);
    case SB_ACT_PAGE_DOWN: return move_by(p, v, page);
    case SB_ACT_TOP: return move_by(p, v, -INT32_MAX);
    case SB_ACT_BOTTOM: return move_by(p, v, INT32_MAX);
    case SB_ACT_OPEN: return open_one(p, v);
    case SB_ACT_ACKNOWLEDGE: return take(p, v);
    case SB_ACT_GROUP:
        p->wants.group = (p->wants.group + 1) % SB_FLEET_GROUPS;
        return SB_FLEET_RELIST;
    case SB_ACT_ONLY_WRONG:
        p->wants.only_wrong = !p->wants.only_wrong;
        return SB_FLEET_RELIST;
    case SB_ACT_FILTER: open_line(p, FLEET_FILTER, p->filter); return SB_FLEET_PAINT;
    case SB_ACT_SEARCH: open_line(p, FLEET_SEARCH, ""); return SB_FLEET_PAINT;
    case SB_ACT_SEARCH_NEXT: return search(p, v, 1);
    case SB_ACT_SEARCH_PREVIOUS: return search(p, v, -1);
    case SB_ACT_PALETTE: open_line(p, FLEET_PALETTE, ""); return SB_FLEET_PAINT;
    case SB_ACT_HELP: open_text(p, FLEET_HELP); return SB_FLEET_PAINT;
    case SB_ACT_MESSAGES: open_text(p, FLEET_MESSAGES); return SB_FLEET_PAINT;
    case SB_ACT_MOUSE:
        p->wants.mouse = !p->wants.mouse;
        sb_fleet_page_say(p, v->wall_ms, false, p->wants.mouse ? "The mouse is on: a click selects, the wheel scrolls." : "The mouse is off.");
        return SB_FLEET_MOUSE;
    case SB_ACT_LINE_FACE: p->wants.line = !p->wants.line; return SB_FLEET_LINE;
    case SB_ACT_REDRAW: return SB_FLEET_REDRAW;
    case SB_ACT_SUSPEND: return SB_FLEET_SUSPEND;
    case SB_ACT_QUIT: return SB_FLEET_LEAVE;
    case SB_ACT_BACK: return back(p);
    default: return SB_FLEET_NOTHING;
    }
}

/* ---- keys ---- */

static enum sb_fleet_act mouse(struct sb_fleet_page *p, const struct sb_key *key, const struct sb_fleet_view *v)
{
    if (!p->wants.mouse || fleet_context(p) != SB_IN_FLEET)
        return SB_FLEET_NOTHING;
    if (key->button != SB_BUTTON_LEFT)
        return move_by(p, v, key->button == SB_WHEEL_UP ? -3 : 3);
    if (fleet_shows_text(p) || key->y < FLEET_ABOVE || (size_t)(key->y - FLEET_ABOVE) >= p->rows)
        return SB_FLEET_NOTHING;
    go(p, v, (int64_t)p->top + key->y - FLEET_ABOVE);
    return SB_FLEET_PAINT;
}

static enum sb_fleet_act unbound(struct sb_fleet_page *p, const struct sb_fleet_view *v)
{
    char name[SB_KEY_NAME_MAX];
    const char *help = sb_keymap_keys(p->keymap, SB_IN_FLEET, SB_ACT_HELP);
    sb_key_name(name, &p->pending[p->pending_n - 1]);
    sb_fleet_page_say(p, v->wall_ms, false, "%s does nothing here.%s%s%s", name, help ? " " : "", help ? help : "", help ? " shows the keys." : "");
    return SB_FLEET_PAINT;
}

static enum sb_fleet_act typed(struct sb_fleet_page *p, const struct sb_key *key)
{
    bool pasted = key->code == SB_KEY_PASTE;
    if (p->line.text.len + 4 >= SB_FLEET_FILTER_MAX || (pasted ? !line_paste(&p->line, key->text, key->n < SB_FLEET_FILTER_MAX - 4 - p->line.text.len ? key->n : 0) : !line_type(&p->line, key->point)))
        return SB_FLEET_NOTHING;
    return line_is_other(p);
}

enum sb_fleet_act sb_fleet_page_key(struct sb_fleet_page *p, const struct sb_key *key, const struct sb_fleet_view *v, int h)
{
    enum sb_context context = fleet_context(p);
    enum sb_action action = SB_ACT_NONE;
    p->rows = h > FLEET_ABOVE + FLEET_BELOW ? (size_t)(h - FLEET_ABOVE - FLEET_BELOW) : 0;
    if (key->code == SB_KEY_MOUSE)
        return mouse(p, key, v);
    p->note_shown = false;
    if (context != SB_IN_FLEET && (key->code == SB_KEY_PASTE || (key->code == SB_KEY_CHAR && !(key->mods & (SB_MOD_CTRL | SB_MOD_ALT)))))
        return typed(p, key);
    if (key->code == SB_KEY_PASTE) {
        p->pending_n = 0;
        sb_fleet_page_say(p, v->wall_ms, true, "Text was pasted where keys are expected: nothing was done.");
        return SB_FLEET_PAINT;
    }
    if (p->pending_n == SB_KEYS_MAX)
        p->pending_n = 0;
    p->pending[p->pending_n++] = *key;
    enum sb_lookup found = sb_keymap_find(p->keymap, context, p->pending, p->pending_n, &action);
    if (found == SB_PARTIAL)
        return SB_FLEET_PAINT;
    enum sb_fleet_act what = found == SB_UNBOUND ? unbound(p, v) : context == SB_IN_FLEET ? do_action(p, action, v) : act_on_line(p, action, v);
    p->pending_n = 0;
    return what == SB_FLEET_NOTHING ? SB_FLEET_PAINT : what; /* a message may have gone */
}
