/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/backup_answer.h>

#include "backup_plan.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/str.h>

#include <inttypes.h>
#include <string.h>

#define NO_LONGER 480 /* a refusal fits into an error's message */
#define NAMED 3       /* that cannot be used, by their names */
#define RANGES 2      /* of the oplog, by their ends */

struct look {
    const struct sb_backup_question *q;
    struct sb_backup_said *out;
    struct sb_backups list;
    const struct sb_seal_key *key;
    struct sb_str missing; /* places that could not be looked at, and why */
    size_t missing_n, usable;
};

/* ---- parts of a sentence ---- */

static void add_moment(struct sb_str *s, int64_t ms)
{
    char text[SB_TIME_LEN + 1];
    sb_time_format(text, ms);
    sb_str_addf(s, "%.10s %.8s UTC", text, text + 11);
}

static void add_name(struct sb_str *s, const struct sb_backup *b)
{
    sb_str_addf(s, "%s%s%s", b->path, b->name ? " " : "", b->name ? b->name : "");
}

static void add_range(struct sb_str *s, uint64_t from, uint64_t to)
{
    add_moment(s, (int64_t)(from >> 32) * 1000);
    sb_str_adds(s, " to ");
    add_moment(s, (int64_t)(to >> 32) * 1000);
}

/* "; any point from A to B": what the oplog adds. */
static void add_oplog(struct sb_str *s, const struct sb_backup *b)
{
    for (size_t i = 0; i < b->pitr.n && i < RANGES; i++) {
        sb_str_adds(s, i ? ", and " : "; any point from ");
        add_range(s, b->pitr.items[i].from, b->pitr.items[i].to);
    }
    if (b->pitr.n > RANGES)
        sb_str_addf(s, ", and %zu other ranges", b->pitr.n - RANGES);
    if (b->pitr.n == 0 && b->oplog_to) {
        sb_str_adds(s, "; its oplog is of ");
        add_range(s, b->oplog_from, b->oplog_to);
    }
    for (size_t i = 0; i < b->gaps.n && i < RANGES; i++) {
        sb_str_adds(s, i ? ", and from " : "; missing from the oplog is ");
        add_range(s, b->gaps.items[i].from, b->gaps.items[i].to);
        if (b->gaps.items[i].cause)
            sb_str_addf(s, " (%s)", b->gaps.items[i].cause);
    }
    if (b->gaps.n > RANGES)
        sb_str_addf(s, ", and %zu other gaps", b->gaps.n - RANGES);
}

static const char *level_means(int level)
{
    return level >= 2   ? "every byte was read, and every checksum and document is right"
           : level == 1 ? "its metadata are whole and agree with the files, and its data were not read"
                        : "it exists, and no more is shown";
}

static void add_age(struct sb_str *s, const struct sb_backup *b, int64_t now)
{
    char age[64];
    int64_t point = sb_backup_point(b);
    if (point <= 0) {
        sb_str_adds(s, "Of when it is, nothing tells");
        return;
    }
    sb_str_adds(s, "It brings back ");
    add_moment(s, point);
    sb_duration_format(age, sizeof age, now - point);
    if (now < point)
        sb_str_adds(s, ", which is in the future: a clock is wrong");
    else
        sb_str_addf(s, ", %s ago: what was written since then is in no backup", age);
    if (sb_streq(b->taken_from, "file time"))
        sb_str_adds(s, " (only the time of its files says so)");
}

/* Those that cannot be used, each with the code of its first problem. */
static void add_unusable(struct sb_str *s, const struct look *l, const char *before)
{
    size_t named = 0;
    for (size_t i = 0; i < l->list.n; i++) {
        const struct sb_backup *b = &l->list.items[i];
        if (sb_backup_usable(b) || ++named > NAMED)
            continue;
        sb_str_adds(s, named == 1 ? before : ", ");
        add_name(s, b);
        sb_str_addf(s, " (%s)", b->problems.n ? b->problems.items[0].code : "not readable");
    }
    if (named > NAMED)
        sb_str_addf(s, " and %zu others", named - NAMED);
}

/* ---- the answer ---- */

