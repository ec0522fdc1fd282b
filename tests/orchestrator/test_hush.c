/* SPDX-License-Identifier: Apache-2.0
 *
 * What people say about anomalies, on a real orchestrator: what one takes the other sees; what is judged or under a blackout is
 * recorded and opens no case; what may not be silenced never is; all of it stands after a restart and can be taken back. The
 * anomalies come as from the detector, by its mail. */
#include "lab.h"

#include <stdlib.h>
#include <sys/stat.h>

static int64_t next_detected;

struct heard {
    struct sb_anomaly anomaly;   /* the newest news of an anomaly */
    struct sb_hushes hushes;
    bool have_anomaly, have_hushes;
};

static void hear(struct lab_seat *s, struct heard *h, int wait_ms)
{
    struct sb_mail mail;
    if (!sb_queue_wait(s->news, &mail, wait_ms))
        return;
    struct sb_message *m = mail.payload;
    if (m->type == SB_NEWS_ANOMALY) {
        sb_anomaly_release(&h->anomaly);
        assert_int_equal(sb_record_copy(&sb_anomaly_schema, &h->anomaly, m->body), 0);
        h->have_anomaly = true;
    } else if (m->type == SB_NEWS_HUSHES) {
        sb_record_release(&sb_hushes_schema, &h->hushes);
        assert_int_equal(sb_record_copy(&sb_hushes_schema, &h->hushes, m->body), 0);
        h->have_hushes = true;
    }
    sb_message_free(m);
}

static void forget(struct heard *h)
{
    sb_anomaly_release(&h->anomaly);
    sb_record_release(&sb_hushes_schema, &h->hushes);
    memset(h, 0, sizeof *h);
}

/* As the detector tells it; the id of the record is in h->anomaly. */
static void tell(struct lab *l, struct heard *h, const char *ns, const char *metric, int64_t value, int severity)
{
    struct found *mail = calloc(1, sizeof *mail);
    assert_non_null(mail);
    struct sb_anomaly *a = &mail->anomaly;
    char title[64];
    snprintf(title, sizeof title, "Reads take longer, %lld", (long long)++next_detected);
    a->id = sb_format("D-%lld", (long long)(900 + next_detected));
    a->from = a->detected_at = sb_wall_ms();
    a->severity = severity;
    a->class_ = SB_CLASS_CODE;
    struct sb_signal *g = SB_PUSH(a->signals);
    assert_true(g && a->id && sb_str_set(&a->title, title) == 0 && sb_str_set(&a->class_reason, "test") == 0 &&
                sb_strs_push(&a->namespaces, &a->namespaces_n, ns) == 0 && sb_str_set(&g->metric, metric) == 0 && sb_str_set(&g->subject, ns) == 0 &&
                sb_str_set(&g->unit, "us") == 0);
    g->value = value;
    g->score_ppm = 900000;
    forget(h);
    assert_true(sb_queue_post(l->o->mail, MAIL_ANOMALY, mail, sb_o_free_found));
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!sb_streq(h->anomaly.title, title) && sb_mono_ms() < until) /* news of others may come between */
        hear(&l->alice, h, 200);
    assert_string_equal(h->anomaly.title, title);
}

static int say(struct lab *l, const struct lab_seat *s, int type, const char *id, const char *text)
{
    struct sb_message *m = sb_message_new(type, 0);
    assert_non_null(m);
    struct sb_remark_on *r = m->body;
    assert_int_equal(sb_str_set(&r->id, id) || sb_str_set(&r->text, text), 0);
    return lab_ask(l, s, m);
}

static int judge(struct lab *l, const char *id, int mark)
{
    struct sb_message *m = sb_message_new(SB_ASK_FEEDBACK, 0);
    assert_non_null(m);
    struct sb_feedback *f = m->body;
    f->mark = mark;
    assert_int_equal(sb_str_set(&f->anomaly, id), 0);
    return lab_ask(l, &l->alice, m);
}

static int blackout(struct lab *l, const char *ns, const char *reason, int64_t ms)
{
    struct sb_message *m = sb_message_new(SB_ASK_BLACKOUT, 0);
    assert_non_null(m);
    struct sb_hush *h = m->body;
    h->until = sb_wall_ms() + ms;
    assert_int_equal(sb_str_set(&h->ns, ns) || sb_str_set(&h->reason, reason), 0);
    return lab_ask(l, &l->alice, m);
}

