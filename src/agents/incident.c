/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/incident.h>

static void free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

void sb_incident_release(struct sb_incident *incident)
{
    free(incident->title);
    free(incident->reason);
    free_names(incident->namespaces, incident->namespaces_n);
    free_names(incident->apps, incident->apps_n);
    free_names(incident->members, incident->members_n);
    for (size_t i = 0; i < incident->signals_n; i++) {
        free(incident->signals[i].metric);
        free(incident->signals[i].subject);
    }
    free(incident->signals);
    for (size_t i = 0; i < incident->causes_n; i++) {
        free(incident->causes[i].what);
        free(incident->causes[i].evidence);
    }
    free(incident->causes);
    memset(incident, 0, sizeof *incident);
}

int sb_incident_add_signal(struct sb_incident *incident, const char *metric, const char *subject, double baseline, double value,
                           double score)
{
    struct sb_incident_signal *s = SB_PUSH(incident->signals);
    if (!s)
        return -1;
    s->baseline = baseline;
    s->value = value;
    s->score = score < 0 ? 0 : score > 1 ? 1 : score;
    return sb_str_set(&s->metric, metric) || sb_str_set(&s->subject, subject) ? -1 : 0;
}

int sb_incident_add_cause(struct sb_incident *incident, const char *what, const char *evidence, double confidence)
{
    struct sb_incident_cause *c = SB_PUSH(incident->causes);
    if (!c)
        return -1;
    c->confidence = confidence < 0 ? 0 : confidence > 1 ? 1 : confidence;
    return sb_str_set(&c->what, what) || sb_str_set(&c->evidence, evidence) ? -1 : 0;
}

int sb_incident_add_name(char ***names, size_t *n, const char *name)
{
    if (!name || !name[0] || sb_strs_has(*names, *n, name))
        return 0;
    return sb_strs_push(names, n, name);
}