static void tell_good(struct sb_str *s, const struct look *l, const struct sb_backup *b)
{
    const struct sb_backup_question *q = l->q;
    int64_t held = q->place ? sb_backup_holds(b, q->place) : 0;
    sb_str_addf(s, "The newest usable backup of %s is ", q->deployment);
    add_name(s, b);
    sb_str_addf(s, " (%s), shown to L%d: %s", sb_backup_kind_name(b->kind), b->level, level_means(b->level));
    if (q->place && held < 0)
        sb_str_addf(s, "; it does not list what it holds, so that %s is in it is not shown", q->place);
    else if (q->place && strchr(q->place, '.'))
        sb_str_addf(s, "; %s is in it", q->place);
    else if (q->place)
        sb_str_addf(s, "; %" PRId64 " collection%s of %s %s in it", held, held == 1 ? "" : "s", q->place, held == 1 ? "is" : "are");
    sb_str_adds(s, ". ");
    add_age(s, b, q->now);
    add_oplog(s, b);
    sb_str_addc(s, '.');
    if (l->usable < l->list.n) {
        sb_str_addf(s, " Of %zu backups %zu cannot be used", l->list.n, l->list.n - l->usable);
        add_unusable(s, l, ": ");
        sb_str_addc(s, '.');
    }
    if (l->missing_n)
        sb_str_addf(s, " Not looked at: %s.", l->missing.p);
    sb_str_adds(s, " `signalbox backup status --full` reads every byte (L2); that it can be restored only a restore shows.");
}

static void tell_bad(struct sb_str *s, const struct look *l)
{
    const struct sb_backup_question *q = l->q;
    if (q->paths_n == 0) {
        sb_str_addf(s, "Whether %s has backups is not known: the config names no place for them. Write \"backup PATH\" below \"deployment %s\" there, and start signalbox again; "
                       "`signalbox backup check PATH` looks at a place at once.", q->deployment, q->deployment);
    } else if (l->usable && q->until) {
        sb_str_addf(s, "No: of the %zu usable backups of %s none brings back a moment before the one that was asked for, ", l->usable, q->deployment);
        add_moment(s, q->until);
        sb_str_addc(s, '.');
    } else if (l->usable == 1) {
        sb_str_addf(s, "No: the one usable backup of %s does not hold %s.", q->deployment, q->place);
    } else if (l->usable) {
        sb_str_addf(s, "No: none of the %zu usable backups of %s holds %s.", l->usable, q->deployment, q->place);
    } else {
        sb_str_addf(s, "No: %s has no usable backup; %zu %s found", q->deployment, l->list.n, l->list.n == 1 ? "was" : "were");
        add_unusable(s, l, ", and none can be used: ");
        sb_str_addf(s, "%s%s. `signalbox backup check PATH` tells every problem.", l->missing_n ? "; not looked at: " : "", l->missing_n ? l->missing.p : "");
    }
}

/* ---- evidence ---- */

static int add_fact(struct look *l, const char *source, const char *what, const char *value, const char *coverage)
{
    return sb_evidence_add(&l->out->evidence, &l->out->evidence_n, source, l->q->place, what, value, coverage, l->q->taken_at);
}

static int add_backup(struct look *l, const struct sb_backup *b)
{
    struct sb_str source, what, value;
    int64_t point = sb_backup_point(b);
    sb_str_init(&source);
    sb_str_init(&what);
    sb_str_init(&value);
    sb_str_adds(&source, "metadata and files of ");
    add_name(&source, b);
    sb_str_addf(&what, "backup, %s", sb_backup_kind_name(b->kind));
    sb_str_addf(&value, "L%d (%s), %s", b->level, level_means(b->level), sb_backup_usable(b) ? "usable" : "not usable");
    if (point > 0) {
        sb_str_adds(&value, "; brings back ");
        add_moment(&value, point);
        sb_str_addf(&value, " by its %s", b->pitr.n ? "oplog" : b->taken_from ? b->taken_from : "metadata");
    }
    add_oplog(&value, b);
    if (b->collections_n)
        sb_str_addf(&value, "; %zu collections", b->collections_n);
    for (size_t i = 0; i < b->problems.n && i < NAMED; i++)
        sb_str_addf(&value, "; %s: %s", b->problems.items[i].code, b->problems.items[i].what ? b->problems.items[i].what : "");
    if (b->problems.all > NAMED)
        sb_str_addf(&value, "; and %" PRIu64 " other problems", b->problems.all - NAMED);
    int rc = sb_str_ok(&source) && sb_str_ok(&what) && sb_str_ok(&value)
                 ? add_fact(l, source.p, what.p, value.p, sb_streq(b->taken_from, "file time") ? "estimated" : "measured")
                 : -1;
    sb_str_release(&source);
    sb_str_release(&what);
    sb_str_release(&value);
    return rc;
}

