/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a recorded stretch of news for screen tests and for the test driver of the real console.
 *
 * tests/screen/fixture/NAME.jsonl holds one message a line, as of sb_message_to_json, with one addition: {"base": FILE}
 * takes the body from that file (beside it) and lays the given body over it (RFC 7396, merge patch). Cards are sealed, so
 * that their hash is real, and "@hash" in an approval or a broken glass becomes it. */
#ifndef SIGNALBOX_TEST_FIXTURE_H
#define SIGNALBOX_TEST_FIXTURE_H

#include <signalbox/base/file.h>
#include <signalbox/model/message.h>

#include <string.h>

#define FIXTURE_DIR "tests/screen/fixture/"

/* Lays patch over target; returns the new reference to it. */
static inline json_t *fixture_merge(json_t *target, json_t *patch)
{
    if (!json_is_object(patch))
        return json_incref(patch);
    json_t *out = json_is_object(target) ? json_copy(target) : json_object();
    const char *key;
    json_t *value;
    json_object_foreach(patch, key, value) {
        if (json_is_null(value))
            json_object_del(out, key);
        else
            json_object_set_new(out, key, fixture_merge(json_object_get(out, key), value));
    }
    return out;
}

static inline int fixture_seal(struct sb_message *m, struct sb_err *err)
{
    if (m->type != SB_NEWS_CARD)
        return 0;
    struct sb_card *c = m->body;
    if (sb_card_seal(c, err))
        return -1;
    for (size_t i = 0; i < c->approvals_n; i++)
        if (sb_streq(c->approvals[i].hash, "@hash") && sb_str_set(&c->approvals[i].hash, c->hash))
            return sb_fail_nomem(err);
    if (sb_streq(c->breakglass.hash, "@hash") && sb_str_set(&c->breakglass.hash, c->hash))
        return sb_fail_nomem(err);
    return 0;
}

/* One line -> one message. */
static inline struct sb_message *fixture_message(const char *line, size_t n, const char *where, struct sb_err *err)
{
    json_t *json = sb_json_parse(line, n, where, SB_JSON_STRICT, err);
    if (!json)
        return NULL;
    const char *base = sb_json_str(json, "base");
    if (base) {
        char path[256];
        snprintf(path, sizeof path, FIXTURE_DIR "%s", base);
        json_t *body = sb_json_load(path, 1 << 20, SB_JSON_STRICT, err);
        if (!body) {
            json_decref(json);
            return NULL;
        }
        json_t *merged = fixture_merge(body, json_object_get(json, "body"));
        json_decref(body);
        json_object_set_new(json, "body", merged);
        json_object_del(json, "base");
    }
    struct sb_message *m = sb_message_from_json(json, err);
    json_decref(json);
    if (m && fixture_seal(m, err)) {
        sb_message_free(m);
        return NULL;
    }
    return m;
}

typedef void (*fixture_fn)(void *ctx, struct sb_message *m); /* takes the message */

/* All messages of a recording, in order. */
static inline int fixture_read(const char *name, fixture_fn fn, void *ctx, struct sb_err *err)
{
    char path[256];
    snprintf(path, sizeof path, FIXTURE_DIR "%s.jsonl", name);
    struct sb_str text;
    sb_str_init(&text);
    int rc = sb_file_read(path, 1 << 22, &text, err);
    for (char *line = text.p; rc == 0 && *line;) {
        size_t n = strcspn(line, "\n");
        struct sb_message *m = n ? fixture_message(line, n, path, err) : NULL;
        if (m)
            fn(ctx, m);
        else if (n)
            rc = -1;
        line += n + (line[n] == '\n');
    }
    sb_str_release(&text);
    return rc;
}

#endif
