/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of accounts, and what a role grants. */
#include "login.h"

#include <signalbox/base/conf.h>
#include <signalbox/base/rng.h>
#include <signalbox/sim/text.h>

#include "role_log.h"

#include <stdlib.h>
#include <string.h>

#define PASSWORD_MAX 256

/* What one may do: the classes of actions that the simulated commands fall into. */
enum { WATCH = 1, READ = 2, WRITE = 4, INDEX = 8, ADMIN = 16, ROOT = 32 };

static const struct {
    const char *name;
    unsigned grants;
} roles[] = {
    {"clusterMonitor", WATCH},
    {"readAnyDatabase", READ},
    {"readWriteAnyDatabase", READ | WRITE | INDEX},
    {"dbAdminAnyDatabase", INDEX | ADMIN},
    {"root", WATCH | READ | WRITE | INDEX | ADMIN | ROOT},
};

/* ---- the file ---- */

struct reading {
    struct sim_accounts *a;
    struct sim_account *now; /* NULL: no account line yet, or one that is wrong */
    bool failed;
};

static void begin_account(struct reading *r, const struct sb_conf_row *row, struct sb_problems *p)
{
    const char *user = row->n > 1 ? row->word[1] : "", *db = row->n > 2 ? row->word[2] : "admin";
    r->now = NULL;
    if (row->n < 2 || row->n > 3) {
        sb_problems_add(p, row->path, row->line, "write: account NAME, or account NAME DATABASE");
    } else if (!user[0] || strlen(user) >= sizeof r->now->user || !db[0] || strlen(db) >= sizeof r->now->db || strpbrk(db, ". $/\\\"")) {
        sb_problems_add(p, row->path, row->line, "the name of an account has up to %d bytes, that of its database up to 63 and none of . $ / \\ \"", SIM_SCRAM_USER - 1);
    } else if (sim_account_find(r->a, user, db)) {
        sb_problems_add(p, row->path, row->line, "there already is an account \"%s\" of the database %s", user, db);
    } else if (r->a->n == SIM_ACCOUNTS_MAX) {
        sb_problems_add(p, row->path, row->line, "there are more than %d accounts", SIM_ACCOUNTS_MAX);
    } else {
        r->now = &r->a->account[r->a->n++];
        snprintf(r->now->user, sizeof r->now->user, "%s", user);
        snprintf(r->now->db, sizeof r->now->db, "%s", db);
    }
}

static void set_password(struct reading *r, const struct sb_conf_row *row, struct sb_problems *p)
{
    const char *word = row->n == 3 ? row->word[2] : "";
    uint8_t salt[SIM_SCRAM_SALT];
    for (const char *c = word; *c; c++)
        if (*c < ' ' || *c > '~')
            word = "";
    if (!word[0] || strlen(word) > PASSWORD_MAX) {
        sb_problems_add(p, row->path, row->line, "a password is one word of 1 to %d printable ASCII characters (in double quotes when it has blanks)", PASSWORD_MAX);
        return;
    }
    if (sb_random_bytes(salt, sizeof salt, NULL) || sim_scram_keys_make(&r->now->keys, word, salt))
        r->failed = true;
}

static void set_roles(struct reading *r, const struct sb_conf_row *row, struct sb_problems *p)
{
    r->now->roles = 0;
    for (size_t i = 2; i < row->n; i++) {
        size_t k = 0;
        while (k < SB_COUNT(roles) && strcmp(roles[k].name, row->word[i]) != 0)
            k++;
        if (k == SB_COUNT(roles))
            sb_problems_add(p, row->path, row->line, "there is no role \"%s\" here; there are clusterMonitor, readAnyDatabase, readWriteAnyDatabase, dbAdminAnyDatabase and root",
                            row->word[i]);
        else
            r->now->roles |= 1u << k;
    }
}

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *p)
{
    struct reading *r = ctx;
    bool sets = row->n > 1 && strcmp(row->word[0], "set") == 0;
    if (strcmp(row->word[0], "account") == 0)
        begin_account(r, row, p);
    else if (!sets || (strcmp(row->word[1], "password") != 0 && strcmp(row->word[1], "roles") != 0))
        sb_problems_add(p, row->path, row->line, "a line is account NAME, set password PASSWORD or set roles ROLE...");
    else if (!r->now)
        sb_problems_add(p, row->path, row->line, "this line belongs to no account");
    else if (strcmp(row->word[1], "password") == 0)
        set_password(r, row, p);
    else
        set_roles(r, row, p);
}

static bool has_password(const struct sim_account *a)
{
    static const uint8_t none[SIM_SCRAM_KEY];
    return memcmp(a->keys.stored, none, sizeof none) != 0;
}

