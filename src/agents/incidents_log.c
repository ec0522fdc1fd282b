/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents_log.c - what the logs tell: which operations, whose, and what operators did. */
#include "incidents_private.h"

#include <signalbox/base/array.h>
#include <signalbox/formats/logevent.h>

#define MAX_DEEDS 1024
#define MAX_GUESTS 256
#define BULK 100 /* documents an operation */

void sb_chronicle_release(struct chronicle *c)
{
    for (size_t i = 0; i < c->deeds_n; i++) {
        struct deed *d = &c->deeds[i];
        free(d->ns);
        free(d->app);
        free(d->label);
        free(d->shape);
        free(d->plan);
    }
    for (size_t i = 0; i < c->guests_n; i++)
        free(c->guests[i].name);
    free(c->deeds);
    free(c->guests);
    sb_spans_release(&c->spans);
}

/* ---- counting by the second ---- */

struct cell *sb_tally_at(struct cell cells[SECONDS], int64_t at_ms)
{
    int64_t second = at_ms / 1000;
    struct cell *c = &cells[(uint64_t)second % SECONDS];
    if (c->second != second)
        *c = (struct cell){.second = second};
    return c;
}

void sb_tally_add(struct cell *to, const struct cell *c)
{
    to->count += c->count;
    to->ms += c->ms;
    to->written += c->written;
    to->returned += c->returned;
    to->errors += c->errors;
    to->conflicts += c->conflicts;
    to->examined += c->examined;
}

struct cell sb_cells_between(const struct cell cells[SECONDS], int64_t from_ms, int64_t to_ms)
{
    struct cell sum = {0};
    for (size_t i = 0; i < SECONDS; i++)
        if (cells[i].second >= from_ms / 1000 && cells[i].second <= to_ms / 1000)
            sb_tally_add(&sum, &cells[i]);
    return sum;
}

void sb_chronicle_open(struct sb_incidents *in, int64_t from_ms)
{
    struct chronicle *c = &in->log;
    c->open_s = c->busy_s = 0;
    for (size_t i = 0; i < c->deeds_n; i++) {
        c->deeds[i].during = sb_cells_between(c->deeds[i].cell, from_ms - SB_APART_MS, INT64_MAX);
        c->deeds[i].before = sb_cells_between(c->deeds[i].cell, from_ms - SB_BEFORE_MS, from_ms - SB_APART_MS - 1000);
    }
    for (size_t i = 0; i < c->guests_n; i++) /* who connects comes a little before what it does */
        c->guests[i].during = sb_cells_between(c->guests[i].cell, from_ms - SB_NEAR_MS, INT64_MAX).count;
    sb_spans_open(in, from_ms);
}

void sb_chronicle_tick(struct sb_incidents *in)
{
    struct chronicle *c = &in->log;
    int64_t second = in->now_ms / 1000;
    if (second == c->ticked)
        return;
    c->ticked = second;
    if (!in->open.is)
        return;
    const struct member *leader = sb_incidents_leader(in);
    const struct watch *backup = leader ? sb_incidents_watch(leader, SB_READING_BACKUP_CURSOR) : NULL;
    c->open_s++;
    c->busy_s += c->builds_n > 0 || c->locked || (backup && backup->now > 0);
}

/* ---- applications ---- */

