/* SPDX-License-Identifier: Apache-2.0
 *
 * What the documents of a collection look like: the tree of their fields, how many have each, with which types, and what is
 * different from the look before. How much of the collection was seen stands above it. */
#include "../state.h"

#include <inttypes.h>

#define WIDE 120
#define NAME_LEAST 24
#define BAR 10
#define TYPE_BAR 6

static void percent(char out[16], int64_t ppm)
{
    if (ppm >= 1000000 || ppm <= 0)
        snprintf(out, 16, ppm > 0 ? "100 %%" : "0 %%");
    else if (ppm >= 999500 || ppm < 10000) /* what is neither all nor nothing looks like neither */
        snprintf(out, 16, "%" PRId64 ".%02" PRId64 " %%", ppm / 10000, ppm % 10000 / 100);
    else
        snprintf(out, 16, "%" PRId64 ".%" PRId64 " %%", ppm / 10000, ppm % 10000 / 1000);
}

static void types(const struct sb_look_field *f, struct sb_page *p, int indent, bool wide)
{
    char share[16];
    for (size_t i = 0; i < f->types_n; i++) {
        sb_page_wrapf(p, f->types_n > 1 ? SB_ROLE_DOUBT : SB_ROLE_TEXT, indent, "%s%s", i ? ", " : "", f->types[i].type);
        if (f->types_n < 2)
            continue;
        percent(share, f->types[i].ppm);
        sb_page_wrapf(p, SB_ROLE_DIM, indent, " %s", share);
        if (wide) {
            sb_page_text(p, SB_ROLE_TEXT, " ");
            sb_page_bar(p, TYPE_BAR, f->types[i].ppm, 1000000);
        }
    }
}

static void field(const struct sb_look_field *f, struct sb_page *p)
{
    char share[16];
    bool wide = p->width >= WIDE;
    int name = wide ? 44 : NAME_LEAST, depth = f->depth < 8 ? (int)f->depth : 8, at = 1 + name + 1 + BAR + 9;
    percent(share, f->ppm);
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_tab(p, 1 + 2 * depth);
    sb_page_field(p, SB_ROLE_STRONG, name - 2 * depth, f->name ? f->name : "");
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_bar(p, BAR, f->ppm, 1000000);
    sb_page_fieldf(p, SB_ROLE_TEXT, 9, " %7s", share);
    types(f, p, at, wide);
    if (f->drift)
        sb_page_wrapf(p, SB_ROLE_BAD, at, "  CHANGED: %s", f->drift);
    if (f->note) {
        if (!wide) {
            sb_page_line(p);
            sb_page_tab(p, 3 + 2 * depth);
        }
        sb_page_wrapf(p, SB_ROLE_DIM, wide ? at : 3 + 2 * depth, wide ? "  %s" : "%s", f->note);
    }
}

void view_schema(const struct sb_tui *t, const char *ns, struct sb_page *p)
{
    const struct sb_schema_look *l = &t->look;
    char when[TEXT_MAX], before[TEXT_MAX];
    size_t changed = 0;
    sb_page_line(p);
    if (!l->ns || !sb_streq(l->ns, ns)) {
        sb_page_wrapf(p, SB_ROLE_DIM, 1, " %s is being looked at: a sample is read, with rests between, from a secondary where there is one. What comes of it, or why not, is in the messages too.", ns ? ns : "");
        return;
    }
    for (size_t i = 0; i < l->fields_n; i++)
        changed += l->fields[i].drift != NULL;
    fmt_when(when, l->at, t->strip.at);
    view_label(p, "Seen");
    sb_page_wrap(p, SB_ROLE_TEXT, LABEL, l->coverage ? l->coverage : "");
    sb_page_wrapf(p, SB_ROLE_DIM, LABEL, ", at %sZ", when);
    view_label(p, "Changed");
    if (l->before_at) {
        fmt_when(before, l->before_at, t->strip.at);
        sb_page_wrapf(p, changed + l->gone_n ? SB_ROLE_BAD : SB_ROLE_GOOD, LABEL, changed + l->gone_n ? "%zu fields" : "nothing", changed + l->gone_n);
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, " since the look at %sZ", before);
        for (size_t i = 0; i < l->gone_n; i++)
            sb_page_wrapf(p, SB_ROLE_BAD, LABEL, "%s%s", i ? ", " : "; gone: ", l->gone[i]);
    } else {
        sb_page_wrap(p, SB_ROLE_DIM, LABEL, "not known: this is the first look since the orchestrator began");
    }
    if (l->note) {
        view_label(p, "As a whole");
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, l->note);
    }
    view_heading(p, "Fields");
    sb_page_text(p, SB_ROLE_DIM, "   how many of those that could have it do, and with which types");
    for (size_t i = 0; i < l->fields_n; i++)
        field(&l->fields[i], p);
    if (l->left_out) {
        sb_page_line(p);
        sb_page_wrapf(p, SB_ROLE_DOUBT, 1, " and %" PRId64 " more: `signalbox schema %s` lists them", l->left_out, ns);
    }
}
