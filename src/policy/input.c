/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/compiler.h>
#include <signalbox/policy/input.h>

#define I SB_FACT_INT
#define S SB_FACT_STR
#define B SB_FACT_BOOL
#define L SB_FACT_LIST

const struct sb_fact sb_facts[] = {
    {"v", I, NULL},
    {"stage", S, "intake gate approve execute"},
    {"action.kind", S, NULL},
    {"action.class", S, "read reversible costly forbidden"},
    {"action.intent", S, NULL},
    {"action.ns", L, NULL},
    {"action.commands", L, NULL},
    {"action.risk", S, "low medium high"},
    {"action.reversible", B, NULL},
    {"action.has_undo", B, NULL},
    {"action.est_docs", I, NULL},
    {"action.est_bytes", I, NULL},
    {"action.est_duration_s", I, NULL},
    {"action.index.name", S, NULL},
    {"action.index.unique", B, NULL},
    {"action.index.options", I, NULL},
    {"action.index.ops_24h", I, NULL},
    {"action.index.ttl_s", I, NULL},
    {"action.tags", L, NULL},
    {"action.holds", L, NULL},
    {"action.level", I, NULL},
    {"action.own", B, NULL},
    {"action.retired", B, NULL},
    {"plan.case", S, NULL},
    {"plan.card", S, NULL},
    {"plan.revision", I, NULL},
    {"plan.sha256", S, NULL},
    {"plan.steps", I, NULL},
    {"plan.fingerprint", S, NULL},
    {"plan.started", B, NULL},
    {"plan.in_step", B, NULL},
    {"actor.principal", S, NULL},
    {"actor.kind", S, "human rule agent"},
    {"actor.groups", L, NULL},
    {"author.principal", S, NULL},
    {"author.kind", S, "human rule agent"},
    {"editors", L, NULL},
    {"approvals", L, NULL},
    {"checks", L, NULL},
    {"target.deployment", S, NULL},
    {"target.id", S, NULL},
    {"target.env", S, "prod staging dev"},
    {"target.version", S, NULL},
    {"target.topology", S, "replica_set standalone sharded"},
    {"target.simulated", B, NULL},
    {"health.members", I, NULL},
    {"health.members_up", I, NULL},
    {"health.lag_s", I, NULL},
    {"health.primary", B, NULL},
    {"health.builds", I, NULL},
    {"health.queued", I, NULL},
    {"health.cache_ppm", I, NULL},
    {"health.oldest_op_s", I, NULL},
    {"health.oplog_window_s", I, NULL},
    {"health.disk_free_ppm", I, NULL},
    {"recovery.backup_age_s", I, NULL},
    {"recovery.drill_age_s", I, NULL},
    {"recovery.kept_s", I, NULL},
    {"recovery.loss_s", I, NULL},
    {"recovery.places", I, NULL},
    {"recovery.plain", I, NULL},
    {"recovery.restore_s", I, NULL},
    {"clock.utc", S, NULL},
    {"model.confidence_ppm", I, NULL},
    {"model.brier_ppm", I, NULL},
    {"model.samples", I, NULL},
    {"history.executed_today", I, NULL},
    {"history.rolled_back_30d", I, NULL},
    {"history.staging_age_s", I, NULL},
    {"history.unreviewed", I, NULL},
    {"autonomy.level", I, NULL},
    {"handling.redaction", L, NULL},
};
const size_t sb_facts_n = SB_COUNT(sb_facts);

const struct sb_fact *sb_fact_find(const char *path)
{
    for (size_t i = 0; i < sb_facts_n; i++)
        if (strcmp(sb_facts[i].path, path) == 0)
            return &sb_facts[i];
    return NULL;
}

bool sb_fact_allows(const struct sb_fact *fact, const char *word)
{
    if (!fact->domain)
        return true;
    size_t n = strlen(word);
    for (const char *p = fact->domain; *p; p += *p == ' ') {
        size_t len = strcspn(p, " ");
        if (len == n && memcmp(p, word, n) == 0)
            return true;
        p += len;
    }
    return false;
}
