/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorded incidents as they would have been elsewhere: the real samples and lines, at another load, on a faster or slower
 * machine, with other names, at another time, by versions that lack a metric, and with parts of them missing. What the engine
 * says must not hang on the machine that was recorded. The table that it prints is the measure; what is demanded of each row
 * stands in it. */
#include "test.h"

#include <signalbox/agents/incidents.h>
#include <signalbox/base/clock.h>
#include <signalbox/formats/infile.h>

#include <bson/bson.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMBERS 3
#define ALL (-1)

/* ---- the recording ---- */

struct item {
    int64_t at_ms;
    size_t order; /* what has the same time keeps its order */
    int member;
    char *line; /* a log line, or NULL: a sample */
    struct sb_vitals *v;
};

struct label {
    char name[32], ns[64], app[64];
    int64_t from_ms, to_ms;
    int class_, member; /* class -1: nothing to report */
};

static struct {
    struct item *item;
    size_t n, cap;
    char *host[SB_VITAL_MEMBERS];
    struct label label[32];
    size_t labels_n;
    int64_t ended_ms;
} rec;

static struct item *add_item(int member, int64_t at_ms)
{
    if (rec.n == rec.cap) {
        rec.cap = rec.cap ? 2 * rec.cap : 4096;
        rec.item = realloc(rec.item, rec.cap * sizeof *rec.item);
        assert_non_null(rec.item);
    }
    rec.item[rec.n] = (struct item){.at_ms = at_ms, .order = rec.n, .member = member};
    return &rec.item[rec.n++];
}

static void learn_hosts(const struct sb_ftdc_chunk *chunk)
{
    bson_t bson;
    bson_iter_t it, members, one, name;
    if (!bson_init_static(&bson, chunk->reference, chunk->reference_n) || !bson_iter_init(&it, &bson) ||
        !bson_iter_find_descendant(&it, "replSetGetStatus.members", &members) || !bson_iter_recurse(&members, &one))
        return;
    for (size_t i = 0; bson_iter_next(&one) && i < SB_VITAL_MEMBERS; i++)
        if (!rec.host[i] && bson_iter_recurse(&one, &name) && bson_iter_find(&name, "name"))
            rec.host[i] = strdup(bson_iter_utf8(&name, NULL));
}

static void load_metrics(const char *folder, int member)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_ftdc_doc doc;
    static struct sb_vitals_map map;
    char path[512];
    int rc;
    snprintf(path, sizeof path, "%s/member-%d/diagnostic.data", folder, member);
    struct sb_ftdc *f = sb_ftdc_open(path, &err);
    assert_non_null(f);
    while ((rc = sb_ftdc_next(f, &doc, &err)) > 0) {
        if (doc.kind != SB_FTDC_METRICS || !sb_vitals_map(&map, &doc.chunk))
            continue;
        learn_hosts(&doc.chunk);
        for (size_t s = doc.chunk.skip; s < doc.chunk.samples; s++) {
            struct sb_vitals *v = malloc(sizeof *v);
            assert_non_null(v);
            sb_vitals_read(&map, &doc.chunk, s, v);
            add_item(member, v->at_ms)->v = v;
        }
    }
    sb_assert_ok(rc, err);
    sb_ftdc_close(f);
}

static void load_log(const char *folder, int member)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_span text;
    struct sb_log_line line;
    struct sb_slow_op op;
    struct sb_mongolog reader;
    enum sb_line_end end;
    int64_t at_ms = INT64_MIN;
    char path[512];
    int rc;
    snprintf(path, sizeof path, "%s/member-%d/mongod.log.gz", folder, member);
    struct sb_infile *f = sb_infile_open(path, &err);
    assert_non_null(f);
    sb_mongolog_init(&reader);
    while ((rc = sb_infile_line(f, &text, &end, &err)) > 0)
        if (sb_mongolog_line(&reader, text.p, text.n, &line, &op) == SB_LOG_GOOD) {
            at_ms = line.at_ms > at_ms ? line.at_ms : at_ms;
            struct item *one = add_item(member, at_ms);
            one->line = strndup(text.p, text.n);
            assert_non_null(one->line);
        }
    sb_assert_ok(rc, err);
    sb_mongolog_release(&reader);
    sb_infile_close(f);
}