static void until_taken(struct lab *l, const char *id)
{
    struct heard h = {0};
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!(h.have_anomaly && sb_streq(h.anomaly.id, id) && h.anomaly.acked_by && h.anomaly.remarks_n)) {
        assert_true(sb_mono_ms() < until);
        hear(&l->bob, &h, 200);
    }
    assert_string_equal(h.anomaly.remarks[0].text, "the page is behind a flag");
    forget(&h);
}

static void what_is_said_counts(void **state)
{
    (void)state;
    struct lab l;
    struct heard h = {0};
    const struct lab_options options = {.scenario = NULL};
    lab_open(&l, &options);
    tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM);
    assert_null(h.anomaly.hushed);
    char *first = sb_format("%s", h.anomaly.id);

    /* mine, and the other console sees it; so it does with a note */
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_ACK, 0, first)), 0);
    assert_int_equal(say(&l, &l.alice, SB_ASK_REMARK, first, "the page is behind a flag"), 0);
    until_taken(&l, first);
    assert_int_not_equal(say(&l, &l.alice, SB_ASK_REMARK, first, "  "), 0);
    assert_int_not_equal(say(&l, &l.alice, SB_ASK_REMARK, "A-999999", "x"), 0);

    /* noise: the like is quiet, the other and the worse are not, and what means lost data never is */
    assert_int_equal(judge(&l, first, SB_HUSH_NOISE), 0);
    tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM);
    assert_non_null(h.anomaly.hushed);
    assert_non_null(strstr(h.anomaly.hushed, "noise"));
    tell(&l, &h, "shop.orders", "ns.read_latency_us", 90000, SB_HIGH);
    assert_null(h.anomaly.hushed);
    tell(&l, &h, "shop.carts", "ns.read_latency_us", 5000, SB_MEDIUM);
    assert_null(h.anomaly.hushed);
    assert_int_not_equal(judge(&l, first, SB_HUSH_BLACKOUT), 0);

    assert_int_not_equal(blackout(&l, "shop", " ", 60000), 0);
    assert_int_not_equal(blackout(&l, "shop", "for ever", SB_HUSH_MOST_MS + 60000), 0);
    assert_int_equal(blackout(&l, "crm", "nightly load", 3600000), 0);
    tell(&l, &h, "crm.users", "ns.write_latency_us", 5000, SB_HIGH);
    assert_non_null(h.anomaly.hushed);
    assert_non_null(strstr(h.anomaly.hushed, "nightly load"));
    tell(&l, &h, "crm.users", "member.rollback", 1, SB_LOW);
    assert_null(h.anomaly.hushed);
    tell(&l, &h, "crmx.users", "ns.write_latency_us", 5000, SB_LOW);
    assert_null(h.anomaly.hushed);

    /* a restart changes nothing of it */
    lab_stop(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_HUSH, NULL), 2);
    lab_start(&l, &options);
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    forget(&h);
    while (!h.have_hushes && sb_mono_ms() < until)
        hear(&l.alice, &h, 200);
    assert_int_equal(h.hushes.list_n, 2);
    assert_string_equal(h.hushes.list[0].anomaly, first);
    assert_string_equal(h.hushes.list[1].ns, "crm");
    char *dark = sb_format("%s", h.hushes.list[1].id);
    tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM);
    assert_non_null(h.anomaly.hushed);

    /* taken back: the next one speaks, and what was quiet and goes on speaks up by itself */
    assert_int_equal(say(&l, &l.alice, SB_ASK_LIFT, dark, NULL), 0);
    assert_int_not_equal(say(&l, &l.alice, SB_ASK_LIFT, dark, NULL), 0);
    assert_int_equal(say(&l, &l.alice, SB_ASK_LIFT, first, "it was none"), 0);
    until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (h.anomaly.hushed && sb_mono_ms() < until)
        hear(&l.alice, &h, 200);
    assert_null(h.anomaly.hushed);
    tell(&l, &h, "crm.users", "ns.write_latency_us", 5000, SB_HIGH);
    assert_null(h.anomaly.hushed);
    lab_stop(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_HUSH_END, NULL), 2);
    lab_end(&l);
    forget(&h);
    free(first);
    free(dark);
}