static int add_rest(struct look *l)
{
    char *value = sb_format("%zu more were looked at in the same way", l->list.n - SB_BACKUP_EVIDENCE);
    int rc = value ? add_fact(l, "metadata and files", "backups", value, "measured") : -1;
    free(value);
    return rc;
}

static int look_at(struct look *l, const char *path)
{
    struct sb_backup_options options = {.quick = true, .key = l->key};
    struct sb_err why = SB_ERR_INIT;
    if (sb_backups_check(&l->list, path, &options, &why) == 0)
        return 0;
    if (why.code == SB_ENOMEM)
        return -1;
    l->missing_n++;
    sb_str_addf(&l->missing, "%s%s", l->missing.len ? "; " : "", why.msg);
    return add_fact(l, path, "place of backups", why.msg, "blind");
}

#define ONE_SET "A backup of one shard is none of the cluster: that takes one of every shard and of the config servers, up to one moment, with the balancer stopped meanwhile"
#define ALL_SETS "Of the cluster only where it holds every shard and the config servers up to one moment: compare its sets with the shards"

int sb_backup_answer(const struct sb_backup_question *q, struct sb_backup_said *out, struct sb_err *err)
{
    struct sb_seal_key key = {{0}};
    struct look l = {.q = q, .out = out, .key = sb_backups_key(&key, q->key_file, NULL)}; /* where it cannot be read, what wants it says so */
    struct sb_str text;
    int rc = 0;
    *out = (struct sb_backup_said){.good = false};
    sb_str_init(&l.missing);
    sb_str_init(&text);
    for (size_t i = 0; rc == 0 && i < q->paths_n; i++)
        rc = look_at(&l, q->paths[i]);
    if (rc == 0 && q->paths_n == 0)
        rc = add_fact(&l, "the config", "places of backups", "none is named", "blind");
    for (size_t i = 0; i < l.list.n; i++) {
        l.usable += sb_backup_usable(&l.list.items[i]);
        if (rc == 0 && i < SB_BACKUP_EVIDENCE)
            rc = add_backup(&l, &l.list.items[i]);
    }
    if (rc == 0 && l.list.n > SB_BACKUP_EVIDENCE)
        rc = add_rest(&l);
    const struct sb_backup *newest = sb_backups_best(&l.list, q->place, q->until);
    const struct sb_backup_plan plan = {q, newest};
    bool of_one_set = newest && q->shards && newest->kind != SB_BACKUP_PBM;
    if (rc == 0 && newest && q->shards)
        rc = add_fact(&l, "listShards", "what a backup of the cluster is", of_one_set ? ONE_SET : ALL_SETS, "measured");
    out->good = newest != NULL && !of_one_set;
    if (rc == 0 && newest && q->plan && (rc = sb_backup_plan_card(&plan, &out->card)) == 0)
        sb_str_addf(&text, "%s: %s. %s", out->card.id, out->card.title, out->card.why);
    else if (of_one_set)
        sb_str_addf(&text, "No backup of the cluster of %zu shards: the newest, %.200s, is of one replica set or was read through a mongos. %s", q->shards, newest->path, ONE_SET);
    else if (newest)
        tell_good(&text, &l, newest);
    else
        tell_bad(&text, &l);
    if (!newest && text.len > NO_LONGER) {
        sb_str_truncate(&text, sb_utf8_whole(text.p, NO_LONGER - 3));
        sb_str_adds(&text, "...");
    }
    if (rc || !sb_str_ok(&text) || !sb_str_ok(&l.missing) || !(out->text = sb_str_take(&text))) {
        sb_backup_said_release(out);
        rc = sb_fail_nomem(err);
    }
    sb_str_release(&text);
    sb_str_release(&l.missing);
    sb_backups_release(&l.list);
    sb_seal_key_forget(&key);
    return rc;
}

void sb_backup_said_release(struct sb_backup_said *said)
{
    free(said->text);
    for (size_t i = 0; i < said->evidence_n; i++)
        sb_record_release(&sb_evidence_schema, &said->evidence[i]);
    free(said->evidence);
    sb_card_release(&said->card);
    *said = (struct sb_backup_said){.good = false};
}