static int64_t time_of(json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    int64_t at_ms;
    assert_non_null(text);
    assert_int_equal(sb_time_parse(text, strlen(text), &at_ms), 0);
    return at_ms;
}

static void copy_text(char *out, size_t cap, json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    snprintf(out, cap, "%s", text ? text : "");
}

static void load_labels(const char *path)
{
    char class_[32];
    size_t i;
    json_t *one;
    json_t *all = json_load_file(path, 0, NULL);
    assert_non_null(all);
    rec.ended_ms = time_of(all, "ended");
    json_array_foreach(json_object_get(all, "incidents"), i, one) {
        struct label *l = &rec.label[rec.labels_n++];
        assert_true(rec.labels_n <= SB_COUNT(rec.label));
        copy_text(l->name, sizeof l->name, one, "name");
        copy_text(l->ns, sizeof l->ns, one, "namespace");
        copy_text(l->app, sizeof l->app, one, "app");
        copy_text(class_, sizeof class_, one, "class");
        l->class_ = sb_name_find(&sb_anomaly_classes, class_);
        l->from_ms = time_of(one, "from");
        l->to_ms = time_of(one, "to");
        json_t *member = json_object_get(one, "member");
        l->member = member ? (int)json_integer_value(member) : -1;
    }
    json_decref(all);
}

