/* SPDX-License-Identifier: Apache-2.0
 *
 * alterations_take.c - what servers answer, as facts of a look. A reply may be anything: what is not as it should be is no fact. */
#include "bson_get.h"

#include <signalbox/agents/alterations.h>

#include <stdlib.h>
#include <string.h>

#define NO_TEXT "?" /* what cannot be written down: its strings are no text */

/* A value of a document as Extended JSON; NULL: it is no text, or memory ran out. */
static char *value_of(const bson_iter_t *it)
{
    bson_t one = BSON_INITIALIZER;
    size_t n;
    char *all = bson_append_iter(&one, "v", 1, it) ? bson_as_relaxed_extended_json(&one, &n) : NULL, *out = NULL;
    const char *from = all ? strchr(all, ':') : NULL, *end = all ? strrchr(all, '}') : NULL;
    if (from && end && end > from) {
        from += 1 + strspn(from + 1, " ");
        while (end > from && end[-1] == ' ')
            end--;
        out = sb_strdup_n(from, (size_t)(end - from));
    }
    bson_free(all);
    bson_destroy(&one);
    return out;
}

int sb_setup_take_hello(struct sb_setup *l, const char *member, const bson_t *reply)
{
    bson_iter_t it, at;
    char id[25];
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, "topologyVersion.processId", &at) || !BSON_ITER_HOLDS_OID(&at))
        return 0;
    bson_oid_to_string(bson_iter_oid(&at), id);
    return sb_setup_mark(l, SB_FACT_PROCESS, member) || sb_setup_add(l, SB_FACT_PROCESS, member, "process", id) ? -1 : 0;
}

int sb_setup_take_build(struct sb_setup *l, const char *member, const bson_t *reply)
{
    const char *version = sb_text_at(reply, "version");
    return version && (sb_setup_mark(l, SB_FACT_VERSION, member) || sb_setup_add(l, SB_FACT_VERSION, member, "version", version)) ? -1 : 0;
}

int sb_setup_take_fcv(struct sb_setup *l, const char *scope, const bson_t *reply)
{
    const char *version = sb_text_at(reply, "featureCompatibilityVersion.version");
    return version && (sb_setup_mark(l, SB_FACT_FCV, scope) || sb_setup_add(l, SB_FACT_FCV, scope, "version", version)) ? -1 : 0;
}

static bool is_parameter(const char *name)
{
    static const char *const others[] = {"", "ok", "operationTime", "featureCompatibilityVersion"};
    for (size_t i = 0; i < SB_COUNT(others); i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    return name[0] != '$';
}

int sb_setup_take_parameters(struct sb_setup *l, const char *member, const bson_t *reply)
{
    bson_iter_t it;
    int rc = sb_setup_mark(l, SB_FACT_PARAMETER, member);
    if (rc == 0 && bson_iter_init(&it, reply))
        while (rc == 0 && bson_iter_next(&it)) {
            if (!is_parameter(bson_iter_key(&it)))
                continue;
            char *value = value_of(&it);
            rc = sb_setup_add(l, SB_FACT_PARAMETER, member, bson_iter_key(&it), value ? value : NO_TEXT);
            free(value);
        }
    return rc;
}

static int take_member(struct sb_setup *l, const char *scope, const bson_t *member)
{
    static const char *const facts[] = {"priority", "votes", "hidden", "arbiterOnly", "secondaryDelaySecs", "slaveDelay"};
    const char *host = sb_text_at(member, "host");
    struct sb_str text;
    bson_iter_t at;
    sb_str_init(&text);
    for (size_t i = 0; host && i < SB_COUNT(facts); i++)
        if (bson_iter_init_find(&at, member, facts[i]) && (BSON_ITER_HOLDS_NUMBER(&at) || BSON_ITER_HOLDS_BOOL(&at)))
            sb_str_addf(&text, "%s%s %.15g", text.len ? ", " : "", facts[i], bson_iter_as_double(&at)); /* priorities have fractions */
    int rc = !host || !host[0] ? 0 : sb_str_ok(&text) ? sb_setup_add(l, SB_FACT_TOPOLOGY, scope, host, text.len ? text.p : "") : -1;
    sb_str_release(&text);
    return rc;
}

int sb_setup_take_config(struct sb_setup *l, const char *scope, const bson_t *reply)
{
    bson_iter_t it, at, list;
    bson_t member;
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, "config.members", &at) || !BSON_ITER_HOLDS_ARRAY(&at) || !bson_iter_recurse(&at, &list))
        return 0;
    int rc = sb_setup_mark(l, SB_FACT_TOPOLOGY, scope);
    while (rc == 0 && bson_iter_next(&list))
        rc = sb_sub_document(&list, &member) ? take_member(l, scope, &member) : 0;
    return rc;
}

int sb_setup_take_collection(struct sb_setup *l, const char *db, const bson_t *doc, char **ns)
{
    const char *name = sb_text_at(doc, "name"), *type = sb_text_at(doc, "type"), *level = sb_text_at(doc, "options.validationLevel"), *action = sb_text_at(doc, "options.validationAction");
    bson_iter_t it, at;
    struct sb_str text;
    *ns = NULL;
    if (!name || !name[0] || sb_starts_with(name, "system.") || sb_starts_with(name, "signalbox_") || (type && strcmp(type, "collection") != 0))
        return 0;
    char *value = bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "options.validator", &at) ? value_of(&at) : NULL;
    sb_str_init(&text);
    if (value)
        sb_str_addf(&text, "%s%s%s%s%s", level ? level : "", level ? ", " : "", action ? action : "", action ? ": " : "", value);
    free(value);
    *ns = sb_format("%s.%s", db, name);
    int rc = !*ns || !sb_str_ok(&text) || sb_setup_add(l, SB_FACT_COLLECTION, "", *ns, "") || sb_setup_mark(l, SB_FACT_VALIDATOR, *ns) ||
             sb_setup_add(l, SB_FACT_VALIDATOR, *ns, "validator", text.len ? text.p : "");
    sb_str_release(&text);
    return rc ? -1 : 0;
}

/* Its specification without what every index has. Field by field: libbson ends the program where a copy of a damaged document fails. */
int sb_setup_take_index(struct sb_setup *l, const char *ns, const bson_t *doc)
{
    const char *name = sb_text_at(doc, "name");
    struct sb_str spec;
    bson_iter_t it;
    if (!name || !name[0] || !bson_iter_init(&it, doc))
        return 0;
    sb_str_init(&spec);
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "v") == 0 || strcmp(key, "name") == 0 || strcmp(key, "ns") == 0)
            continue;
        char *value = value_of(&it);
        sb_str_addf(&spec, "%s%s %s", spec.len ? ", " : "", key, value ? value : NO_TEXT);
        free(value);
    }
    int rc = sb_str_ok(&spec) ? sb_setup_add(l, SB_FACT_INDEX, ns, name, spec.len ? spec.p : "") : -1;
    sb_str_release(&spec);
    return rc;
}

int sb_setup_take_client(struct sb_setup *l, const bson_t *doc)
{
    const char *app = sb_text_at(doc, "_id.app"), *driver = sb_text_at(doc, "_id.driver"), *version = sb_text_at(doc, "_id.version");
    if (!app || !app[0] || sb_starts_with(app, "signalbox"))
        return 0;
    char *value = sb_format("%s%s%s", driver ? driver : "a driver that does not tell", version ? " " : "", version ? version : "");
    int rc = value ? sb_setup_add(l, SB_FACT_CLIENT, "", app, value) : -1;
    free(value);
    return rc;
}
