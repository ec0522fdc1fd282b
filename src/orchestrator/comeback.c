/* SPDX-License-Identifier: Apache-2.0
 *
 * How one kind of action, or one rule of alarms, that the program has lowered comes back: by a statement about that very lowering, signed by somebody
 * who may sign bundles of policy. The entry that it names is used up by it: a later lowering wants another decision. */
#include "private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What a statement says, borrowed from it. */
struct comeback {
    const char *kind, *by, *reason;
    int environment;
    int64_t entry, level;
};

static int read_comeback(struct sb_orchestrator *o, const json_t *s, struct comeback *c, struct sb_err *err)
{
    const char *env = sb_json_str(s, "environment");
    int64_t now = sb_origin_wall_ms(o->opt.origin), made = sb_json_int(s, "iat");
    *c = (struct comeback){.kind = sb_json_str(s, "kind"), .by = sb_json_str(s, "by"), .reason = sb_json_str(s, "reason"), .environment = env ? sb_name_find(&sb_environments, env) : -1,
                           .entry = sb_json_int(s, "entry")};
    if (!sb_streq(sb_json_str(s, "t"), "restore") || !c->kind || c->environment < 0)
        return sb_fail(err, SB_EINPUT, "what was signed does not say which kind of action comes back, and in which environment");
    if (!c->by || !c->by[0] || !c->reason || !c->reason[0])
        return sb_fail(err, SB_EINPUT, "what was signed does not say by whom and why");
    if (!sb_streq(sb_json_str(s, "deployment"), o->deployment) || !sb_streq(sb_json_str(s, "policy"), sb_policy_id(o->policy)->sha256))
        return sb_fail(err, SB_ESTATE, "what was signed is about another deployment than %s, or another policy than the one in force", o->deployment);
    return made < now - SB_O_SIGNED_WITHIN_MS || made > now + SB_O_SIGNED_WITHIN_MS ? sb_fail(err, SB_ESTATE, "the statement was not signed just now; sign it again") : 0;
}

static int stands_lowered(struct sb_orchestrator *o, struct comeback *c, struct sb_err *err)
{
    int64_t entry;
    if (sb_o_lowering_of(o, c->kind, c->environment, &c->level, &entry, err))
        return -1;
    if (c->level < 0)
        return sb_fail(err, SB_ESTATE, "%.60s in %s does not stand lowered", c->kind, sb_name(&sb_environments, c->environment));
    return c->entry == entry ? 0 : sb_fail(err, SB_ESTATE, "%.60s was lowered by entry %" PRId64 ", and what was signed is about entry %" PRId64, c->kind, entry, c->entry);
}

static int check_signature(struct sb_orchestrator *o, const struct sb_signed *said, const char *by, struct sb_err *err)
{
    const struct sb_policy_verifier *v = o->opt.verifier;
    char *principal = NULL;
    if (!v)
        return sb_fail(err, SB_EPOLICY, "nobody can sign for it here: the config names no policy_signers. Another bundle of policy brings it back");
    int rc = v->verify(v->ctx, SB_POLICY_NAMESPACE, said->statement, strlen(said->statement), said->signature, strlen(said->signature), by, &principal, err);
    free(principal);
    if (rc) {
        sb_err_prefix(err, "the signature does not count");
        err->code = err->code == SB_ENO ? SB_EPOLICY : err->code;
    }
    return rc ? -1 : 0;
}

static int put_on_record(struct sb_orchestrator *o, const struct seat *s, const struct comeback *c, const struct sb_signed *said, json_t *statement, struct sb_err *err)
{
    return sb_o_record(o, SB_ENTRY_AUTONOMY, &s->actor, NULL,
                       json_pack("{s:s,s:s,s:I,s:s,s:o,s:I,s:O,s:s}", "kind", c->kind, "environment", sb_name(&sb_environments, c->environment), "level", (json_int_t)c->level, "by", c->by,
                                 "reason", sb_o_words(c->reason), "entry", (json_int_t)c->entry, "statement", statement, "signature", said->signature),
                       err);
}

void sb_o_restore(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const struct seat *s = sb_o_seat(o, seat);
    const struct sb_signed *said = m->body;
    struct sb_err err = SB_ERR_INIT;
    struct comeback c = {.kind = "", .reason = ""};
    json_t *statement = NULL;
    bool may = !s->read_only && !sb_server_read_only(o->opt.server);
    if (!may)
        sb_fail(&err, SB_EPOLICY, "this console is read-only: nothing can be decided from it");
    else if ((statement = sb_o_read_statement(said->statement, &err)) && read_comeback(o, statement, &c, &err) == 0 && check_signature(o, said, c.by, &err) == 0 &&
             stands_lowered(o, &c, &err) == 0 && put_on_record(o, s, &c, said, statement, &err) == 0 && sb_o_came_back(o, c.kind, c.environment, &err) == 0)
        sb_o_notice(o, SB_MEDIUM, "%s in %s is back at L%" PRId64 ", signed by %s: %s", c.kind, sb_name(&sb_environments, c.environment), c.level, c.by, c.reason);
    if (err.code != SB_OK)
        sb_o_record(o, SB_ENTRY_REFUSED, &s->actor, NULL, json_pack("{s:s,s:o}", "ask", sb_message_name(m->type), "why", sb_o_words(err.msg)), NULL);
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL, "%s in %s is back at L%" PRId64 ": what came of it before counts no more.", c.kind, sb_name(&sb_environments, c.environment), c.level);
    json_decref(statement);
}