static int by_time(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    if (!x->line != !y->line) /* a line of the same time first, as the program reads them */
        return x->line ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* ---- as it would have been elsewhere ---- */

struct turn {
    const char *name;
    double ops;      /* times the work of every kind; 0: as it was, here and below */
    double latency;  /* times what operations take */
    double stretch;  /* times the time between all that happens */
    double gone;     /* share of the samples that are missing, here and there */
    double shake;    /* every counter's growth is off by up to so much */
    int64_t shift_ms;
    int absent[6];   /* vitals that the version does not have, plus 1 */
    int no_log_of, no_samples_of; /* members, plus 1, or ALL */
    int64_t from_ms, to_ms; /* since the first sample; what is outside was not recorded */
    bool renamed, reversed;
    int lost, late, wrong, unnamed; /* how many may not be found, be found late, be called otherwise, lack a name */
};

static const char *const other_names[][2] = {
    {"nightly-import", "wren"}, {"leaky-worker", "finch-9"}, {"checkout", "lark"}, {"reporting", "owl"}, {"shop", "depot"}, {"crm", "p"}, {"orders", "x_items"},
    {"import", "incoming"}, {"users", "visitors"}, {"address", "geo"}, {"carts", "baskets"},
};

static void rename_all(char *out, size_t cap, const char *in)
{
    size_t n = 0;
    while (*in && n + 64 < cap) {
        size_t i = 0;
        while (i < SB_COUNT(other_names) && strncmp(in, other_names[i][0], strlen(other_names[i][0])) != 0)
            i++;
        if (i == SB_COUNT(other_names)) {
            out[n++] = *in++;
            continue;
        }
        n += (size_t)snprintf(out + n, cap - n, "%s", other_names[i][1]);
        in += strlen(other_names[i][0]);
    }
    out[n] = '\0';
}

static double or_one(double factor)
{
    return factor > 0 ? factor : 1;
}

static int64_t moved(const struct turn *t, int64_t at_ms)
{
    return rec.item[0].at_ms + t->shift_ms + (int64_t)((double)(at_ms - rec.item[0].at_ms) * or_one(t->stretch));
}

static double dice(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (double)(*state >> 11) / (double)(UINT64_C(1) << 53);
}

static void times(struct sb_vitals *v, enum sb_vital which, double factor)
{
    if (v->value[which] != SB_VITAL_ABSENT)
        v->value[which] = (int64_t)((double)v->value[which] * factor);
}

static const enum sb_vital work[] = {
    SB_VITAL_INSERTS, SB_VITAL_UPDATES, SB_VITAL_DELETES, SB_VITAL_RETURNED, SB_VITAL_GETMORES, SB_VITAL_READ_OPS, SB_VITAL_READ_US, SB_VITAL_WRITE_OPS,
    SB_VITAL_WRITE_US, SB_VITAL_COMMAND_OPS, SB_VITAL_COMMAND_US, SB_VITAL_ASSERTS, SB_VITAL_EXAMINED, SB_VITAL_COLLECTION_SCANS, SB_VITAL_SORTS,
    SB_VITAL_CONFLICTS, SB_VITAL_MAJORITY_WAITS, SB_VITAL_MAJORITY_WAIT_MS, SB_VITAL_BYTES_OUT, SB_VITAL_JOURNAL_SYNCS, SB_VITAL_JOURNAL_SYNC_US,
};
static const enum sb_vital taken[] = {SB_VITAL_READ_US, SB_VITAL_WRITE_US, SB_VITAL_COMMAND_US, SB_VITAL_MAJORITY_WAIT_MS, SB_VITAL_JOURNAL_SYNC_US};

static void alter(const struct turn *t, struct sb_vitals *v)
{
    v->at_ms = moved(t, v->at_ms);
    for (size_t i = 0; t->ops > 0 && i < SB_COUNT(work); i++)
        times(v, work[i], t->ops);
    for (size_t i = 0; t->latency > 0 && i < SB_COUNT(taken); i++)
        times(v, taken[i], t->latency);
    for (size_t i = 0; i < SB_COUNT(t->absent); i++)
        if (t->absent[i])
            v->value[t->absent[i] - 1] = SB_VITAL_ABSENT;
    if (t->stretch > 0)
        times(v, SB_VITAL_UPTIME_MS, t->stretch);
    for (size_t i = 0; i < v->peers_n; i++)
        if (v->peer[i].applied_ms != SB_VITAL_ABSENT && v->peer[i].applied_ms > 0)
            v->peer[i].applied_ms = moved(t, v->peer[i].applied_ms);
}

/* Each counter grows by a little more or less than it did. */
static void shake(const struct turn *t, struct sb_vitals *v, struct sb_vitals *was, struct sb_vitals *is, uint64_t *state)
{
    struct sb_vitals raw = *v;
    for (size_t i = 0; i < SB_COUNT(work); i++) {
        enum sb_vital k = work[i];
        bool on = was->at_ms && raw.value[k] != SB_VITAL_ABSENT && was->value[k] != SB_VITAL_ABSENT && raw.value[k] >= was->value[k] && raw.value[SB_VITAL_UPTIME_MS] >= was->value[SB_VITAL_UPTIME_MS];
        double grew = on ? (double)(raw.value[k] - was->value[k]) * (1 + t->shake * (2 * dice(state) - 1)) : 0;
        v->value[k] = on ? is->value[k] + (int64_t)(grew + dice(state)) : raw.value[k];
    }
    *was = raw;
    *is = *v;
}

struct score {
    int labels, found, late, classes, named, names, strangers;
    double latest_s;
};

static void tell_line(struct sb_incidents *in, struct sb_mongolog *reader, int member, const struct turn *t, const char *text)
{
    static char renamed[1 << 21];
    struct sb_log_line line;
    struct sb_slow_op op;
    struct sb_err err = SB_ERR_INIT;
    if (t->renamed) {
        rename_all(renamed, sizeof renamed, text);
        text = renamed;
    }
    if (sb_mongolog_line(reader, text, strlen(text), &line, &op) != SB_LOG_GOOD)
        return;
    line.at_ms = moved(t, line.at_ms);
    op.at_ms = line.at_ms;
    sb_assert_ok(sb_incidents_log(in, member, &line, line.slow ? &op : NULL, &err), err);
}

static bool is_left_out(const struct turn *t, const struct item *one, uint64_t *state)
{
    int only = one->line ? t->no_log_of : t->no_samples_of;
    int64_t since_ms = one->at_ms - rec.item[0].at_ms;
    return only == ALL || only == one->member + 1 || since_ms < t->from_ms || (t->to_ms && since_ms >= t->to_ms) || (!one->line && t->gone > 0 && dice(state) < t->gone);
}

static size_t replay(const struct turn *t, struct sb_incident *out, size_t cap)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_incidents *in = sb_incidents_new(&err);
    struct sb_mongolog reader;
    static struct sb_vitals v, was[MEMBERS], is[MEMBERS];
    uint64_t state = 20261126;
    size_t n = 0;
    int as[MEMBERS];
    assert_non_null(in);
    sb_mongolog_init(&reader);
    memset(was, 0, sizeof was);
    for (int i = 0; i < MEMBERS; i++) {
        char name[32];
        int m = t->reversed ? MEMBERS - 1 - i : i;
        snprintf(name, sizeof name, t->renamed ? "db%c" : "member-%d", t->renamed ? 'a' + m : m);
        as[m] = sb_incidents_member(in, name, &err);
        assert_int_equal(as[m], i);
    }
    for (size_t i = 0; i < SB_VITAL_MEMBERS && rec.host[i]; i++)
        sb_assert_ok(sb_incidents_peer(in, i, rec.host[i], &err), err);
    for (size_t i = 0; i < rec.n; i++) {
        const struct item *one = &rec.item[i];
        if (is_left_out(t, one, &state))
            continue;
        if (one->line) {
            tell_line(in, &reader, as[one->member], t, one->line);
            continue;
        }
        v = *one->v;
        alter(t, &v);
        if (t->shake > 0)
            shake(t, &v, &was[one->member], &is[one->member], &state);
        sb_assert_ok(sb_incidents_sample(in, as[one->member], &v, &err), err);
    }
    sb_assert_ok(sb_incidents_finish(in, &err), err);
    while (n < cap && sb_incidents_take(in, &out[n]))
        n++;
    sb_mongolog_release(&reader);
    sb_incidents_free(in);
    return n;
}