/* As the detector tells what lasts: a trend, or (no time left) backups that cannot be used. It has no fence of its own. */
static void tell_lasting(struct lab *l, const char *detector_id, int64_t left_ms, const char *title)
{
    struct found *mail = calloc(1, sizeof *mail);
    assert_non_null(mail);
    struct sb_anomaly *a = &mail->anomaly;
    struct sb_signal *g = SB_PUSH(a->signals);
    a->from = a->detected_at = sb_wall_ms();
    a->trend = left_ms > 0;
    a->limit_at = a->limit_from = a->limit_to = a->trend ? a->detected_at + left_ms : 0;
    a->severity = SB_LOW;
    assert_true(g && (a->id = sb_format("%s", detector_id)) && sb_str_set(&a->title, title) == 0 && sb_str_set(&a->class_reason, "test") == 0 &&
                sb_str_set(&g->metric, a->trend ? "disk.used" : "backup.failed") == 0 && sb_str_set(&g->subject, "") == 0 && sb_str_set(&g->unit, "%") == 0);
    assert_true(sb_queue_post(l->o->mail, MAIL_ANOMALY, mail, sb_o_free_found));
}

static int count_lasting(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    (void)err;
    const json_t *a = json_object_get(e->body, "anomaly");
    const char *metric = sb_json_str(json_array_get(json_object_get(a, "signals"), 0), "metric");
    *(int *)ctx += e->kind == SB_ENTRY_ANOMALY && (json_is_true(json_object_get(a, "trend")) || sb_streq(metric, "backup.failed"));
    return 0;
}

static int lasting_told(struct lab *l)
{
    int n = 0;
    lab_each_entry(l, count_lasting, &n);
    return n;
}

/* The detector learns a trend anew after a restart: it is the one that was told, unless it has come twice as near. */
static void a_trend_is_not_told_again_after_a_restart(void **state)
{
    (void)state;
    struct lab l;
    struct heard h = {0};
    const struct lab_options options = {.scenario = NULL};
    const int64_t day = INT64_C(86400000);
    lab_open(&l, &options);
    tell_lasting(&l, "D-801", 10 * day, "the fullest disk: 90 %");
    tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM); /* mail keeps its order: the trend was taken before this */
    lab_stop(&l);
    assert_int_equal(lasting_told(&l), 1);
    for (int near = 0; near < 2; near++) {
        lab_start(&l, &options);
        tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM); /* it is connected, and has recovered */
        tell_lasting(&l, "D-2", near ? 4 * day : 9 * day, "the fullest disk: 90 %");
        tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM);
        lab_stop(&l);
        assert_int_equal(lasting_told(&l), 1 + near);
    }
    lab_end(&l);
    forget(&h);
}

/* What lies in the backups' folder lies there after a restart too: said once, unless something else is wrong. */
static void a_failed_backup_is_not_told_again_after_a_restart(void **state)
{
    (void)state;
    struct lab l;
    struct heard h = {0};
    const struct lab_options options = {.scenario = NULL};
    lab_open(&l, &options);
    tell_lasting(&l, "D-801", 0, "no backup here can be used");
    tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM);
    lab_stop(&l);
    assert_int_equal(lasting_told(&l), 1);
    for (int other = 0; other < 2; other++) {
        lab_start(&l, &options);
        tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM);
        tell_lasting(&l, "D-2", 0, other ? "the newest backup cannot be used" : "no backup here can be used");
        tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM);
        lab_stop(&l);
        assert_int_equal(lasting_told(&l), 1 + other);
    }
    lab_end(&l);
    forget(&h);
}

struct words {
    int kind;
    const char *text;
    int n;
};

static int count_words(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct words *w = ctx;
    (void)err;
    w->n += e->kind == w->kind && memmem(bytes, n, w->text, strlen(w->text)) != NULL;
    return 0;
}

/* As one more judgement of an anomaly of its own; what is said of it is about this collection alone. */
static void judge_one(struct lab *l, struct heard *h, const char *ns, int mark)
{
    tell(l, h, ns, "ns.read_latency_us", 5000, SB_MEDIUM);
    assert_int_equal(judge(l, h->anomaly.id, mark), 0);
}

/* Whoever says that he is alice, with a signature that says so. */
static int verify_alice(void *ctx, const char *name_space, const void *bytes, size_t n, const char *signature, size_t signature_n, const char *who, char **principal, struct sb_err *err)
{
    (void)ctx;
    (void)bytes;
    (void)n;
    if (!sb_streq(name_space, "signalbox-policy") || !sb_streq(who, "alice") || signature_n != 5 || memcmp(signature, "alice", 5) != 0)
        return sb_fail(err, SB_ENO, "not a signature of alice");
    return sb_str_set(principal, who);
}

static int find_lowering(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    (void)err;
    if (e->kind == SB_ENTRY_AUTONOMY)
        *(int64_t *)ctx = e->seq;
    return 0;
}

