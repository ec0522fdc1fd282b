/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/cli/join.h>
#include <signalbox/mongo/server.h>
#include <signalbox/policy/policy.h>

#define ANSWER_MS 15000

/* The owner's answer, or NULL. Whatever else comes is for nobody yet. */
static struct sb_message *ask_owner(struct sb_link *l, struct sb_queue *news, struct sb_err *err)
{
    int64_t until = sb_mono_ms() + ANSWER_MS, left;
    struct sb_mail mail;
    sb_link_ask(l, sb_message_text(SB_ASK_OWNER, 1, ""));
    while ((left = until - sb_mono_ms()) > 0 && sb_queue_wait(news, &mail, (int)left)) {
        struct sb_message *m = mail.payload;
        int type = m->type;
        if (type == SB_NEWS_OWNER)
            return m;
        sb_message_free(m);
        if (type == SB_NEWS_BYE || type == SB_NEWS_ANSWER) /* gone, or of a version that does not know the question */
            break;
    }
    sb_fail(err, SB_EIO, "the signalbox that owns the ledger (pid %lld) does not say what it watches", (long long)sb_link_owner(l));
    return NULL;
}

/* "shop (127.0.0.1:27017,127.0.0.1:27018)"; without a name only the hosts. */
static void name_of(struct sb_str *out, const char *deployment, const struct sb_str *hosts)
{
    if (deployment)
        sb_str_addf(out, "%s (%s)", deployment, hosts->p);
    else
        sb_str_adds(out, hosts->p);
}

static int other(struct sb_link *l, const char *verb, const struct sb_str *theirs, const struct sb_str *ours, struct sb_err *err)
{
    return sb_fail(err, SB_EUSAGE, "the signalbox that owns the ledger (pid %lld) %s %s, not %s; end it first, or use another state folder (XDG_STATE_HOME)",
                   (long long)sb_link_owner(l), verb, theirs->p, ours->p);
}

static int check_target(struct sb_link *l, const struct sb_watched *w, const struct sb_join_wish *wish, struct sb_err *err)
{
    struct sb_server *mine = sb_server_new(wish->uri, true, err);
    if (!mine) {
        sb_err_prefix(err, "%s", wish->uri_from);
        return -1;
    }
    struct sb_str theirs, ours, hosts;
    bool shared = false;
    int rc = 0;
    sb_str_init(&theirs);
    sb_str_init(&ours);
    sb_str_init(&hosts);
    for (size_t i = 0; i < w->hosts_n; i++)
        sb_str_addf(&hosts, "%s%s", i ? "," : "", w->hosts[i]);
    name_of(&theirs, w->deployment, &hosts);
    sb_str_clear(&hosts);
    for (size_t i = 0; i < sb_server_seeds(mine); i++) {
        shared |= sb_strs_has(w->hosts, w->hosts_n, sb_server_seed(mine, i));
        sb_str_addf(&hosts, "%s%s", i ? "," : "", sb_server_seed(mine, i));
    }
    name_of(&ours, wish->deployment, &hosts);
    bool environment = wish->environment >= 0 && wish->environment != w->environment;
    if (shared && environment) {
        sb_str_addf(&theirs, " as %s", sb_name(&sb_environments, w->environment));
        sb_str_addf(&ours, " as %s", sb_name(&sb_environments, wish->environment));
    }
    if (!shared || environment || (wish->deployment && !sb_streq(wish->deployment, w->deployment)))
        rc = other(l, "watches", &theirs, &ours, err);
    sb_str_release(&theirs);
    sb_str_release(&ours);
    sb_str_release(&hosts);
    sb_server_free(mine);
    return rc;
}

static int check_policy(struct sb_link *l, const struct sb_watched *w, const struct sb_join_wish *wish, struct sb_err *err)
{
    struct sb_policy *p = sb_policy_load(wish->policy_text, wish->policy_len, wish->policy_path, NULL, err);
    if (!p)
        return -1;
    const struct sb_bundle_id *id = sb_policy_id(p), *in_force = &w->policy;
    int rc = 0;
    if (!sb_streq(id->bundle, in_force->bundle) || !sb_streq(id->version, in_force->version) || !sb_streq(id->sha256, in_force->sha256)) {
        struct sb_str theirs, ours;
        sb_str_init(&theirs);
        sb_str_init(&ours);
        sb_str_addf(&theirs, "%s %s (%.8s)", in_force->bundle, in_force->version, in_force->sha256);
        sb_str_addf(&ours, "%s %s (%.8s)", id->bundle, id->version, id->sha256);
        rc = other(l, "goes by the policy", &theirs, &ours, err);
        sb_str_release(&theirs);
        sb_str_release(&ours);
    }
    sb_policy_free(p);
    return rc;
}

int sb_join_check(struct sb_link *l, struct sb_queue *news, const struct sb_join_wish *wish, struct sb_err *err)
{
    struct sb_message *m = ask_owner(l, news, err);
    if (!m)
        return -1;
    int rc = (wish->uri && check_target(l, m->body, wish, err)) || (wish->policy_text && check_policy(l, m->body, wish, err)) ? -1 : 0;
    sb_message_free(m);
    return rc;
}