/* ---- against the labels ---- */

static bool has_name(char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* A name that no log says while it lasts cannot be told. */
static bool is_said(const struct turn *t, const struct label *l, const char *name)
{
    uint64_t state = 0;
    for (size_t i = 0; i < rec.n; i++) {
        const struct item *one = &rec.item[i];
        if (one->line && one->at_ms >= l->from_ms - 1000 && one->at_ms <= l->to_ms && !is_left_out(t, one, &state) && strstr(one->line, name))
            return true;
    }
    return false;
}

static void check_name(const struct turn *t, const struct label *l, const char *name, char *const *names, size_t n, struct score *s)
{
    char other[256];
    if (!name[0] || !is_said(t, l, name))
        return;
    rename_all(other, sizeof other, name);
    bool ok = has_name(names, n, t->renamed ? other : name);
    s->named++;
    s->names += ok;
    if (!ok)
        print_message("    %s: %s is not named, but %s\n", l->name, t->renamed ? other : name, n ? names[0] : "nothing");
}

static void check_label(const struct turn *t, const struct label *l, const struct sb_incident *in, struct score *s)
{
    double late = (double)(in->detected_ms - moved(t, l->from_ms)) / 1000;
    char member[32];
    s->found++;
    s->late += late > 20;
    s->latest_s = fmax(s->latest_s, late);
    s->classes += in->class_ == l->class_;
    if (in->class_ != l->class_)
        print_message("    %s: %s (%s)\n", l->name, sb_name(&sb_anomaly_classes, in->class_), in->reason);
    if (late > 20)
        print_message("    %s: after %.1f s\n", l->name, late);
    check_name(t, l, l->ns, in->namespaces, in->namespaces_n, s);
    check_name(t, l, l->app, in->apps, in->apps_n, s);
    if (l->member < 0)
        return;
    snprintf(member, sizeof member, t->renamed ? "db%c" : "member-%d", t->renamed ? 'a' + l->member : l->member);
    bool ok = has_name(in->members, in->members_n, member) || ((t->no_samples_of == l->member + 1 || t->no_samples_of == ALL) && in->members_n && strcmp(in->members[0], rec.host[l->member]) == 0);
    s->named++;
    s->names += ok;
    if (!ok)
        print_message("    %s: %s is not named, but %s\n", l->name, member, in->members_n ? in->members[0] : "nobody");
}

static bool is_of(const struct turn *t, const struct label *l, const struct sb_incident *in)
{
    return in->from_ms >= moved(t, l->from_ms) - (int64_t)(10000 * or_one(t->stretch)) && in->from_ms <= moved(t, l->to_ms);
}

static struct score measure(const struct turn *t)
{
    static struct sb_incident got[256];
    struct score s = {0};
    size_t n = replay(t, got, SB_COUNT(got));
    int64_t first = rec.item[0].at_ms + t->from_ms, last = t->to_ms ? rec.item[0].at_ms + t->to_ms : INT64_MAX;
    for (size_t k = 0; k < rec.labels_n; k++) {
        const struct label *l = &rec.label[k];
        size_t i = 0;
        if (l->class_ < 0 || l->from_ms < first + 20000 || l->from_ms > last - 20000)
            continue;
        s.labels++;
        while (i < n && !is_of(t, l, &got[i]))
            i++;
        if (i < n)
            check_label(t, l, &got[i], &s);
        else
            print_message("    %s: not found\n", l->name);
    }
    for (size_t i = 0; i < n; i++) {
        bool of_one = got[i].from_ms > moved(t, rec.ended_ms);
        for (size_t k = 0; k < rec.labels_n; k++)
            of_one |= rec.label[k].class_ >= 0 && is_of(t, &rec.label[k], &got[i]);
        s.strangers += !of_one;
        if (!of_one) {
            char at[SB_TIME_LEN + 1];
            sb_time_format(at, got[i].from_ms - t->shift_ms);
            print_message("    at %s nothing happened: %s: %s\n", at, got[i].title, got[i].reason);
        }
    }
    for (size_t i = 0; i < n; i++)
        sb_incident_release(&got[i]);
    return s;
}

/* ---- the table ---- */

#define WITHOUT(...) .absent = {__VA_ARGS__}
#define NO(id) (SB_VITAL_##id + 1)

static const struct turn turns[] = {
    {.name = "as recorded"},
    {.name = "other names", .renamed = true},
    {.name = "members in another order", .reversed = true},
    {.name = "a year later", .shift_ms = INT64_C(31536000000)},
    {.name = "a tenth of the work", .ops = 0.1},
    {.name = "a third of the work", .ops = 0.33},
    {.name = "three times the work", .ops = 3},
    {.name = "ten times the work", .ops = 10},
    {.name = "fifty times the work", .ops = 50},
    {.name = "a machine twenty times as fast", .latency = 0.05},
    {.name = "a machine three times as fast", .latency = 0.33},
    {.name = "a machine four times as slow", .latency = 4},
    {.name = "ten times the work and as fast", .ops = 10, .latency = 0.1},
    {.name = "everything half as long", .stretch = 0.5},
    {.name = "everything a third longer", .stretch = 1.3},
    {.name = "one sample in four missing", .gone = 0.25},
    {.name = "counters that tremble by a third", .shake = 0.33},
    {.name = "from the load on", .from_ms = 240000},
    {.name = "from the connections on", .from_ms = 510000},
    {.name = "from the errors on", .from_ms = 770000},
    {.name = "up to the bulk", .to_ms = 700000},
    {.name = "no logs", .no_log_of = ALL},
    {.name = "no log of the primary", .no_log_of = 1, .unnamed = 1}, /* what it wrote, the others do not log by its name */
    {.name = "no log of a secondary", .no_log_of = 2},
    {.name = "no samples of a secondary", .no_samples_of = 2},
    /* neither a lag nor quick failures are in a log, and of more work only what it slows down */
    {.name = "no samples of the primary", .no_samples_of = 1, .lost = 1, .late = 1},
    {.name = "no samples", .no_samples_of = ALL, .lost = 2, .late = 1},
    {.name = "neither of a secondary", .no_log_of = 2, .no_samples_of = 2},
    /* what a version or a platform does not have; without the host's own metrics a full processor is not seen before it hurts */
    {.name = "no metrics of the host", WITHOUT(NO(CPUS), NO(CPU_IDLE_MS), NO(CPU_IOWAIT_MS), NO(CPU_STEAL_MS)), .late = 1},
    {.name = "no metrics of the process", WITHOUT(NO(OWN_USER_US), NO(OWN_SYSTEM_US), NO(PID))},
    {.name = "no scans and sorts", WITHOUT(NO(COLLECTION_SCANS), NO(SORTS), NO(CONFLICTS))},
    {.name = "no documents examined", WITHOUT(NO(EXAMINED), NO(RETURNED))},
    {.name = "no flow control", WITHOUT(NO(FLOW_LAGGED), NO(FLOW_ENABLED), NO(READ_TICKETS), NO(WRITE_TICKETS))},
    {.name = "no transactions and cursors", WITHOUT(NO(TRANSACTIONS_OPEN), NO(TRANSACTIONS_IDLE), NO(CURSORS))},
    {.name = "no cache", WITHOUT(NO(CACHE_BYTES), NO(CACHE_MAX), NO(CACHE_DIRTY), NO(PAGES_READ), NO(PAGES_EVICTED_BY_APPS))},
    {.name = "no journal and majority", WITHOUT(NO(JOURNAL_SYNCS), NO(JOURNAL_SYNC_US), NO(MAJORITY_WAITS), NO(MAJORITY_WAIT_MS))},
    {.name = "no active connections", WITHOUT(NO(CONNECTIONS_ACTIVE), NO(QUEUED))},
    {.name = "no connections made", WITHOUT(NO(CONNECTIONS_MADE), NO(CONNECTIONS_LEFT))},
    {.name = "no states", WITHOUT(NO(STATE), NO(SET_VERSION))},
};

static bool measure_and_check(const struct turn *t)
{
    struct score s = measure(t);
    bool ok = s.labels > 0 && s.labels - s.found <= t->lost && s.late <= t->late && s.found - s.classes <= t->wrong && s.named - s.names <= t->unnamed && s.strangers == 0;
    print_message("%s%-34s found %d of %d, the latest after %4.1f s; classes right %d, names %d of %d, others %d\n", ok ? "" : "FAIL: ", t->name, s.found, s.labels,
                  s.latest_s, s.classes, s.names, s.named, s.strangers);
    return ok;
}

static void test_what_is_said_does_not_hang_on_the_machine(void **state)
{
    (void)state;
    bool ok = true;
    if (!rec.n)
        sb_test_skip("the recorded incidents are not here");
    for (size_t i = 0; i < SB_COUNT(turns); i++)
        ok &= measure_and_check(&turns[i]);
    assert_true(ok);
}

static int load(void **state)
{
    char folder[512], labels[600];
    (void)state;
    snprintf(folder, sizeof folder, "%s/incidents-5.0.7", sb_test_data() ? sb_test_data() : "");
    snprintf(labels, sizeof labels, "%s/labels.json", folder);
    if (access(labels, R_OK))
        return 0;
    for (int i = 0; i < MEMBERS; i++) {
        load_metrics(folder, i);
        load_log(folder, i);
    }
    load_labels(labels);
    qsort(rec.item, rec.n, sizeof *rec.item, by_time);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    for (size_t i = 0; i < rec.n; i++) {
        free(rec.item[i].line);
        free(rec.item[i].v);
    }
    free(rec.item);
    for (size_t i = 0; i < SB_VITAL_MEMBERS; i++)
        free(rec.host[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said_does_not_hang_on_the_machine),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