static int restore(struct lab *l, const char *rule, int64_t entry, const char *by, const char *signature)
{
    struct sb_message *m = sb_message_new(SB_ASK_RESTORE, 0);
    struct sb_signed *said = m ? m->body : NULL;
    struct sb_str bytes;
    struct sb_err err = SB_ERR_INIT;
    assert_non_null(m);
    sb_str_init(&bytes);
    json_t *s = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:I}", "t", "restore", "kind", rule, "environment", "prod", "deployment", "lab", "policy", sb_policy_id(l->o->policy)->sha256, "entry",
                          (json_int_t)entry, "reason", "the limit was wrong", "by", by, "iat", (json_int_t)sb_wall_ms());
    assert_int_equal(sb_json_canonical(&bytes, s, &err), 0);
    assert_int_equal(sb_str_set(&said->statement, bytes.p) || sb_str_set(&said->signature, signature), 0);
    sb_str_release(&bytes);
    json_decref(s);
    return lab_ask(l, &l->alice, m);
}

/* Only that rule, only for the lowering that was signed for, only with the signature; and the old judgements count no more. */
static void a_rule_comes_back_alone(void **state)
{
    (void)state;
    struct lab l;
    struct heard h = {0};
    static const char rule[] = "alarm.ns.read_latency_us";
    const struct sb_policy_verifier verifier = {verify_alice, NULL};
    const struct lab_options options = {.verifier = &verifier};
    int64_t entry = 0;
    lab_open(&l, &options);
    for (int i = 0; i < 8; i++) {
        char ns[] = "shop.n0";
        ns[6] = (char)('0' + i);
        judge_one(&l, &h, ns, SB_HUSH_NOISE);
    }
    tell(&l, &h, "hr.people", "ns.read_latency_us", 90000, SB_HIGH);
    assert_non_null(h.anomaly.hushed);
    lab_stop(&l);
    lab_each_entry(&l, find_lowering, &entry);
    assert_true(entry > 0);
    lab_start(&l, &options);
    assert_int_not_equal(restore(&l, rule, entry, "alice", "bob"), 0);
    assert_int_not_equal(restore(&l, rule, entry, "bob", "alice"), 0);
    assert_int_not_equal(restore(&l, rule, entry - 1, "alice", "alice"), 0);
    assert_int_not_equal(restore(&l, "alarm.ns.write_latency_us", entry, "alice", "alice"), 0);
    tell(&l, &h, "hr.people", "ns.read_latency_us", 90000, SB_HIGH);
    assert_non_null(h.anomaly.hushed);
    assert_int_equal(restore(&l, rule, entry, "alice", "alice"), 0);
    assert_int_not_equal(restore(&l, rule, entry, "alice", "alice"), 0); /* it is used up */
    tell(&l, &h, "hr.people", "ns.read_latency_us", 90000, SB_HIGH);
    assert_null(h.anomaly.hushed);
    lab_stop(&l);
    lab_end(&l);
    forget(&h);
}

/* Its owner is told why, what it finds is recorded and opens no case, what may mean lost data speaks all the same, a restart
 * changes nothing, and another bundle brings it back. */
