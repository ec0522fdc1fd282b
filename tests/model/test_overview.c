/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of what is open everywhere: the worst first, groups by their worst, and who may approve what. */
#include "test.h"

#include <signalbox/base/str.h>
#include <signalbox/model/overview.h>

#include <string.h>

static char alice[] = "alice", bob[] = "bob", sha[] = "aa", dba[] = "2 of dba", target[] = "shop.orders", title[] = "an index";

/* Owner 0 is prod, 1 dev, 2 prod without any name. */
static void owners(struct sb_overview *o)
{
    static const char *const names[][3] = {{"shop", "payments", "gold"}, {"crm", "sales", NULL}, {NULL, NULL, NULL}};
    static const int environments[] = {SB_ENV_PROD, SB_ENV_DEV, SB_ENV_PROD};
    memset(o, 0, sizeof *o);
    o->owners = calloc(3, sizeof *o->owners);
    assert_non_null(o->owners);
    for (; o->owners_n < 3; o->owners_n++) {
        struct sb_overview_owner *w = &o->owners[o->owners_n];
        w->environment = environments[o->owners_n];
        assert_int_equal(sb_str_set(&w->log, "0123") | sb_str_set(&w->deployment, names[o->owners_n][0]) | sb_str_set(&w->team, names[o->owners_n][1]) | sb_str_set(&w->class_, names[o->owners_n][2]), 0);
    }
}

static void add(struct sb_overview *o, size_t owner, const char *id, int state, int risk, int64_t by)
{
    struct sb_viewer v = {.who = bob};
    struct sb_card c = {.id = (char *)(uintptr_t)id, .title = title, .target = target, .state = state, .risk = risk, .approve_by = by, .changed_at = 5, .revision = 1};
    assert_int_equal(sb_overview_card(o, owner, &c, 7, &v), 0);
}

static void incident(struct sb_overview *o, size_t owner, const char *id, int severity, char *taken)
{
    struct sb_anomaly a = {.id = (char *)(uintptr_t)id, .title = title, .severity = severity, .from = 9, .acked_by = taken};
    assert_int_equal(sb_overview_incident(o, owner, &a, 8), 0);
}

/* The ids in the list's order, headings as "[heading n]". */
static void shows(const struct sb_overview *o, enum sb_overview_group by, sb_overview_wanted wanted, const char *expected)
{
    struct sb_overview_list l = {.n = 0};
    struct sb_str text;
    sb_str_init(&text);
    assert_int_equal(sb_overview_list_make(&l, o, by, wanted, NULL), 0);
    for (size_t i = 0; i < l.n; i++)
        if (l.line[i].row == SIZE_MAX)
            sb_str_addf(&text, "[%s %zu]", sb_overview_heading(o, &o->rows[l.line[i].first], by), l.line[i].shown);
        else
            sb_str_addf(&text, "%s ", o->rows[l.line[i].row].id);
    assert_string_equal(text.p ? text.p : "", expected);
    sb_str_release(&text);
    sb_overview_list_release(&l);
}

static bool only_prod(void *ctx, const struct sb_overview *o, const struct sb_overview_row *row)
{
    (void)ctx;
    return o->owners[row->owner].environment == SB_ENV_PROD;
}

static void the_worst_comes_first(void **state)
{
    (void)state;
    struct sb_overview o;
    owners(&o);
    shows(&o, SB_OVERVIEW_BY_TEAM, NULL, "");
    add(&o, 0, "runs", SB_EXECUTING, SB_HIGH, 0);
    add(&o, 1, "waits-dev", SB_AWAITING_APPROVAL, SB_HIGH, 0);
    add(&o, 0, "waits-late", SB_AWAITING_APPROVAL, SB_HIGH, 900);
    add(&o, 0, "waits-soon", SB_AWAITING_APPROVAL, SB_HIGH, 100);
    add(&o, 2, "waits-low", SB_AWAITING_APPROVAL, SB_LOW, 1);
    incident(&o, 1, "burns", SB_MEDIUM, NULL);
    incident(&o, 0, "taken", SB_HIGH, alice);
    add(&o, 1, "doubt", SB_IN_DOUBT, SB_LOW, 0);
    add(&o, 2, "failed", SB_FAILED, SB_LOW, 0);
    add(&o, 0, "odd", SB_STATES + 5, INT32_MAX, INT64_MIN); /* no such state, no such level */
    shows(&o, SB_OVERVIEW_BY_NOTHING, NULL, "doubt failed burns waits-soon waits-late waits-dev waits-low taken runs odd ");
    shows(&o, SB_OVERVIEW_BY_NOTHING, only_prod, "failed waits-soon waits-late waits-low taken runs odd ");
    shows(&o, SB_OVERVIEW_BY_TEAM, NULL, "[sales 3]doubt burns waits-dev [(no team) 2]failed waits-low [payments 5]waits-soon waits-late taken runs odd ");
    shows(&o, SB_OVERVIEW_BY_ENVIRONMENT, NULL, "[dev 3]doubt burns waits-dev [prod 7]failed waits-soon waits-late waits-low taken runs odd ");
    shows(&o, SB_OVERVIEW_BY_CLASS, only_prod, "[(no class) 2]failed waits-low [gold 5]waits-soon waits-late taken runs odd ");
    struct sb_str words;
    sb_str_init(&words);
    sb_overview_words(&o, &o.rows[6], &words);
    assert_string_equal(words.p, "shop prod payments gold taken acknowledged high an index alice");
    sb_str_release(&words);
    sb_overview_release(&o);
}

