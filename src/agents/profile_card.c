/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/profile_card.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SLOW_MS 20
#define SAMPLE_PPM 100000 /* one operation in ten */

int sb_profile_read(struct sb_conn *c, const char *db, struct sb_profile_settings *out, struct sb_err *err)
{
    bson_t reply;
    bson_iter_t it;
    *out = (struct sb_profile_settings){.slow_ms = 100, .sample_ppm = 1000000};
    if (sb_read_json(c, db, "{\"profile\": -1}", &reply, err))
        return -1;
    bson_iter_init(&it, &reply);
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "was") == 0 && BSON_ITER_HOLDS_NUMBER(&it))
            out->level = bson_iter_as_int64(&it);
        else if (strcmp(key, "slowms") == 0 && BSON_ITER_HOLDS_NUMBER(&it))
            out->slow_ms = bson_iter_as_int64(&it);
        else if (strcmp(key, "sampleRate") == 0 && BSON_ITER_HOLDS_NUMBER(&it))
            out->sample_ppm = (int64_t)llround(bson_iter_as_double(&it) * 1e6);
        else if (strcmp(key, "filter") == 0)
            out->filtered = true;
    }
    bson_destroy(&reply);
    return 0;
}

void sb_profile_text(const struct sb_profile_settings *s, char *out, size_t cap)
{
    snprintf(out, cap, "%" PRId64 "/%" PRId64 "/%" PRId64, s->level, s->slow_ms, s->sample_ppm);
}

static char *command(const struct sb_profile_settings *s, const char *card_id, const char *what, const char *db)
{
    bson_t c;
    char comment[96];
    bson_init(&c);
    BSON_APPEND_INT32(&c, "profile", (int32_t)s->level);
    BSON_APPEND_INT32(&c, "slowms", (int32_t)s->slow_ms);
    BSON_APPEND_DOUBLE(&c, "sampleRate", (double)s->sample_ppm / 1e6);
    snprintf(comment, sizeof comment, "signalbox %s/1%s", card_id, what);
    BSON_APPEND_UTF8(&c, "comment", comment);
    BSON_APPEND_UTF8(&c, "$db", db);
    char *text = bson_as_canonical_extended_json(&c, NULL), *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    bson_destroy(&c);
    return copy;
}

static int add_step(struct sb_card *card, const struct sb_profile_question *q, const struct sb_profile_settings *then, const char *db)
{
    char before[64], after[64];
    sb_profile_text(&q->now, before, sizeof before);
    sb_profile_text(then, after, sizeof after);
    struct sb_step *s = SB_PUSH(card->steps);
    if (!s)
        return -1;
    s->n = 1;
    s->class_ = SB_STEP_IDEMPOTENT;
    s->undo_label = SB_UNDO_LOSSLESS;
    s->control = SB_CONTROL_NEITHER;
    s->action = command(then, card->id, "", db);
    s->undo = command(&q->now, card->id, " undo", db);
    return !s->action || !s->undo || sb_check_add(&s->check_before, &s->check_before_n, "primary", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "profile", db, NULL, before) ||
                   sb_check_add(&s->check_after, &s->check_after_n, "profile", db, NULL, after)
               ? -1
               : 0;
}

static int describe(struct sb_card *card, const struct sb_profile_question *q, const char *db)
{
    char now[64];
    sb_profile_text(&q->now, now, sizeof now);
    card->revision = 1;
    card->kind = SB_KIND_PROFILE;
    card->environment = q->environment;
    card->simulated = q->simulated;
    card->risk = SB_LOW;
    card->confidence_ppm = 1000000;
    card->watch.window_s = q->window_s;
    card->title = sb_format("Profile one operation in ten of %s for %" PRId64 " s", db, q->window_s);
    card->why = sb_format("The server writes down only operations over %" PRId64 " ms. For %" PRId64
                          " s it would keep a sample of those over %d ms, so that %s can be judged by what its operations examine; then what was set is put back by itself.",
                          q->now.slow_ms, q->window_s, SLOW_MS, q->ns);
    card->blast_radius.members = 1;
    card->blast_radius.lock = sb_format("exclusive on %s for an instant, at the start and at the end; slowms and the sample rate also steer the server's log, for every database", db);
    return !card->title || !card->why || !card->blast_radius.lock || sb_str_set(&card->id, q->card_id) || sb_str_set(&card->case_id, q->case_id) ||
                   sb_str_set(&card->deployment, q->deployment) || sb_str_set(&card->deployment_id, q->deployment_id) || sb_str_set(&card->target, q->ns) ||
                   sb_str_set(&card->author, sb_name(&sb_specialists, SB_BY_ANOMALY_DETECTOR)) || sb_str_set(&card->requested_by, q->requested_by) ||
                   sb_strs_push(&card->blast_radius.namespaces, &card->blast_radius.namespaces_n, q->ns) ||
                   sb_evidence_add(&card->evidence, &card->evidence_n, "profile -1", db, "profiler now: level/slowms/sample ppm", now, "measured", q->at)
               ? -1
               : 0;
}

int sb_profile_card(const struct sb_profile_question *q, struct sb_card *card, struct sb_err *err)
{
    char db[64], coll[192];
    memset(card, 0, sizeof *card);
    if (!sb_ns_split(q->ns, db, coll))
        return sb_fail(err, SB_EINPUT, "\"%s\" is not a collection; write it as database.collection", q->ns);
    if (q->now.level != 0)
        return sb_fail(err, SB_ESTATE, "the profiler of %s is on already (level %" PRId64 "); it is left as it is", db, q->now.level);
    if (q->now.filtered)
        return sb_fail(err, SB_ESTATE, "the profiler of %s has a filter, which this version could not put back; it is left as it is", db);
    struct sb_profile_settings then = {.level = 1, .slow_ms = SLOW_MS, .sample_ppm = SAMPLE_PPM};
    if (describe(card, q, db) || add_step(card, q, &then, db)) {
        sb_card_release(card);
        return sb_fail_nomem(err);
    }
    return 0;
}
