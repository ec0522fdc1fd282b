/* SPDX-License-Identifier: Apache-2.0
 *
 * A console on a shared store, without a screen: it approves, takes leases, starts and carries out, through the same rooms as
 * the program, and writes down what it asked and what it was told. What it carries out is one write into the watched
 * deployment that nothing keeps from happening twice: the collection "effects" there counts.
 *
 *   store_client NAME HISTORY STORE LEASE_MS SEED OPERATIONS DEPLOYMENT...   the last ones, and STORE, are connection strings
 *   store_client NAME HISTORY STORE LEASE_MS SEED settle DEPLOYMENT...       approves nothing more; ends when nothing is left
 *   store_client NAME HISTORY STORE LEASE_MS SEED dead:WHOM DEPLOYMENT...    a person's word that WHOM is dead, for what it has left open
 *
 * A line of HISTORY before something is asked, and one behind its answer: whoever is killed in between leaves the first alone.
 * Exit 0 also after SIGTERM; 1 when nothing is answered for a minute and something is left over; 2 for a mistake.
 */
#include <signalbox/base/clock.h>
#include <signalbox/base/rng.h>
#include <signalbox/base/str.h>
#include <signalbox/model/plan.h>
#include <signalbox/mongo/fence_door.h>
#include <signalbox/shared/lease.h>
#include <signalbox/shared/store.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEPLOYMENTS_MOST 16
#define DOUBTS_MOST 64
#define SURE_NS 5000000000    /* what was on its way when its connection broke has arrived by then, or never does */
#define SETTLE_NS 60000000000

struct place {
    struct sb_server *server;
    struct sb_store_door *effects; /* a door to the watched deployment itself: the test's own way of doing something */
    struct sb_store *inbox;        /* takes the approvals of this deployment */
    char id[128], log[33];         /* log: as if a ledger had this name, whoever owns it */
    int64_t epoch, good_until;     /* 0: not ours */
    bool raised;
    char doubt[96];                /* a nonce of which it is not known whether it was carried out; "" none */
    int64_t doubt_at;
};

static struct place places[DEPLOYMENTS_MOST];
static int places_n;
static struct sb_store_door *door;
static struct sb_store *mine;
static struct sb_lease_self self;
static int64_t lease_ms, asked, answered_at;
static int history;
static const char *name;
static struct sb_rng rng;
static volatile sig_atomic_t ended;

static void end(int signal_number)
{
    (void)signal_number;
    ended = 1;
}

static SB_NORETURN void die(const char *what, const struct sb_err *err)
{
    fprintf(stderr, "store_client %s: %s: %s\n", name, what, err->msg);
    exit(2);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void rest(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

/* ---- what is written down ---- */

static void put(json_t *line)
{
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    size_t n = text ? strlen(text) : 0;
    if (text)
        text[n] = '\n'; /* in place of the end: one write, so that a line is whole or not there */
    if (!text || write(history, text, n + 1) != (ssize_t)(n + 1)) {
        fprintf(stderr, "store_client %s: the history cannot be written\n", name);
        exit(2);
    }
    free(text);
    json_decref(line);
}

static int64_t ask(const char *op, const char *key, const char *what, int64_t epoch)
{
    asked++;
    put(json_pack("{s:s,s:s,s:I,s:s,s:s,s:I,s:I}", "c", name, "op", op, "i", (json_int_t)asked, "key", key, "do", what, "epoch", (json_int_t)epoch, "t0", (json_int_t)now_ns()));
    return asked;
}

static void told(int64_t i, const char *result, int64_t epoch, bool ran)
{
    put(json_pack("{s:s,s:I,s:s,s:I,s:b,s:I}", "c", name, "i", (json_int_t)i, "res", result, "epoch", (json_int_t)epoch, "ran", ran, "t1", (json_int_t)now_ns()));
}

/* ---- leases ---- */

static void lost(struct place *p)
{
    p->epoch = 0;
    p->raised = false;
}

/* True: ours. asked_at: before the store was asked, from which on the lease counts. */
static bool leased(struct place *p, int64_t i, enum sb_leased got, const struct sb_lease *l, int64_t asked_at)
{
    if (got == SB_LEASE_MINE) {
        if (l->epoch != p->epoch)
            p->raised = false;
        p->epoch = l->epoch;
        p->good_until = asked_at + lease_ms * 1000000;
    } else if (got == SB_LEASE_NOT) {
        lost(p);
    }
    told(i, got == SB_LEASE_MINE ? "ok" : got == SB_LEASE_NOT ? "no" : "unknown", got == SB_LEASE_MINE ? l->epoch : 0, false);
    return got == SB_LEASE_MINE;
}

static bool take(struct place *p)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease l, before;
    int64_t at = now_ns(), i = ask("lease", p->id, "take", 0);
    bool have = leased(p, i, sb_lease_take(door, p->id, "shop", &self, lease_ms, NULL, &l, &err), &l, at);
    if (have || !l.deployment[0] || !l.forced.at || !sb_streq(l.forced.owner, l.owner) || l.forced.epoch != l.epoch || !l.open.card[0])
        return have;
    before = l;
    at = now_ns();
    i = ask("lease", p->id, "take", 0);
    return leased(p, i, sb_lease_take(door, p->id, "shop", &self, lease_ms, before.forced.statement, &l, &err), &l, at);
}

static bool keep(struct place *p)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease l;
    int64_t at = now_ns(), i = ask("lease", p->id, "keep", p->epoch);
    return leased(p, i, sb_lease_renew(door, p->id, &self, p->epoch, lease_ms, &l, &err), &l, at);
}