struct sim_accounts *sim_accounts_parse(const char *text, size_t len, const char *path, struct sb_err *err)
{
    struct sb_problems p;
    struct reading r = {.a = calloc(1, sizeof *r.a)};
    int rc = -1;
    sb_problems_init(&p);
    if (!r.a) {
        sb_fail_nomem(err);
        goto out;
    }
    if (sb_conf_parse(text, len, path, read_row, &r, &p, err))
        goto out;
    for (size_t i = 0; i < r.a->n && !p.count; i++)
        if (!has_password(&r.a->account[i]) && !r.failed)
            sb_problems_add(&p, path, 1, "the account \"%s\" has no password", r.a->account[i].user);
    if (r.failed)
        sb_fail(err, SB_EINTERNAL, "libcrypto made no key of a password");
    else if (p.count)
        sb_fail(err, SB_EUSAGE, "%.*s", (int)strcspn(p.text.p, "\n"), p.text.p);
    else if (!r.a->n)
        sb_fail(err, SB_EUSAGE, "%s:1: no account stands in it", path);
    else
        rc = 0;
out:
    sb_problems_release(&p);
    if (rc) {
        sim_accounts_free(r.a);
        r.a = NULL;
    }
    return r.a;
}

void sim_accounts_free(struct sim_accounts *a)
{
    if (a)
        explicit_bzero(a, sizeof *a);
    free(a);
}

const struct sim_account *sim_account_find(const struct sim_accounts *a, const char *user, const char *db)
{
    for (size_t i = 0; a && i < a->n; i++)
        if (strcmp(a->account[i].user, user) == 0 && strcmp(a->account[i].db, db) == 0)
            return &a->account[i];
    return NULL;
}

/* ---- what is granted ---- */

static unsigned granted(const struct sim_account *a)
{
    unsigned all = 0;
    for (size_t i = 0; i < SB_COUNT(roles); i++)
        if (a->roles & 1u << i)
            all |= roles[i].grants;
    return all;
}

/* Any one of `by` is enough; 0: being logged in is. A command that is not listed is root's. */
static const struct {
    const char *command;
    unsigned by;
} needs[] = {
    {"aggregate", READ}, {"analyzeShardKey", ADMIN | WATCH}, {"collMod", ADMIN}, {"collStats", WATCH | READ | ADMIN}, {"connPoolStats", WATCH}, {"convertToCapped", WRITE | ADMIN}, {"count", READ},
    {"create", INDEX}, {"createIndexes", INDEX}, {"currentOp", WATCH}, {"dataSize", READ}, {"dbHash", READ}, {"dbStats", WATCH | READ | ADMIN}, {"delete", WRITE},
    {"abortTransaction", 0}, {"commitTransaction", 0}, {"distinct", READ}, {"drop", INDEX}, {"dropDatabase", ADMIN}, {"dropIndexes", INDEX}, {"explain", READ}, {"features", 0},
    {"find", READ}, {"findAndModify", WRITE}, {"getCmdLineOpts", WATCH}, {"getDefaultRWConcern", WATCH}, {"getDiagnosticData", WATCH}, {"getLog", WATCH}, {"getMore", 0},
    {"getParameter", WATCH}, {"hostInfo", WATCH}, {"insert", WRITE}, {"killCursors", 0}, {"killSessions", 0}, {"listCollections", READ | ADMIN}, {"listDatabases", WATCH | READ},
    {"listIndexes", READ | ADMIN}, {"planCacheClear", ADMIN}, {"profile", ADMIN}, {"refreshSessions", 0}, {"renameCollection", WRITE}, {"replSetGetConfig", WATCH},
    {"replSetGetStatus", WATCH}, {"serverStatus", WATCH}, {"startSession", 0}, {"top", WATCH}, {"update", WRITE}, {"validate", ADMIN},
};

/* The first stage says whose statistics are asked for. */
static unsigned needs_of_aggregate(const struct sim_call *c)
{
    struct sim_val pipeline = sim_arg(c, "pipeline"), stage = pipeline.type == BSON_TYPE_ARRAY ? sim_find(pipeline.p, "0") : sim_missing;
    struct sim_elem e = {0};
    if (stage.type == BSON_TYPE_DOCUMENT) {
        struct sim_iter it = sim_iter_of(stage.p);
        if (!sim_next(&it, &e))
            return READ;
    }
    if (!e.key)
        return READ;
    if (strcmp(e.key, "$currentOp") == 0)
        return WATCH;
    if (strcmp(e.key, "$indexStats") == 0 || strcmp(e.key, "$collStats") == 0)
        return WATCH | ADMIN;
    return strcmp(e.key, "$planCacheStats") == 0 ? ADMIN : READ;
}

