/* SPDX-License-Identifier: Apache-2.0 */
#include "store_lease.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/sshsig.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/mongo/server.h>
#include <signalbox/policy/verifier.h>
#include <signalbox/shared/lease.h>
#include <signalbox/shared/store.h>

#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define LEASES_MOST 10000
#define HOLD_MOST_MS (INT64_C(30) * 24 * 3600 * 1000)

struct place {
    struct sb_config config;
    struct sb_store_door *door;
    int64_t now; /* by the store's clock */
    bool mongo;
};

static int open_place(struct place *p, struct sb_err *err)
{
    struct sb_str uri;
    sb_str_init(&uri);
    int rc = sb_config_use(&p->config, NULL, err);
    if (rc == 0 && !p->config.store)
        rc = sb_fail(err, SB_EUSAGE, "the config names no shared store: set store mongodb, set store_uri_file PATH");
    if (rc == 0)
        rc = sb_uri_from_file(p->config.store_uri_file, &uri, err);
    if (rc == 0) {
        sb_mongo_init();
        p->mongo = true;
        p->door = sb_store_door_open(uri.p, p->config.store_database ? p->config.store_database : SB_STORE_DATABASE, err);
        rc = p->door && sb_store_door_now(p->door, &p->now, err) == 0 ? 0 : -1;
    }
    explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    return rc;
}

static void close_place(struct place *p)
{
    sb_store_door_close(p->door);
    if (p->mongo)
        sb_mongo_cleanup();
    sb_config_release(&p->config);
}

/* Of one that nobody has owned yet: it says itself which it is. */
static int ask_id(const struct place *p, const char *name, char id[128], struct sb_err *err)
{
    const struct sb_config_deployment *d = sb_config_deployment(&p->config, name);
    struct sb_deployment_facts facts;
    struct sb_str uri;
    if (!d || !d->uri_file)
        return sb_fail(err, SB_EUSAGE, "the store has no lease of %s, and the config describes no such deployment", name);
    sb_str_init(&uri);
    struct sb_server *server = sb_uri_from_file(d->uri_file, &uri, err) == 0 ? sb_server_new(uri.p, true, err) : NULL;
    struct sb_conn *c = server ? sb_conn_to_primary(server, SB_LANE_CONTROL, err) : NULL;
    int rc = c ? sb_deployment_identify(c, &facts, err) : -1;
    if (rc == 0) {
        snprintf(id, 128, "%s", facts.id);
        sb_deployment_facts_release(&facts);
    }
    sb_conn_close(c);
    sb_server_free(server);
    explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    return rc;
}

/* By its name or its id. 1: out is it; 0: there is none; -1, also where the name is that of several. */
static int find(const struct place *p, const char *name, struct sb_lease *out, struct sb_err *err)
{
    struct sb_lease *list = NULL;
    size_t n = 0, found = 0;
    if (sb_lease_list(p->door, LEASES_MOST, &list, &n, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (sb_streq(list[i].name, name) || sb_streq(list[i].deployment, name)) {
            *out = list[i];
            found++;
        }
    free(list);
    return found > 1 ? sb_fail(err, SB_EUSAGE, "%s is the name of %zu deployments in the store: name it by its id (signalbox store leases)", name, found) : (int)found;
}

static json_t *lease_json(const struct sb_lease *l, int64_t now)
{
    char until[SB_TIME_LEN + 1], hold[SB_TIME_LEN + 1];
    sb_time_format(until, l->until);
    sb_time_format(hold, l->hold.until);
    bool held = l->hold.until > now;
    json_t *open = l->open.card[0] ? json_pack("{s:s,s:I,s:s,s:I}", "card", l->open.card, "step", (json_int_t)l->open.step, "class", sb_name(&sb_step_classes, l->open.class_), "epoch", (json_int_t)l->open.epoch) : NULL;
    json_t *maintenance = held ? json_pack("{s:s,s:s,s:s}", "by", l->hold.by, "reason", l->hold.reason, "until", hold) : NULL;
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:s,s:b,s:s,s:o*,s:o*}", "deployment", l->name, "id", l->deployment, "owner", l->owner, "host", l->host, "pid", (json_int_t)l->pid, "epoch", (json_int_t)l->epoch,
                     "until", until, "over", l->until < now, "program", l->program, "open", open, "maintenance", maintenance);
}