/* What members of the set call themselves to each other. */
static bool internal(struct sb_span app)
{
    static const char *const names[] = {"OplogFetcher", "NetworkInterfaceTL", "MirrorMaestro", "LogicalSessionCache"};
    for (size_t i = 0; i < SB_COUNT(names); i++)
        if (app.n >= strlen(names[i]) && memcmp(app.p, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* The guest that has been away longest gives way. */
static struct guest *guest_of(struct chronicle *c, struct sb_span app, int64_t at_ms)
{
    size_t oldest = 0;
    for (size_t i = 0; i < c->guests_n; i++) {
        if (strlen(c->guests[i].name) == app.n && memcmp(c->guests[i].name, app.p, app.n) == 0)
            return &c->guests[i];
        if (c->guests[i].last_ms < c->guests[oldest].last_ms)
            oldest = i;
    }
    char *name = sb_strdup_n(app.p, app.n);
    if (!name)
        return NULL;
    if (c->guests_n < MAX_GUESTS) {
        if (SB_GROW(c->guests, c->guests_cap, c->guests_n + 1)) {
            free(name);
            return NULL;
        }
        oldest = c->guests_n++;
    } else {
        free(c->guests[oldest].name);
    }
    c->guests[oldest] = (struct guest){.name = name, .first_ms = at_ms, .last_ms = at_ms};
    return &c->guests[oldest];
}

static int take_connection(struct sb_incidents *in, int member, const struct sb_log_line *line)
{
    int64_t open;
    struct sb_span remote, app;
    if (sb_log_connection(line, &open, &remote, &app) != SB_CONNECTION_CLIENT || !app.p || !app.n || internal(app))
        return 0;
    struct guest *g = guest_of(&in->log, app, line->at_ms);
    if (!g)
        return -1;
    sb_held_connected(in, member, line, app);
    g->last_ms = line->at_ms;
    sb_tally_at(g->cell, line->at_ms)->count++;
    g->during += in->open.is;
    return 0;
}

/* ---- operations ---- */

static bool one_of(struct sb_span name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (name.p && strlen(list[i]) == name.n && memcmp(list[i], name.p, name.n) == 0)
            return true;
    return false;
}

/* Commands that no application sends in its ordinary life. */
static bool of_operator(struct sb_span label)
{
    static const char *const list[] = {"createIndexes", "indexBuild", "dropIndexes", "collMod", "compact", "validate", "reIndex", "fsync",
                                       "convertToCapped", "cloneCollectionAsCapped", "dbHash", "dropDatabase", "renameCollection",
                                       "setFeatureCompatibilityVersion", "replSetResizeOplog", "shardCollection", "moveChunk", "reshardCollection",
                                       "refineCollectionShardKey", "moveCollection", "rotateCertificates", "applyOps"};
    return one_of(label, list, SB_COUNT(list));
}

/* "db.$cmd" around a write is about the collection that the command names. */
static size_t write_ns(const struct sb_slow_op *op, char *out, size_t cap)
{
    size_t n = op->ns.n < cap - 1 ? op->ns.n : cap - 1;
    if (n)
        memcpy(out, op->ns.p, n);
    if (n > 5 && memcmp(out + n - 5, ".$cmd", 5) == 0 && op->target.p && op->target.n < cap - n) {
        memcpy(out + n - 4, op->target.p, op->target.n);
        n = n - 4 + op->target.n;
    }
    out[n] = '\0';
    return n;
}

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    return (h ^ n) * UINT64_C(1099511628211);
}

static int name_deed(struct deed *d, const struct sb_slow_op *op, const char *ns, struct sb_span label)
{
    struct sb_shape *shape = sb_shape_new(op, NULL);
    if (!shape)
        return -1;
    d->ns = sb_format("%s", ns);
    d->app = op->app.p && op->app.n && !internal(op->app) ? sb_strdup_n(op->app.p, op->app.n) : sb_format("%s", "");
    d->label = sb_strdup_n(label.p ? label.p : "", label.n);
    d->shape = sb_format("%s", shape->text);
    d->plan = sb_strdup_n(op->plan.p ? op->plan.p : "", op->plan.n);
    d->unfiltered = !shape->text[0] || strcmp(shape->text, "{}") == 0;
    sb_shape_free(shape);
    return d->ns && d->app && d->label && d->shape && d->plan ? 0 : -1;
}

static void free_names(struct deed *d)
{
    free(d->ns);
    free(d->app);
    free(d->label);
    free(d->shape);
    free(d->plan);
    memset(d, 0, sizeof *d);
}

/* Operations of the same kind, application and plan; the kind that was not seen for longest gives way. */
static struct deed *deed_of(struct chronicle *c, const struct sb_slow_op *op)
{
    char ns[256], *skeleton = c->skeleton;
    struct sb_span label = sb_slow_op_label(op);
    size_t ns_n = write_ns(op, ns, sizeof ns), n = sb_shape_reduce(op, skeleton, sizeof c->skeleton), oldest = 0;
    bool scan = op->plan.n >= 8 && memcmp(op->plan.p, "COLLSCAN", 8) == 0;
    uint64_t h = mix(mix(mix(mix(UINT64_C(14695981039346656037), ns, ns_n), op->app.p, op->app.n), label.p, label.n), skeleton, n);
    h = mix(h, op->plan.p, op->plan.n);
    for (size_t i = 0; i < c->deeds_n; i++) {
        if (c->deeds[i].hash == h)
            return &c->deeds[i];
        if (c->deeds[i].last_ms < c->deeds[oldest].last_ms)
            oldest = i;
    }
    struct deed made = {.hash = h, .scan = scan, .operator_ = of_operator(label), .first_ms = op->at_ms};
    if (name_deed(&made, op, ns, label) || (c->deeds_n < MAX_DEEDS && SB_GROW(c->deeds, c->deeds_cap, c->deeds_n + 1))) {
        free_names(&made);
        return NULL;
    }
    if (c->deeds_n < MAX_DEEDS)
        oldest = c->deeds_n++;
    else
        free_names(&c->deeds[oldest]);
    c->deeds[oldest] = made;
    return &c->deeds[oldest];
}

static uint32_t counted(int64_t v)
{
    return v <= 0 ? 0 : v > 1000000000 ? 1000000000 : (uint32_t)v;
}

static int take_op(struct sb_incidents *in, const struct sb_slow_op *op)
{
    struct deed *d = op->at_ms == SB_NO_TIME ? NULL : deed_of(&in->log, op);
    if (!d)
        return op->at_ms == SB_NO_TIME ? 0 : -1;
    struct cell one = {.count = 1, .ms = counted(op->duration_ms), .returned = counted(op->returned), .errors = op->error_code > 0,
                       .conflicts = counted(op->write_conflicts),
                       .written = counted(counted(op->inserted) + (int64_t)counted(op->modified) + counted(op->deleted)),
                       .examined = counted(op->docs_examined)};
    d->last_ms = op->at_ms;
    d->count++;
    d->replanned |= op->replanned;
    d->bulk |= one.written >= BULK;
    sb_tally_add(sb_tally_at(d->cell, op->at_ms), &one);
    if (in->open.is)
        sb_tally_add(&d->during, &one);
    sb_spans_logged(in, d, op);
    return 0;
}

/* ---- what operators and members did ---- */

void sb_chronicle_event(struct sb_incidents *in, enum event_kind kind, int member, int64_t at_ms, const char *ns, const char *what)
{
    const struct event *last = &in->log.event[(in->log.events_n + EVENTS - 1) % EVENTS];
    if (in->log.events_n && last->kind == kind && last->member == member && at_ms - last->at_ms < 1000 && strcmp(last->ns, ns) == 0 &&
        strcmp(last->what, what) == 0)
        return; /* a server that repeats itself pushes nothing else out */
    struct event *e = &in->log.event[in->log.events_n++ % EVENTS];
    *e = (struct event){.kind = kind, .at_ms = at_ms, .member = member};
    snprintf(e->ns, sizeof e->ns, "%s", ns);
    snprintf(e->what, sizeof e->what, "%s", what);
}

#define STRAGGLER_MS 2000 /* the members' votes do not come at once: one that comes so soon after the next was asked for is of the last */

/* An index that is asked for may be there already, and then nothing is built; members vote when one was built. Only then was
 * the time between busy. */
void sb_chronicle_counted(struct sb_incidents *in, enum event_kind kind, int member, int64_t at_ms, const char *what)
{
    struct chronicle *c = &in->log;
    if (kind == EVENT_BUILD_BEGIN)
        c->asked_ms = at_ms;
    if (kind == EVENT_BUILD_END && c->asked_ms && at_ms - c->asked_ms > STRAGGLER_MS) {
        int64_t since_ms = c->asked_ms > in->open.from_ms ? c->asked_ms : in->open.from_ms;
        c->busy_s += in->open.is && at_ms > since_ms ? (uint32_t)((at_ms - since_ms) / 1000) : 0;
        c->asked_ms = 0;
    }
    uint64_t before = c->events_n;
    sb_chronicle_event(in, kind, member, at_ms, "", what);
    if (c->events_n > before)
        c->event[before % EVENTS].counted = true;
}

/* A value of attr as text, without its quotes. */
static void attr_text(const struct sb_log_line *line, const char *path, char *out, size_t cap)
{
    struct sb_span raw;
    out[0] = '\0';
    if (!line->attr.p || !sb_jt_find(line->attr, path, &raw))
        return;
    if (raw.n >= 2 && raw.p[0] == '"')
        raw = (struct sb_span){raw.p + 1, raw.n - 2};
    size_t n = 0;
    for (size_t i = 0; i < raw.n && n + 1 < cap; i++)
        if (raw.p[i] != '\\' && raw.p[i] != '"')
            out[n++] = raw.p[i];
    out[n] = '\0';
}

static bool has(struct sb_span text, const char *word)
{
    return text.p && memmem(text.p, text.n, word, strlen(word)) != NULL;
}

struct known {
    int64_t id;        /* SB_ABSENT: told by words of its message alone */
    const char *words; /* in the message; NULL: the id is enough */
    enum event_kind kind;
    const char *ns, *what; /* paths in attr */
};

/* Ids are the same across releases; where they are not sure the message tells. */
static const struct known catalogue[] = {
    {51806, NULL, EVENT_INDEX_DROP, "namespace", "indexes"},
    {20344, NULL, EVENT_INDEX_DROP, "namespace", "indexes"},
    {20384, NULL, EVENT_BUILD_BEGIN, "namespace", "properties.name"},
    {20663, NULL, EVENT_BUILD_END, "namespace", "indexesBuilt"},
    {20441, NULL, EVENT_BUILD_END, NULL, NULL},
    {20443, NULL, EVENT_BUILD_END, NULL, NULL},
    {20446, NULL, EVENT_BUILD_END, NULL, NULL},
    {20449, NULL, EVENT_BUILD_END, NULL, NULL},
    {SB_ABSENT, "CMD: collMod", EVENT_COLLMOD, "cmdObj.collMod", "cmdObj"},
    {SB_ABSENT, "Successfully set parameter", EVENT_PARAMETER, NULL, "parameterName"},
    {SB_ABSENT, "Index filter set", EVENT_PLAN_FILTER, NULL, "query"},
    {SB_ABSENT, "replSetReconfig admin command", EVENT_RECONFIG, NULL, NULL},
    {SB_ABSENT, "is locked and no writes are allowed", EVENT_FSYNC_LOCK, NULL, NULL},
    {SB_ABSENT, "fsyncUnlock", EVENT_FSYNC_UNLOCK, NULL, NULL},
    {20465, NULL, EVENT_FSYNC_UNLOCK, NULL, NULL},
    {48742, NULL, EVENT_PARAMETER, NULL, "to"},
    {24200, NULL, EVENT_BACKUP, NULL, NULL},
    {SB_ABSENT, "replSetStepDown", EVENT_STEPDOWN, NULL, NULL},
    {SB_ABSENT, "replSetStepUp request", EVENT_STEPDOWN, NULL, NULL},
    {SB_ABSENT, "Attempting to step down", EVENT_STEPDOWN, NULL, NULL},
    {23138, NULL, EVENT_STOP, NULL, NULL},
    {20565, NULL, EVENT_STOP, NULL, NULL},
    {4784900, NULL, EVENT_STOP, NULL, NULL},
    {23378, NULL, EVENT_STOP, NULL, NULL},
    {22271, NULL, EVENT_UNCLEAN, NULL, NULL},
    {501401, NULL, EVENT_UNCLEAN, NULL, NULL},
    {SB_ABSENT, "CMD: compact", EVENT_OPERATOR, "namespace", NULL},
    {SB_ABSENT, "CMD: validate", EVENT_OPERATOR, "namespace", NULL},
    {SB_ABSENT, "CMD: reIndex", EVENT_OPERATOR, "namespace", NULL},
    {SB_ABSENT, "Compact begin", EVENT_OPERATOR, "namespace", NULL},
    {SB_ABSENT, "Beginning compact", EVENT_OPERATOR, "namespace", NULL},
};

/* The server's own collections are nobody's change. */
static bool own(const char *ns)
{
    return sb_starts_with(ns, "config.") || sb_starts_with(ns, "local.") || sb_starts_with(ns, "admin.");
}

#define FORGET_BUILD_MS (INT64_C(6) * 3600 * 1000) /* its end was not logged, or not read */

static void build_ends(struct chronicle *c, uint64_t id, const struct member *m)
{
    for (size_t i = 0; i < c->builds_n; i++)
        if (c->build[i].member == m && c->build[i].id == id)
            c->build[i--] = c->build[--c->builds_n];
}

static void take_build(struct chronicle *c, const struct member *m, const struct sb_log_line *line, bool begins)
{
    struct sb_span raw = {"", 0};
    if (line->attr.p)
        sb_jt_find(line->attr, "buildUUID", &raw);
    uint64_t id = mix(UINT64_C(14695981039346656037), raw.p, raw.n);
    for (size_t i = 0; i < c->builds_n; i++)
        if (line->at_ms - c->build[i].begun_ms > FORGET_BUILD_MS)
            c->build[i--] = c->build[--c->builds_n];
    build_ends(c, id, m);
    if (begins && c->builds_n < SB_COUNT(c->build)) {
        c->build[c->builds_n].id = id;
        c->build[c->builds_n].member = m;
        c->build[c->builds_n++].begun_ms = line->at_ms;
    }
}

void sb_chronicle_restarted(struct sb_incidents *in, const struct member *m)
{
    struct chronicle *c = &in->log;
    for (size_t i = 0; i < c->builds_n; i++)
        if (c->build[i].member == m)
            c->build[i--] = c->build[--c->builds_n];
}

/* What is written down, and nothing of what is done. */
static bool only_of_the_log(const char *parameter)
{
    return sb_starts_with(parameter, "log") || sb_starts_with(parameter, "trace") || sb_starts_with(parameter, "diagnosticData") || strcmp(parameter, "quiet") == 0 ||
           sb_starts_with(parameter, "redact");
}

static void take_known(struct sb_incidents *in, int member, const struct sb_log_line *line, const struct known *k)
{
    char ns[128] = "", what[160] = "";
    enum event_kind kind = k->kind;
    if (k->ns)
        attr_text(line, k->ns, ns, sizeof ns);
    if (k->what)
        attr_text(line, k->what, what, sizeof what);
    if (own(ns) || (kind == EVENT_INDEX_DROP && strcmp(what, "_id_") == 0)) /* that index is never dropped, whoever asks */
        return;
    if (kind == EVENT_COLLMOD && line->attr.p)
        kind = has(line->attr, "\"hidden\"") ? EVENT_INDEX_HIDE : has(line->attr, "\"validat") ? EVENT_VALIDATOR : kind;
    if (kind == EVENT_STOP)
        in->members[member]->stopped_ms = line->at_ms;
    if (kind == EVENT_UNCLEAN)
        in->members[member]->unclean_ms = line->at_ms;
    if (kind == EVENT_UNCLEAN && !in->members[member]->sampled)
        in->members[member]->restarted_ms = in->members[member]->ended_ms = line->at_ms;
    if (kind == EVENT_FSYNC_LOCK || kind == EVENT_FSYNC_UNLOCK)
        in->log.locked = kind == EVENT_FSYNC_LOCK;
    if (kind == EVENT_BUILD_BEGIN || kind == EVENT_BUILD_END)
        take_build(&in->log, in->members[member], line, kind == EVENT_BUILD_BEGIN);
    if (kind == EVENT_PARAMETER && only_of_the_log(what))
        return;
    sb_chronicle_event(in, kind, member, line->at_ms, ns, what);
    if ((kind == EVENT_BUILD_BEGIN || kind == EVENT_COLLMOD) && line->attr.p)
        in->log.event[(in->log.events_n - 1) % EVENTS].expires = has(line->attr, "expireAfterSeconds");
}

int sb_chronicle_line(struct sb_incidents *in, int member, const struct sb_log_line *line, const struct sb_slow_op *op)
{
    in->log.heard = true;
    if (op)
        return take_op(in, op);
    for (size_t i = 0; i < SB_COUNT(catalogue); i++)
        if (catalogue[i].id != SB_ABSENT ? catalogue[i].id == line->id : has(line->msg, catalogue[i].words)) {
            take_known(in, member, line, &catalogue[i]);
            return 0;
        }
    return sb_held_line(in, member, line) ? 0 : take_connection(in, member, line);
}