/* clusterMonitor reads the oplog, the configuration and what a profiler has written. */
static bool is_watched(const struct sim_call *c)
{
    struct sim_val coll = sim_arg(c, c->cmd->name);
    return strcmp(c->db, "local") == 0 || strcmp(c->db, "config") == 0 || sim_text_is(coll, "system.profile");
}

static unsigned needs_of(const struct sim_call *c)
{
    for (size_t i = 0; i < SB_COUNT(needs); i++) {
        if (strcmp(needs[i].command, c->cmd->name) != 0)
            continue;
        unsigned by = strcmp(c->cmd->name, "aggregate") == 0 ? needs_of_aggregate(c) : needs[i].by;
        if (by == READ && is_watched(c))
            by |= WATCH;
        if (by == ADMIN && strcmp(c->cmd->name, "profile") == 0 && sim_int(sim_arg(c, "profile"), 0) == -1)
            by |= WATCH;
        return by;
    }
    return ROOT;
}

static int refuse(struct sim_call *c)
{
    struct sb_str text;
    char ctx[32];
    sb_str_init(&text);
    sim_shell_doc(&text, c->body);
    sim_fail(&c->fail, SIM_UNAUTHORIZED, "not authorized on %s to execute command %.700s", c->db, sb_str_ok(&text) ? text.p : c->cmd->name);
    sb_str_release(&text);
    snprintf(ctx, sizeof ctx, "conn%d", c->conn->id);
    sim_say(c->m, "ACCESS", 20436, ctx, "Checking authorization failed", "error:s", c->fail.msg);
    return -1;
}

int sim_authorize(struct sim_call *c)
{
    const struct sim_login *login = c->conn->login;
    if (!c->s->accounts || c->conn->inside || (c->cmd->flags & SIM_BEFORE_AUTH))
        return 0;
    if (!login || !login->who)
        return sim_fail(&c->fail, SIM_UNAUTHORIZED, "command %s requires authentication", c->cmd->name);
    unsigned by = needs_of(c);
    return by && !(granted(login->who) & by) ? refuse(c) : 0;
}

/* ---- connectionStatus ---- */

static const struct {
    unsigned grant;
    const char *actions; /* blank separated */
} actions[] = {
    {WATCH, "serverStatus replSetGetStatus replSetGetConfig top getLog getParameter getCmdLineOpts hostInfo connPoolStats inprog listDatabases collStats dbStats indexStats"},
    {READ, "find listCollections listIndexes collStats dbStats dbHash killCursors changeStream"},
    {WRITE, "insert update remove convertToCapped renameCollectionSameDB"},
    {INDEX, "createIndex dropIndex createCollection dropCollection"},
    {ADMIN, "collMod enableProfiler indexStats planCacheRead planCacheWrite validate dropDatabase"},
    {ROOT, "replSetConfigure replSetStateChange killop setParameter"},
};

static void put_privileges(struct sim_w *w, unsigned all)
{
    sim_w_doc(w, NULL);
    sim_w_doc(w, "resource");
    sim_w_text(w, "db", "");
    sim_w_text(w, "collection", "");
    sim_w_end(w);
    sim_w_array(w, "actions");
    for (size_t i = 0; i < SB_COUNT(actions); i++) {
        if (!(all & actions[i].grant))
            continue;
        for (const char *p = actions[i].actions; *p;) {
            size_t n = strcspn(p, " ");
            sim_w_text_n(w, NULL, p, n);
            p += n + (p[n] == ' ');
        }
    }
    sim_w_end(w);
    sim_w_end(w);
}

void sim_put_login(struct sim_w *w, const struct sim_conn *conn, bool privileges)
{
    const struct sim_account *who = conn->login ? conn->login->who : NULL;
    sim_w_array(w, "authenticatedUsers");
    if (who) {
        sim_w_doc(w, NULL);
        sim_w_text(w, "user", who->user);
        sim_w_text(w, "db", who->db);
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_array(w, "authenticatedUserRoles");
    for (size_t i = 0; who && i < SB_COUNT(roles); i++) {
        if (!(who->roles & 1u << i))
            continue;
        sim_w_doc(w, NULL);
        sim_w_text(w, "role", roles[i].name);
        sim_w_text(w, "db", "admin");
        sim_w_end(w);
    }
    sim_w_end(w);
    if (!privileges)
        return;
    sim_w_array(w, "authenticatedUserPrivileges");
    if (who && granted(who))
        put_privileges(w, granted(who));
    sim_w_end(w);
}
