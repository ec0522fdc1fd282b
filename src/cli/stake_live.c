/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request would touch, from whoever watches the deployment; without an owner a short connection of our own tells how big the place is,
 * and the rest is said to be unknown. */
#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/base/json.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/link.h>
#include <signalbox/cli/stake.h>
#include <signalbox/cli/target.h>
#include <signalbox/mongo/read_door.h>
#include <signalbox/mongo/server.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 15000

/* Takes value. */
static int add(json_t *list, const char *what, const char *source, const char *coverage, char *value)
{
    int rc = value ? json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "what", what, "value", value, "source", source, "coverage", coverage)) : -1;
    free(value);
    return rc;
}

/* What the config said of it: whoever watches the deployment knows better. */
static void forget(json_t *list, const char *what)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        if (sb_streq(sb_json_str(json_array_get(list, i), "what"), what))
            json_array_remove(list, i);
}

/* ---- the owner ---- */

/* The message of this type that answers seq; an answer that says no becomes err. */
static struct sb_message *wait_for(struct sb_queue *news, int type, int64_t seq, struct sb_err *err)
{
    int64_t until = sb_mono_ms() + ANSWER_MS, left;
    struct sb_mail mail;
    while ((left = until - sb_mono_ms()) > 0 && sb_queue_wait(news, &mail, (int)left)) {
        struct sb_message *m = mail.payload;
        if (m->type == type && m->seq == seq)
            return m;
        const struct sb_answer *a = m->type == SB_NEWS_ANSWER && m->seq == seq ? m->body : NULL;
        bool gone = m->type == SB_NEWS_BYE;
        if (a)
            sb_fail(err, SB_ENO, "%s", a->text ? a->text : "it does not say");
        sb_message_free(m);
        if (a || gone)
            break;
    }
    if (err->code == SB_OK)
        sb_fail(err, SB_EIO, "it does not answer");
    return NULL;
}

static int ask_owner(json_t *list, struct sb_link *l, struct sb_queue *news, const char *deployment, const char *place, struct sb_err *err)
{
    sb_link_ask(l, sb_message_hello(1, "cli", true));
    sb_link_ask(l, sb_message_text(SB_ASK_OWNER, 2, ""));
    struct sb_message *m = wait_for(news, SB_NEWS_OWNER, 2, err);
    if (!m)
        return -1;
    const struct sb_watched *w = m->body;
    if (!sb_streq(w->deployment, deployment))
        sb_fail(err, SB_ENO, "the signalbox that owns the ledger watches %s", w->deployment ? w->deployment : "another deployment");
    sb_message_free(m);
    if (err->code != SB_OK)
        return -1;
    sb_link_ask(l, sb_message_text(SB_ASK_STAKE, 3, place));
    if (!(m = wait_for(news, SB_NEWS_STAKE, 3, err)))
        return -1;
    const struct sb_stake_told *told = m->body;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < told->facts_n; i++) {
        const struct sb_evidence *e = &told->facts[i];
        forget(list, e->what);
        rc = add(list, e->what ? e->what : "", e->source ? e->source : "", e->coverage ? e->coverage : "", sb_format("%s", e->value ? e->value : ""));
    }
    sb_message_free(m);
    return rc ? sb_fail_nomem(err) : 0;
}

/* ---- a connection of our own ---- */

static int64_t number_of(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
}

/* "38211 documents, 9000000 bytes"; NULL with err. */
static char *size_of(struct sb_server *server, const char *place, struct sb_err *err)
{
    const char *dot = strchr(place, '.');
    char *database = sb_strdup_n(place, dot ? (size_t)(dot - place) : strlen(place)), *said = NULL;
    struct sb_conn *conn = database ? sb_conn_to_primary(server, SB_LANE_CONTROL, err) : NULL;
    bson_t *command = dot ? BCON_NEW("collStats", BCON_UTF8(dot + 1)) : BCON_NEW("dbStats", BCON_INT32(1)), reply;
    if (conn && sb_read(conn, database, command, &reply, err) == 0) {
        said = sb_format("%" PRId64 " documents, %" PRId64 " bytes", number_of(&reply, dot ? "count" : "objects"), number_of(&reply, dot ? "size" : "dataSize"));
        bson_destroy(&reply);
    }
    if (!said && err->code == SB_OK)
        sb_fail_nomem(err);
    bson_destroy(command);
    sb_conn_close(conn);
    free(database);
    return said;
}

static int look_self(json_t *list, const struct sb_config *config, const char *deployment, const char *place, struct sb_err *err)
{
    struct sb_target target;
    struct sb_server *server = NULL;
    char *said = NULL;
    sb_target_init(&target);
    if (sb_target_find(&target, config, deployment, NULL, err) == 0 && (server = sb_server_new(target.uri.p, true, err)))
        said = size_of(server, place, err);
    sb_server_free(server);
    sb_target_release(&target);
    return said ? add(list, "size", place[strcspn(place, ".")] ? "collStats of the primary" : "dbStats of the primary", "measured", said) : -1;
}

/* ---- both ---- */

static int say_unknown(json_t *list, const char *what, const char *why)
{
    return add(list, what, "nobody", "blind", sb_format("%s", why));
}

int sb_stake_live(json_t *list, const struct sb_config *config, const struct sb_config_deployment *d, const struct sb_slots *slots, struct sb_err *err)
{
    const char *place = slots->ns ? slots->ns : slots->database;
    struct sb_queue *news = place ? sb_queue_new(16, err) : NULL;
    struct sb_str dir;
    struct sb_err unasked = SB_ERR_INIT, unseen = SB_ERR_INIT;
    if (!place)
        return 0;
    if (!news)
        return -1;
    sb_str_init(&dir);
    struct sb_link *l = sb_path_state_seen(&dir, &unasked) == 0 ? sb_link_open(dir.p, news, &unasked) : NULL;
    int rc = l ? ask_owner(list, l, news, d->name, place, &unasked) : -1;
    sb_link_close(l);
    sb_queue_free(news);
    sb_str_release(&dir);
    if (rc == 0)
        return 0;
    rc = l ? say_unknown(list, "the owner of the ledger", unasked.msg) : 0;
    if (look_self(list, config, d->name, place, &unseen))
        rc |= say_unknown(list, "size", unseen.msg);
    rc |= say_unknown(list, "traffic, applications, sensitive fields, other plans, change windows", "they are known where signalbox runs on it (console or serve), and found out when it is asked");
    return rc ? sb_fail_nomem(err) : 0;
}
