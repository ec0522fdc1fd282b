/* SPDX-License-Identifier: Apache-2.0
 *
 * The deployments that no drill may write to: those that the record knows, and those that the config describes. */
#include <signalbox/orchestrator/drill.h>

#include <signalbox/base/json.h>
#include <signalbox/base/record.h>
#include <signalbox/ledger/ledger.h>

#include <stdlib.h>
#include <string.h>

int sb_drill_know(struct sb_drill_known *known, const char *name, const char *uri_file, struct sb_err *err)
{
    size_t n = known->n;
    if (sb_strs_push(&known->names, &n, name))
        return sb_fail_nomem(err);
    n = known->n;
    if (sb_strs_push(&known->uri_files, &n, uri_file ? uri_file : "")) {
        free(known->names[known->n]);
        return sb_fail_nomem(err);
    }
    known->n = n;
    return 0;
}

void sb_drill_known_release(struct sb_drill_known *known)
{
    for (size_t i = 0; i < known->n; i++) {
        free(known->names[i]);
        free(known->uri_files[i]);
    }
    free(known->names);
    free(known->uri_files);
    memset(known, 0, sizeof *known);
}

static int add(struct sb_drill_watched *w, const char *id, const char *name, struct sb_err *err)
{
    return sb_strs_push(&w->ids, &w->ids_n, id) || sb_strs_push(&w->names, &w->names_n, name) ? sb_fail_nomem(err) : 0;
}

void sb_drill_watched_release(struct sb_drill_watched *w)
{
    for (size_t i = 0; i < w->ids_n; i++)
        free(w->ids[i]);
    for (size_t i = 0; i < w->names_n; i++)
        free(w->names[i]);
    free(w->ids);
    free(w->names);
    memset(w, 0, sizeof *w);
}

/* What names were bound to, by the record. */
static int add_bound(struct sb_drill_watched *w, const char *state_dir, struct sb_err *err)
{
    int64_t *seqs = NULL;
    size_t n = 0;
    if (sb_ledger_find(state_dir, NULL))
        return 0;
    struct sb_ledger *l = sb_ledger_open(state_dir, SB_LEDGER_READ, NULL, err);
    int rc = l ? sb_ledger_seqs_of(l, 1, sb_ledger_head(l), SB_ENTRY_BOUND, &seqs, &n, err) : -1;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sb_entry e;
        if ((rc = sb_ledger_entry(l, seqs[i], &e, err)))
            break;
        const char *id = sb_json_str(e.body, "id"), *name = sb_json_str(e.body, "deployment");
        if (e.kind == SB_ENTRY_BOUND && id && name)
            rc = add(w, id, name, err);
        sb_entry_release(&e);
    }
    free(seqs);
    sb_ledger_close(l);
    return rc;
}

static int add_asked(struct sb_drill_watched *w, const char *name, const char *uri_file, struct sb_err *err)
{
    struct sb_deployment_facts facts;
    struct sb_err why = SB_ERR_INIT;
    struct sb_str uri;
    sb_str_init(&uri);
    struct sb_server *server = sb_uri_from_file(uri_file, &uri, &why) == 0 ? sb_server_new(uri.p, true, &why) : NULL;
    struct sb_conn *c = server ? sb_conn_to_primary(server, SB_LANE_CONTROL, &why) : NULL;
    int rc = 0;
    if (c && sb_deployment_identify(c, &facts, &why) == 0) {
        rc = add(w, facts.id, name, err);
        sb_deployment_facts_release(&facts);
    } else if (!sb_strs_has(w->names, w->names_n, name)) {
        rc = sb_fail(err, SB_EPOLICY, "the deployment %s of the config was never seen and does not answer now, so that nobody can tell that the target is another one: %s", name, why.msg);
    }
    sb_conn_close(c);
    sb_server_free(server);
    explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    return rc;
}

int sb_drill_watched_find(struct sb_drill_watched *w, const char *state_dir, const struct sb_drill_known *known, struct sb_err *err)
{
    memset(w, 0, sizeof *w);
    int rc = add_bound(w, state_dir, err);
    for (size_t i = 0; rc == 0 && known && i < known->n; i++)
        if (known->uri_files[i][0])
            rc = add_asked(w, known->names[i], known->uri_files[i], err);
    return rc;
}