static void leave(struct place *p)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease l;
    int64_t i = ask("lease", p->id, "leave", p->epoch);
    enum sb_leased got = sb_lease_release(door, p->id, &self, p->epoch, &l, &err);
    told(i, got == SB_LEASE_MINE ? "ok" : got == SB_LEASE_NOT ? "no" : "unknown", p->epoch, false);
    if (got != SB_LEASE_ERROR)
        lost(p); /* also where a step is open: it is taken again, with its epoch */
}

/* Before and behind what is carried out; both keep the lease as well. */
static bool step(struct place *p, const char *nonce, bool open)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease l;
    struct sb_lease_step s = {.step = 1, .class_ = SB_STEP_IRREVERSIBLE};
    snprintf(s.card, sizeof s.card, "%s", open ? nonce : "");
    int64_t at = now_ns(), i = ask("lease", p->id, "keep", p->epoch);
    return leased(p, i, open ? sb_lease_open_step(door, p->id, &self, p->epoch, lease_ms, &s, &l, &err) : sb_lease_close_step(door, p->id, &self, p->epoch, lease_ms, &s, &l, &err), &l, at);
}

/* ---- what is carried out ---- */

static bool found;

static bool see(void *ctx, const bson_t *doc)
{
    (void)ctx;
    (void)doc;
    found = true;
    return false;
}

/* 1: the deployment has seen it, 0: not, -1: no answer. */
static int happened(struct place *p, const char *nonce)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t filter = BSON_INITIALIZER;
    BSON_APPEND_UTF8(&filter, "nonce", nonce);
    found = false;
    int64_t n = sb_store_door_find(p->effects, "effects", &filter, NULL, 1, see, NULL, &err);
    bson_destroy(&filter);
    return n < 0 ? -1 : found;
}

static bool answer(struct place *p, const char *nonce, bool ran)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t i = ask("answer", nonce, "", p->epoch);
    int rc = sb_store_answer(p->inbox, nonce, ran, 1, ran ? "" : "it was not carried out", &err);
    told(i, rc ? "unknown" : "ok", p->epoch, ran);
    if (rc == 0)
        answered_at = now_ns();
    return rc == 0;
}

static enum sb_store_wrote carry_out(struct place *p, const char *nonce)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t doc = BSON_INITIALIZER;
    bson_oid_t id;
    size_t n;
    bson_oid_init(&id, NULL);
    BSON_APPEND_OID(&doc, "_id", &id); /* another one each time: nothing refuses a second */
    BSON_APPEND_UTF8(&doc, "nonce", nonce);
    BSON_APPEND_UTF8(&doc, "c", name);
    BSON_APPEND_INT64(&doc, "epoch", p->epoch);
    BSON_APPEND_INT64(&doc, "t0", now_ns());
    enum sb_store_wrote w = sb_store_door_insert(p->effects, "effects", (const bson_t *const[]){&doc}, 1, &n, &err);
    bson_destroy(&doc);
    return w;
}

/* What became of it is found out, and said. */
static void resolve(struct place *p)
{
    char nonce[96];
    snprintf(nonce, sizeof nonce, "%s", p->doubt);
    int seen = happened(p, nonce);
    if (seen < 0 || (seen == 0 && now_ns() - p->doubt_at < SURE_NS)) {
        if (now_ns() - p->good_until > -lease_ms * 500000)
            keep(p);
        return;
    }
    if (answer(p, nonce, seen == 1)) {
        p->doubt[0] = 0;
        step(p, nonce, false);
    }
}