static void a_rule_of_noise_becomes_advice(void **state)
{
    (void)state;
    struct lab l;
    struct heard h = {0};
    const struct lab_options options = {.scenario = NULL};
    lab_open(&l, &options);
    judge_one(&l, &h, "shop.a", SB_HUSH_USEFUL);
    judge_one(&l, &h, "shop.b", SB_HUSH_KNOWN);
    judge_one(&l, &h, "shop.c", SB_HUSH_USEFUL);
    for (int i = 0; i < 4; i++) {
        char ns[] = "shop.n0";
        ns[6] = (char)('0' + i);
        judge_one(&l, &h, ns, SB_HUSH_NOISE);
    }
    judge(&l, h.anomaly.id, SB_HUSH_NOISE); /* said twice of one: still one */
    tell(&l, &h, "crm.users", "ns.read_latency_us", 5000, SB_MEDIUM);
    assert_null(h.anomaly.hushed);
    assert_int_equal(judge(&l, h.anomaly.id, SB_HUSH_NOISE), 0); /* 5 of 8 */

    tell(&l, &h, "hr.people", "ns.read_latency_us", 90000, SB_HIGH);
    assert_non_null(h.anomaly.hushed);
    assert_non_null(strstr(h.anomaly.hushed, "advice only"));
    tell(&l, &h, "shop.a", "ns.read_latency_us", 5000, SB_MEDIUM); /* one like it was useful */
    assert_null(h.anomaly.hushed);
    tell(&l, &h, "hr.people", "ns.write_latency_us", 5000, SB_MEDIUM); /* another rule */
    assert_null(h.anomaly.hushed);
    tell(&l, &h, "hr.people", "member.rollback", 1, SB_LOW);
    assert_null(h.anomaly.hushed);
    lab_stop(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_AUTONOMY, NULL), 1);
    struct words told = {SB_ENTRY_AUTONOMY, "5 of 8 that people judged were noise", 0}, incident = {SB_ENTRY_HANDOFF, "alarm.ns.read_latency_us of the anomaly_detector in prod is lowered from L1 to L0", 0};
    lab_each_entry(&l, count_words, &told);
    lab_each_entry(&l, count_words, &incident);
    assert_true(told.n == 1 && incident.n == 1);
    lab_start(&l, &options);
    tell(&l, &h, "hr.people", "ns.read_latency_us", 5000, SB_MEDIUM);
    assert_non_null(h.anomaly.hushed);
    lab_stop(&l);

    lab_replace(&l.policy, "\"version\": \"", "\"version\": \"9");
    lab_start(&l, &options);
    tell(&l, &h, "hr.people", "ns.read_latency_us", 5000, SB_MEDIUM);
    assert_null(h.anomaly.hushed);
    assert_int_equal(judge(&l, h.anomaly.id, SB_HUSH_NOISE), 0); /* and the count begins anew */
    lab_stop(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_AUTONOMY, NULL), 1);
    lab_end(&l);
    forget(&h);
}

/* As the detector tells one that began, or ended, some nights ago. */
static void tell_night(struct lab *l, const char *detector_id, int64_t from, int64_t to)
{
    struct found *mail = calloc(1, sizeof *mail);
    assert_non_null(mail);
    struct sb_anomaly *a = &mail->anomaly;
    struct sb_signal *g = SB_PUSH(a->signals);
    a->from = a->detected_at = from;
    a->to = to;
    a->severity = SB_MEDIUM;
    a->class_ = SB_CLASS_MAINTENANCE;
    assert_true(g && (a->id = sb_format("%s", detector_id)) && sb_str_set(&a->title, "Writes of shop.import come at 9 times the rate") == 0 &&
                sb_str_set(&a->class_reason, "a job") == 0 && sb_str_set(&g->metric, "ns.writes_per_s") == 0 && sb_str_set(&g->subject, "shop.import") == 0 &&
                sb_str_set(&g->unit, "1/s") == 0 && sb_strs_push(&a->namespaces, &a->namespaces_n, "shop.import") == 0);
    assert_true(sb_queue_post(l->o->mail, MAIL_ANOMALY, mail, sb_o_free_found));
}

/* Three nights on the record, also of before a restart: the fourth is quiet and says so. */
static void a_nightly_job_is_learned_from_the_record(void **state)
{
    (void)state;
    struct lab l;
    struct heard h = {0};
    const struct lab_options options = {.scenario = NULL};
    const int64_t day = INT64_C(86400000), now = INT64_C(1767603600000); /* about the simulator's time */
    lab_open(&l, &options);
    for (int night = 3; night >= 1; night--) {
        char id[16];
        snprintf(id, sizeof id, "D-70%d", night);
        tell_night(&l, id, now - night * day, now - night * day + 600000);
    }
    tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM);
    assert_null(h.anomaly.hushed);
    lab_stop(&l);
    lab_start(&l, &options);
    tell(&l, &h, "shop.orders", "ns.read_latency_us", 5000, SB_MEDIUM); /* it is connected, and has recovered */
    tell_night(&l, "D-9", now, now + 60000);
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!(h.have_anomaly && h.anomaly.from == now) && sb_mono_ms() < until)
        hear(&l.alice, &h, 200);
    assert_non_null(h.anomaly.hushed);
    assert_non_null(strstr(h.anomaly.hushed, "usual at this hour, on 3 of the last 7 days: A-000003, A-000002, A-000001"));
    lab_close(&l);
    forget(&h);
}

static void put_file(const char *dir, const char *name, const char *bytes, size_t n)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* What lies at the place of the backups is looked at without being asked for, and one that cannot be used is announced under a
 * blackout too. */