static enum sb_may may(const struct sb_card *c, const struct sb_viewer *v, const char *part)
{
    char why[300];
    enum sb_may answer = sb_overview_may(c, v, why, sizeof why);
    if (!strstr(why, part) || !sb_utf8_valid(why, strlen(why)))
        fail_msg("\"%s\" without \"%s\"", why, part);
    return answer;
}

static void who_may_approve(void **state)
{
    (void)state;
    char *groups[] = {dba}, mine_name[] = "dba", *mine[] = {mine_name};
    struct sb_approval done = {.by = bob, .revision = 2};
    struct sb_viewer v = {.who = bob, .policy = sha};
    struct sb_card c = {.state = SB_AWAITING_APPROVAL, .revision = 2, .author = alice};
    c.policy.policy.sha256 = sha;
    assert_int_equal(may(&c, &v, ""), SB_MAY);
    v.policy = "bb";
    assert_int_equal(may(&c, &v, "another policy"), SB_MAY_PERHAPS);
    v.policy = NULL;
    assert_int_equal(may(&c, &v, "another policy"), SB_MAY_PERHAPS);
    v.policy = sha;
    c.policy.requires.not_author = true;
    v.who = alice;
    assert_int_equal(may(&c, &v, "you wrote"), SB_MAY_NOT);
    v.who = bob;
    c.approvals = &done;
    c.approvals_n = 1;
    assert_int_equal(may(&c, &v, "already"), SB_MAY_NOT);
    done.revision = 1;
    assert_int_equal(may(&c, &v, ""), SB_MAY);
    done.revision = 2;
    done.voided = true;
    assert_int_equal(may(&c, &v, ""), SB_MAY);
    c.policy.requires.groups = groups;
    c.policy.requires.groups_n = 1;
    c.policy.requires.approvals = 2;
    assert_int_equal(may(&c, &v, "an approval of dba, and bob is not in it"), SB_MAY_NOT);
    v.groups = mine;
    v.groups_n = 1;
    assert_int_equal(may(&c, &v, ""), SB_MAY);
    v.cannot = "this console is read-only";
    assert_int_equal(may(&c, &v, "read-only"), SB_MAY_NOT);
    c.state = SB_EXECUTING;
    assert_int_equal(may(&c, &v, "awaits no approval"), SB_MAY_NOT);
}

/* A group's name is somebody else's word: what is said of it is cut between characters. */
static void names_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char name[260], who[260];
        snprintf(name, sizeof name, "%.*s", (int)i, "zzzz");
        for (size_t k = 0; k < 120; k++)
            memcpy(name + i + 2 * k, "\xC3\xA9", 3);
        memcpy(who, name, sizeof who);
        char *groups[] = {name};
        struct sb_viewer v = {.who = who, .policy = sha};
        struct sb_card c = {.state = SB_AWAITING_APPROVAL, .revision = 1};
        c.policy.policy.sha256 = sha;
        c.policy.requires.groups = groups;
        c.policy.requires.groups_n = 1;
        c.policy.requires.approvals = 1;
        assert_int_equal(may(&c, &v, "is not in it"), SB_MAY_NOT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_worst_comes_first), cmocka_unit_test(who_may_approve), cmocka_unit_test(names_are_cut_between_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