static void print_lease(const struct sb_lease *l, int64_t now)
{
    char until[SB_TIME_LEN + 1], left[32];
    bool owned = l->owner[0] != '\0', over = l->until < now;
    sb_duration_format(left, sizeof left, l->until - now);
    const char *name = l->name[0] ? l->name : l->deployment;
    if (!owned)
        sb_print_line("%s  epoch %" PRId64 "  nobody owns it", name, l->epoch);
    else
        sb_print_line("%s  epoch %" PRId64 "  ledger %s on %s, pid %" PRId64 ", %s%s", name, l->epoch, l->owner, l->host, l->pid, over ? "its lease is over" : "for ", over ? "" : left);
    if (l->open.card[0])
        sb_print_line("    %s step %" PRId64 " (class %s) is under way%s", l->open.card, l->open.step, sb_name(&sb_step_classes, l->open.class_),
                 !over ? "" : l->open.class_ == SB_STEP_IDEMPOTENT ? ", or was left open: the next owner raises the fence" : ", or was left open: only a person may say that its owner is dead");
    if (l->hold.until > now) {
        sb_time_format(until, l->hold.until);
        sb_print_line("    maintenance until %s by %s: %s", until, l->hold.by, l->hold.reason);
    }
}

int sb_store_leases(int argc, char **argv)
{
    bool json = false;
    const struct sb_option options[] = {{"--json", &json, NULL}};
    struct place p = {.now = 0};
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease *list = NULL;
    size_t n = 0;
    if (sb_options_read(argc, argv, options, SB_COUNT(options)) != 0)
        return sb_usage_error("store leases takes no other words (see: signalbox help store)");
    int status = 0;
    if (open_place(&p, &err) || sb_lease_list(p.door, LEASES_MOST, &list, &n, &err)) {
        status = sb_complain(&err);
    } else if (json) {
        json_t *all = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(all, lease_json(&list[i], p.now));
        sb_print_json(json_pack("{s:o}", "leases", all));
    } else {
        for (size_t i = 0; i < n; i++)
            print_lease(&list[i], p.now);
        if (!n)
            sb_print("The store has no leases.\n");
    }
    free(list);
    close_place(&p);
    return status;
}

static const char *who(const char *as)
{
    const struct passwd *pw = as ? NULL : getpwuid(getuid());
    return as ? as : pw ? pw->pw_name : NULL;
}

/* Why this word cannot be given; 0: it can. */
static int may_be_dead(const struct sb_lease *l, const char *name, int64_t now, struct sb_err *err)
{
    if (!l->owner[0])
        return sb_fail(err, SB_ESTATE, "nobody owns %s: there is nothing to take over", name);
    if (l->until >= now)
        return sb_fail(err, SB_ESTATE, "the lease of %s is renewed by ledger %s on %s (pid %" PRId64 "): its owner lives", name, l->owner, l->host, l->pid);
    if (!l->open.card[0])
        return sb_fail(err, SB_ESTATE, "no step of %s was left open: it is taken over by itself", name);
    return 0;
}

int sb_store_take_over(int argc, char **argv)
{
    const char *reason = NULL, *key = NULL, *as = NULL;
    const struct sb_option options[] = {{"--proven-dead", NULL, &reason}, {"--sign", NULL, &key}, {"--as", NULL, &as}};
    struct place p = {.now = 0};
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease *l = calloc(2, sizeof *l);
    struct sb_str statement, signature;
    sb_str_init(&statement);
    sb_str_init(&signature);
    if (sb_options_read(argc, argv, options, SB_COUNT(options)) != 1 || !reason || !*reason || strlen(reason) > 300) {
        free(l);
        return sb_usage_error("how: store take-over DEPLOYMENT --proven-dead REASON [--sign KEY] [--as NAME]; the reason has 300 bytes at most (see: signalbox help store)");
    }
    int found = !l ? sb_fail_nomem(&err) : open_place(&p, &err) ? -1 : find(&p, argv[1], l, &err);
    int rc = found == 0 ? sb_fail(&err, SB_EUSAGE, "the store has no lease of %s", argv[1]) : found < 0 ? -1 : may_be_dead(l, argv[1], p.now, &err);
    if (rc == 0 && !key)
        key = p.config.approval_signers ? p.config.signing_key : NULL;
    if (rc == 0 && !as)
        as = p.config.approval_signers ? p.config.signing_name : NULL;
    if (rc == 0 && !(as = who(as)))
        rc = sb_fail(&err, SB_EINPUT, "this user has no name; say who speaks with --as NAME");
    if (rc == 0 && p.config.approval_signers && !key)
        rc = sb_fail(&err, SB_EPOLICY, "approvals have to be signed here, and so has this: --sign KEY");
    if (rc == 0)
        rc = sb_lease_statement(l, as, reason, &statement, &err);
    if (rc == 0 && key)
        rc = sb_sshsig_sign(key, SB_TAKEOVER_NAMESPACE, statement.p, statement.len, &signature, &err);
    if (rc == 0 && signature.len >= sizeof l->forced.signature)
        rc = sb_fail(&err, SB_EINPUT, "the signature is too long for a lease");
    enum sb_leased answer = rc == 0 ? sb_lease_force(p.door, l, &(struct sb_lease_word){.by = as, .reason = reason, .statement = statement.p, .signature = signature.len ? signature.p : NULL}, l + 1, &err) : SB_LEASE_ERROR;
    if (answer == SB_LEASE_NOT)
        sb_fail(&err, SB_ESTATE, "the lease of %s has changed meanwhile: look at it again (signalbox store leases)", argv[1]);
    int status = answer == SB_LEASE_MINE ? 0 : sb_complain(&err);
    if (status == 0)
        sb_print("%s may be taken over: %s says that ledger %s (epoch %" PRId64 ") is dead. %s step %" PRId64 " was left open: look what became of it. MongoDB checks no epochs: a command that was on its way may still arrive.\n", argv[1],
                 as, l->owner, l->epoch, l->open.card, l->open.step);
    sb_str_release(&statement);
    sb_str_release(&signature);
    free(l);
    close_place(&p);
    return status;
}