static void a_backup_that_cannot_be_used_is_announced(void **state)
{
    (void)state;
    char *root = sb_format("%s/dump\xff", sb_test_dir()), *db = sb_format("%s/shop", root); /* a name that is no UTF-8 */
    assert_int_equal(mkdir(root, 0700) || mkdir(db, 0700), 0);
    put_file(db, "orders.bson", "\5\0\0\0", 5);
    put_file(db, "orders.metadata.json", "{\"options\":", 11);
    char *paths[] = {root};
    struct lab l;
    struct heard h = {0};
    lab_open(&l, &(struct lab_options){.backups = paths, .backups_n = 1});
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!(h.have_anomaly && h.anomaly.signals_n && sb_streq(h.anomaly.signals[0].metric, "backup.failed")) && sb_mono_ms() < until)
        hear(&l.alice, &h, 200);
    assert_true(h.have_anomaly);
    assert_string_equal(h.anomaly.title, "no backup here can be used");
    assert_null(h.anomaly.hushed);
    assert_int_equal(h.anomaly.severity, SB_HIGH);
    assert_non_null(strstr(h.anomaly.class_reason, "orders"));
    assert_int_equal(judge(&l, h.anomaly.id, SB_HUSH_NOISE), 0);
    assert_non_null(sb_anomaly_must_speak(&h.anomaly, -1));
    lab_stop(&l);
    lab_end(&l);
    forget(&h);
    free(db);
    free(root);
}

static void scopes_and_limits(void **state)
{
    (void)state;
    struct sb_hush list[] = {{.id = sb_format("H-1"), .kind = SB_HUSH_NOISE, .like = NULL, .severity = SB_HIGH, .until = 1000},
                             {.id = sb_format("H-2"), .kind = SB_HUSH_BLACKOUT, .member = sb_format("db2:27017"), .until = 1000}};
    struct sb_hushes h = {list, 2};
    struct sb_anomaly a = {.class_ = SB_CLASS_INFRASTRUCTURE};
    struct sb_signal *g = SB_PUSH(a.signals);
    assert_true(g && sb_str_set(&g->metric, "member.lag_s") == 0 && sb_str_set(&g->subject, "db2:27017") == 0 && sb_strs_push(&a.members, &a.members_n, "db2:27017") == 0);
    g->value = 500;
    assert_ptr_equal(sb_hushed_by(&h, &a, 5, -1), &list[1]);
    assert_ptr_equal(sb_hushed_by(&h, &a, 5, 501), &list[1]);
    assert_null(sb_hushed_by(&h, &a, 5, 500));  /* further behind than the oplog reaches back */
    assert_int_equal(sb_str_set(&g->metric, "replication_lag_s"), 0); /* as the incident engine calls it */
    assert_null(sb_hushed_by(&h, &a, 5, 500));
    assert_ptr_equal(sb_hushed_by(&h, &a, 5, 501), &list[1]);
    assert_null(sb_hushed_by(&h, &a, 1000, -1)); /* over */
    assert_int_equal(sb_strs_push(&a.members, &a.members_n, "db3:27017"), 0);
    assert_null(sb_hushed_by(&h, &a, 5, -1)); /* of another member too */
    struct sb_str like;
    sb_str_init(&like);
    sb_anomaly_likeness(&a, &like);
    list[0].like = sb_str_take(&like);
    assert_ptr_equal(sb_hushed_by(&h, &a, 5, -1), &list[0]);
    a.class_ = SB_CLASS_UNKNOWN; /* as at the first moment */
    assert_ptr_equal(sb_hushed_by(&h, &a, 5, -1), &list[0]);
    list[1].kind = SB_HUSH_USEFUL;
    assert_int_equal(sb_str_set(&list[1].like, list[0].like), 0);
    assert_null(sb_hushed_by(&h, &a, 5, -1)); /* somebody found one like it useful */
    assert_int_equal(sb_str_set(&g->metric, "backup.failed"), 0);
    assert_non_null(sb_anomaly_must_speak(&a, -1));
    for (size_t i = 0; i < 2; i++)
        sb_record_release(&sb_hush_schema, &list[i]);
    sb_anomaly_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scopes_and_limits), cmocka_unit_test(what_is_said_counts), cmocka_unit_test(a_trend_is_not_told_again_after_a_restart),
                                       cmocka_unit_test(a_failed_backup_is_not_told_again_after_a_restart), cmocka_unit_test(a_nightly_job_is_learned_from_the_record),
                                       cmocka_unit_test(a_rule_of_noise_becomes_advice),
        cmocka_unit_test(a_rule_comes_back_alone),
                                       cmocka_unit_test(a_backup_that_cannot_be_used_is_announced)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