/* Between what matters there is time for troubles. */
static void linger(void)
{
    rest((int)sb_rng_below(&rng, 60));
}

/* One approval that was made for this deployment, which is ours. */
static void handle(struct place *p, const struct sb_store_approval *a)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_fence_seen seen;
    if (!step(p, a->nonce, true))
        return;
    enum sb_fence fence = p->raised ? SB_FENCE_MINE : sb_fence_raise(p->server, NULL, p->id, p->epoch, name, &seen, &err);
    p->raised = fence == SB_FENCE_MINE;
    if (p->raised)
        fence = sb_fence_confirm(p->server, NULL, p->id, p->epoch, name, &seen, &err);
    if (fence != SB_FENCE_MINE) {
        step(p, a->nonce, false);
        if (fence == SB_FENCE_OTHERS)
            lost(p);
        return;
    }
    int64_t i = ask("start", a->nonce, "", p->epoch);
    enum sb_store_started started = sb_store_start(mine, a->nonce, a->card, 1, p->epoch, &err);
    told(i, started == SB_STORE_STARTED ? "ok" : started == SB_STORE_ALREADY ? "no" : started == SB_STORE_OURS ? "ours" : "unknown", p->epoch, false);
    if (started == SB_STORE_START_ERROR) { /* nothing was sent: it is asked again */
        step(p, a->nonce, false);
        return;
    }
    linger();
    enum sb_store_wrote w = started != SB_STORE_STARTED || now_ns() > p->good_until ? SB_STORE_LOST : carry_out(p, a->nonce);
    linger();
    if (w == SB_STORE_LOST) {
        snprintf(p->doubt, sizeof p->doubt, "%s", a->nonce);
        p->doubt_at = now_ns();
    } else if (answer(p, a->nonce, w == SB_STORE_WROTE)) {
        step(p, a->nonce, false);
    } else {
        snprintf(p->doubt, sizeof p->doubt, "%s", a->nonce);
        p->doubt_at = now_ns() - SURE_NS;
    }
}

/* How many wait; the first is dealt with. -1: not known. */
static int64_t serve(struct place *p)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_store_approval *list = NULL;
    size_t n = 0;
    if (p->doubt[0]) {
        resolve(p);
        return 1;
    }
    int rc = sb_store_approvals_wanted(p->inbox, 8, &list, &n, &err);
    if (rc == 0 && n)
        handle(p, &list[0]);
    for (size_t i = 0; i < n; i++)
        sb_store_approval_release(&list[i]);
    free(list);
    return rc ? -1 : (int64_t)n;
}

static void approve(struct place *p)
{
    struct sb_err err = SB_ERR_INIT;
    char nonce[96], sha[65];
    snprintf(nonce, sizeof nonce, "%s-%" PRId64 "-%" PRId64, name, (int64_t)getpid(), asked);
    memset(sha, 'a', 64);
    sha[64] = 0;
    char statement[] = "{}", signature[] = "none", what[] = "approve", card[] = "C-000001", by[] = "operator";
    struct sb_store_approval a = {.nonce = nonce, .log = p->log, .card = card, .sha256 = sha, .revision = 1, .what = what, .statement = statement, .signature = signature, .by = by};
    int64_t i = ask("approve", nonce, p->id, 0);
    told(i, sb_store_approve(mine, &a, &err) ? "unknown" : "ok", 0, false);
}

/* ---- the whole ---- */

static void open_place(const char *uri, const char *store)
{
    struct sb_err err = SB_ERR_INIT;
    struct place *p = &places[places_n++];
    struct sb_store_door_facts facts;
    if (!(p->server = sb_server_new(uri, false, &err)) || !(p->effects = sb_store_door_open(uri, "watched", &err)))
        die(uri, &err);
    for (int64_t from = now_ns(); sb_store_door_ask(p->effects, &facts, &err); rest(100))
        if (ended || now_ns() - from > SETTLE_NS)
            die("the deployment does not answer", &err);
    snprintf(p->id, sizeof p->id, "%s", facts.id);
    const char *incarnation = strrchr(p->id, '/');
    snprintf(p->log, sizeof p->log, "%s", incarnation ? incarnation + 1 : p->id);
    if (!(p->inbox = sb_store_open(&(struct sb_store_options){.uri = store, .log = p->log}, &err)))
        die("the store", &err);
}

