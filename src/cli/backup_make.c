/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_make.c - `signalbox backup make`: a plain dump of chosen collections, from a secondary where there is one.
 */
#include "backup.h"

#include <signalbox/agents/backup_make.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/json.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/target.h>

#include <inttypes.h>

/* A heavy read belongs on a secondary. *facts is of the deployment; the connection is to whom is read from. */
static struct sb_conn *choose(const struct sb_server *server, struct sb_deployment_facts *facts, struct sb_err *err)
{
    struct sb_conn *primary = sb_conn_to_primary(server, SB_LANE_BULK, err);
    if (!primary || sb_deployment_identify(primary, facts, err)) {
        sb_conn_close(primary);
        return NULL;
    }
    if (facts->hello.is_mongos) {
        sb_fail(err, SB_EUSAGE, "%s is a mongos: what is read through it is of no one moment and is no backup of the cluster. PBM, or snapshots of every shard and of the config servers taken together with the balancer stopped, are one",
                sb_conn_name(primary));
        sb_conn_close(primary);
        return NULL;
    }
    for (size_t i = 0; i < facts->hello.members_n; i++) {
        struct sb_deployment_facts of = {.simulated = false};
        struct sb_conn *c = strcmp(facts->hello.members[i], facts->hello.primary) != 0 ? sb_conn_to_member(server, facts->hello.members[i], SB_LANE_BULK, NULL) : NULL;
        bool fits = c && sb_deployment_identify(c, &of, NULL) == 0 && of.hello.is_secondary && strcmp(of.id, facts->id) == 0;
        sb_deployment_facts_release(&of);
        if (fits) {
            sb_conn_close(primary);
            return c;
        }
        sb_conn_close(c);
    }
    return primary;
}

static json_t *about(const struct sb_made *made, const struct sb_deployment_facts *facts, int64_t began)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, began);
    return json_pack("{s:s,s:s,s:b,s:b,s:s,s:I,s:I,s:I,s:o,s:o}", "taken_at", at, "deployment_id", facts->id, "simulated", facts->simulated, "consistent", made->consistent, "how", made->how,
                     "collections", (json_int_t)made->collections, "documents", (json_int_t)made->documents, "bytes", (json_int_t)made->bytes, "oplog_from", sb_backup_ts_json(made->from),
                     "oplog_to", sb_backup_ts_json(made->to));
}

static int answer(const struct sb_backup_words *words, const char *path, const char *member, const json_t *made)
{
    if (words->json) {
        json_t *out = json_pack("{s:o,s:o}", "path", sb_backup_text_json(path), "member", sb_backup_text_json(member));
        if (!out || json_object_update(out, (json_t *)(uintptr_t)made)) {
            json_decref(out);
            return 1;
        }
        return sb_print_json(out) ? 1 : 0;
    }
    struct sb_str size;
    sb_str_init(&size);
    sb_backup_size(&size, (uint64_t)sb_json_int(made, "bytes"));
    int rc = sb_print("%s: %" PRId64 " collections, %" PRId64 " documents, %s, read from %s\n%s: %s\n", path, sb_json_int(made, "collections"), sb_json_int(made, "documents"), size.p, member,
                      json_is_true(json_object_get(made, "consistent")) ? "of one moment" : "NOT of one moment, each collection is as it was when it was read",
                      sb_json_str(made, "how"));
    sb_str_release(&size);
    return rc ? 1 : 0;
}

static int make(const struct sb_backup_words *words, const char *path, char *const *places, size_t n, const struct sb_server *server, struct sb_err *err)
{
    struct sb_deployment_facts facts = {.simulated = false};
    struct sb_made made;
    struct sb_backup_bar bar;
    int64_t began = sb_wall_ms();
    json_t *told = NULL;
    struct sb_conn *c = choose(server, &facts, err);
    struct sb_dump_archive_options archive = {.server_version = facts.version, .gzip = words->gzip, .key = words->key};
    struct sb_dump_writer *w = !c ? NULL : words->archive ? sb_dump_writer_archive(path, &archive, err) : sb_dump_writer_new(path, words->key, err);
    sb_backup_bar_begin(&bar, 0, w && !words->quiet);
    struct sb_make_options options = {.places = places, .places_n = n, .read = sb_backup_bar_read, .ctx = &bar};
    int rc = w ? sb_backup_make(c, &options, w, &made, err) : -1;
    if (rc == 0 && !(told = about(&made, &facts, began)))
        rc = sb_fail_nomem(err);
    if (rc == 0)
        rc = sb_dump_writer_finish(w, facts.version, told, err);
    sb_backup_bar_end(&bar);
    if (rc == 0)
        rc = answer(words, path, sb_conn_name(c), told) ? 1 : 0;
    json_decref(told);
    sb_dump_writer_free(w);
    sb_conn_close(c);
    sb_deployment_facts_release(&facts);
    return rc;
}

int sb_backup_making(const struct sb_backup_words *words, const char *path, char *const *places, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_config config;
    struct sb_target target;
    sb_target_init(&target);
    int rc = sb_config_use(&config, NULL, &err) || sb_target_find(&target, &config, words->deployment, words->uri_file, &err) ? -1 : 0;
    sb_mongo_init();
    struct sb_server *server = rc == 0 ? sb_server_new(target.uri.p, true, &err) : NULL;
    rc = server ? make(words, path, places, n, server, &err) : -1;
    sb_server_free(server);
    sb_mongo_cleanup();
    sb_target_release(&target);
    sb_config_release(&config);
    return rc < 0 ? sb_complain(&err) : rc;
}
