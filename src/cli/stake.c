/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/json.h>
#include <signalbox/base/str.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/stake.h>

#include <inttypes.h>
#include <stdlib.h>

/* Takes value. */
static int add(json_t *list, const char *what, char *value)
{
    int rc = value ? json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "what", what, "value", value, "source", "the config")) : -1;
    free(value);
    return rc;
}

json_t *sb_stake(const struct sb_config_deployment *d, const struct sb_slots *slots)
{
    const char *place = slots->ns ? slots->ns : slots->database;
    json_t *list = json_array();
    if (!list || !place)
        return list;
    const struct sb_retention *r = sb_retention_of(d->retentions, d->retentions_n, place);
    int rc = add(list, "deployment", sb_format("%s, %s", d->name, sb_name(&sb_environments, d->environment)));
    rc |= add(list, "criticality", sb_format("%" PRId64, sb_criticality_of(d->criticality, d->criticality_n, place)));
    rc |= add(list, "regulated retention", r ? sb_format("%" PRId64 " days: %s", r->days, r->why) : sb_format("the config names none"));
    rc |= add(list, "what could be brought back", d->backups_n ? sb_format("%zu places of backups are looked at when it is asked", d->backups_n) : sb_format("the config names no place where backups lie"));
    rc |= add(list, "drills", sb_format(d->drill_uri_file ? "a throw-away deployment is named" : "no throw-away deployment is named"));
    if (rc) {
        json_decref(list);
        return NULL;
    }
    return list;
}

void sb_stake_print(const json_t *list)
{
    const json_t *fact;
    size_t i;
    if (json_array_size(list))
        sb_print("  at stake:\n");
    json_array_foreach(list, i, fact) {
        const char *coverage = sb_json_str(fact, "coverage"), *source = sb_json_str(fact, "source");
        sb_print("    %s: %s%s%s%s%s%s\n", sb_json_str(fact, "what"), sb_json_str(fact, "value"), source ? " (" : "", source ? source : "", coverage ? ", " : "", coverage ? coverage : "",
                 source ? ")" : "");
    }
}