/* The store is found out about once; away again later, each call says so for itself. */
static bool ready(struct sb_store *s)
{
    const char *why;
    return sb_store_find_fault(s, NULL) == SB_STORE_WELL || sb_store_check(s, NULL, &why) == SB_STORE_WELL;
}

static void run(int64_t operations, bool settle)
{
    int64_t idle_since = now_ns();
    answered_at = idle_since;
    int quiet = 0;
    while (!ended && (settle || asked < operations)) {
        struct place *p = &places[sb_rng_below(&rng, (uint64_t)places_n)];
        if (settle && now_ns() - answered_at > SETTLE_NS) {
            fprintf(stderr, "store_client %s: something is left over, and nothing was answered for a minute\n", name);
            exit(1);
        }
        if (!ready(mine) || !ready(p->inbox)) {
            rest(50);
            continue;
        }
        if (!settle && sb_rng_below(&rng, 6) == 0) {
            approve(p);
            continue;
        }
        if (p->epoch && now_ns() > p->good_until - lease_ms * 500000 && !keep(p))
            continue;
        if (!p->epoch && !take(p)) {
            rest(50);
            continue;
        }
        if (!settle && !p->doubt[0] && sb_rng_below(&rng, 30) == 0) {
            leave(p);
            rest(20);
            continue;
        }
        int64_t n = serve(p);
        if (n)
            idle_since = now_ns();
        quiet = n == 0 && now_ns() - idle_since > 500000000 ? quiet + 1 : 0;
        if (settle && quiet > 8 * places_n) {
            bool all = true;
            for (int i = 0; i < places_n; i++)
                all &= places[i].epoch != 0 && !places[i].doubt[0];
            if (all)
                break;
        }
        if (n <= 0)
            rest(10);
    }
    for (int i = 0; i < places_n; i++)
        if (places[i].epoch && !places[i].doubt[0])
            leave(&places[i]);
}

/* Waits until what WHOM has left open is over, and gives the word. */
static void bury(const char *whom)
{
    struct sb_err err = SB_ERR_INIT;
    for (int i = 0; i < places_n; i++)
        for (int64_t from = now_ns();; rest(100)) {
            struct sb_lease l, out;
            int there = sb_lease_read(door, places[i].id, &l, &err);
            if (there == 0 || (there > 0 && (!sb_streq(l.owner, whom) || !l.open.card[0] || l.forced.epoch == l.epoch)))
                break;
            struct sb_str s;
            sb_str_init(&s);
            enum sb_leased got = there < 0 || sb_lease_statement(&l, "tester", "it was killed with -9", &s, &err)
                                     ? SB_LEASE_ERROR
                                     : sb_lease_force(door, &l, &(struct sb_lease_word){.by = "tester", .reason = "it was killed with -9", .statement = s.p}, &out, &err);
            sb_str_release(&s);
            if (got == SB_LEASE_MINE)
                break;
            if (now_ns() - from > SETTLE_NS)
                die("the word is not taken", &err);
        }
}

int main(int argc, char **argv)
{
    if (argc < 8 || argc - 7 > DEPLOYMENTS_MOST) {
        fprintf(stderr, "usage: store_client NAME HISTORY STORE LEASE_MS SEED OPERATIONS|settle|dead:WHOM DEPLOYMENT...\n");
        return 2;
    }
    struct sb_err err = SB_ERR_INIT;
    name = argv[1];
    lease_ms = atoll(argv[4]);
    sb_rng_seed(&rng, (uint64_t)atoll(argv[5]));
    history = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    signal(SIGTERM, end);
    signal(SIGPIPE, SIG_IGN);
    self = (struct sb_lease_self){.owner = name, .host = "here", .boot = "b", .program = "0", .pid = getpid()};
    sb_mongo_init();
    if (history < 0 || !(door = sb_store_door_open(argv[3], SB_STORE_DATABASE, &err)) || !(mine = sb_store_open(&(struct sb_store_options){.uri = argv[3], .log = name}, &err)))
        die("cannot begin", &err);
    for (int i = 7; i < argc; i++)
        open_place(argv[i], argv[3]);
    if (strncmp(argv[6], "dead:", 5) == 0)
        bury(argv[6] + 5);
    else
        run(atoll(argv[6]), sb_streq(argv[6], "settle"));
    for (int i = 0; i < places_n; i++) {
        sb_store_close(places[i].inbox);
        sb_store_door_close(places[i].effects);
        sb_server_free(places[i].server);
    }
    sb_store_close(mine);
    sb_store_door_close(door);
    sb_mongo_cleanup();
    close(history);
    return 0;
}