/* "30m", "2h", "1d" from now, or a moment. -1: it is neither, or has passed, or is too far. */
static int64_t until_of(const char *word, int64_t now)
{
    int64_t count, at;
    char digits[12];
    size_t n = strspn(word, "0123456789");
    int64_t unit = sb_streq(word + n, "m") ? 60000 : sb_streq(word + n, "h") ? 3600000 : sb_streq(word + n, "d") ? 86400000 : 0;
    snprintf(digits, sizeof digits, "%.*s", (int)(n < 6 ? n : 6), word);
    if (n && unit && sb_parse_i64(digits, &count) == 0)
        at = now + count * unit;
    else if (sb_time_when(word, now, &at))
        return -1;
    return at > now && at - now <= HOLD_MOST_MS ? at : -1;
}

int sb_store_maintenance(int argc, char **argv)
{
    const char *until = NULL, *reason = NULL, *as = NULL;
    const struct sb_option options[] = {{"--until", NULL, &until}, {"--reason", NULL, &reason}, {"--as", NULL, &as}};
    struct place p = {.now = 0};
    struct sb_err err = SB_ERR_INIT;
    char at_text[SB_TIME_LEN + 1], id[128];
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    bool on = words == 2 && sb_streq(argv[2], "on"), off = words == 2 && sb_streq(argv[2], "off");
    if ((!on && !off) || (on && (!until || !reason || !*reason || strlen(reason) > 300)) || (off && (until || reason)))
        return sb_usage_error("how: store maintenance DEPLOYMENT on --until T --reason TEXT, or store maintenance DEPLOYMENT off (see: signalbox help store)");
    struct sb_lease *l = calloc(1, sizeof *l);
    int found = !l ? sb_fail_nomem(&err) : open_place(&p, &err) ? -1 : find(&p, argv[1], l, &err);
    int rc = found < 0 ? -1 : 0;
    if (found == 1)
        snprintf(id, sizeof id, "%s", l->deployment);
    else if (found == 0)
        rc = ask_id(&p, argv[1], id, &err);
    bool held = found == 1 && l->hold.until > p.now;
    int64_t at = rc == 0 && on ? until_of(until, p.now) : 0;
    if (rc == 0 && at < 0)
        rc = sb_fail(&err, SB_EUSAGE, "--until is 30m, 2h or 1d from now, or a moment that is to come, within 30 days: not %s", until);
    if (rc == 0 && !(as = who(as)))
        rc = sb_fail(&err, SB_EINPUT, "this user has no name; say who it is with --as NAME");
    enum sb_leased answer = rc == 0 ? sb_lease_hold(p.door, id, as, on ? reason : "", at, l, &err) : SB_LEASE_ERROR;
    if (answer == SB_LEASE_NOT)
        sb_fail(&err, SB_ESTATE, "the lease of %s has gone meanwhile", argv[1]);
    int status = answer == SB_LEASE_MINE ? 0 : sb_complain(&err);
    sb_time_format(at_text, at);
    if (status == 0 && on)
        sb_print("%s is in maintenance until %s: it is watched, and nothing is executed.\n", argv[1], at_text);
    else if (status == 0)
        sb_print(held ? "The maintenance of %s is over.\n" : "%s was not in maintenance.\n", argv[1]);
    free(l);
    close_place(&p);
    return status;
}
