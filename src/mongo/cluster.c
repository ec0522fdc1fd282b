/* SPDX-License-Identifier: Apache-2.0
 *
 * A sharded cluster, as a mongos tells of it. Names and addresses come from the config database: they are bounded here, and whoever
 * shows them passes them through the sanitizer as every other text of a server. */
#include "private.h"

#include <signalbox/base/record.h>

static void free_hosts(struct sb_shard *s)
{
    for (size_t i = 0; i < s->hosts_n; i++)
        free(s->hosts[i]);
    free(s->hosts);
}

void sb_shard_release(struct sb_shard *s)
{
    free_hosts(s);
    free(s->name);
    free(s->set);
    memset(s, 0, sizeof *s);
}

/* What may stand in a connection string as one host and its port. */
static bool is_host(const char *p, size_t n)
{
    const char *colon = memchr(p, ':', n);
    return n > 2 && n < 256 && colon && colon != p && strcspn(p, " /@?%,\"\\") >= n;
}

bool sb_shard_parse(const char *host, struct sb_shard *shard, int *rc)
{
    const char *slash = strchr(host, '/');
    *rc = 0;
    if (!slash || slash == host || slash - host > 128)
        return false;
    if (!(shard->set = sb_strdup_n(host, (size_t)(slash - host)))) {
        *rc = -1;
        return false;
    }
    for (const char *p = slash + 1; *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ",");
        char *one = shard->hosts_n < SB_SHARD_HOSTS_MOST && is_host(p, n) ? sb_strdup_n(p, n) : NULL;
        if (one && sb_strs_push(&shard->hosts, &shard->hosts_n, one))
            *rc = -1;
        free(one);
        if (!one || *rc)
            return false;
    }
    return shard->hosts_n > 0;
}

struct taking {
    struct sb_deployment_facts *f;
    bool failed;
};

static int take_shard(struct taking *t, const bson_t *doc)
{
    bson_iter_t name, host;
    struct sb_shard s = {0};
    int rc;
    if (t->f->shards_n == SB_SHARDS_MOST || !bson_iter_init_find(&name, doc, "_id") || !BSON_ITER_HOLDS_UTF8(&name) || strlen(bson_iter_utf8(&name, NULL)) > 128 ||
        !bson_iter_init_find(&host, doc, "host") || !BSON_ITER_HOLDS_UTF8(&host)) {
        sb_blind(t->f, t->f->shards_n == SB_SHARDS_MOST ? "some shards: there are more than are watched" : "a shard: listShards gave it no name or no address");
        return 0;
    }
    bool good = sb_shard_parse(bson_iter_utf8(&host, NULL), &s, &rc);
    if (rc == 0 && !good) {
        char text[256];
        snprintf(text, sizeof text, "the members of shard %.100s: its address is not written as set/host:port", bson_iter_utf8(&name, NULL));
        sb_blind(t->f, text);
        free_hosts(&s);
        s.hosts = NULL;
        s.hosts_n = 0;
    }
    struct sb_shard *slot = rc == 0 && sb_str_set(&s.name, bson_iter_utf8(&name, NULL)) == 0 ? sb_list_push((void **)&t->f->shards, &t->f->shards_n, sizeof *slot) : NULL;
    if (!slot) {
        sb_shard_release(&s);
        return -1;
    }
    *slot = s;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sb_shard *)a)->name, ((const struct sb_shard *)b)->name);
}

static int ask_shards(struct sb_conn *c, struct sb_deployment_facts *f, struct sb_err *err)
{
    struct taking t = {f, false};
    struct sb_err why = SB_ERR_INIT;
    bson_t reply, one;
    bson_iter_t it, list;
    if (sb_read_json(c, "admin", "{\"listShards\": 1}", &reply, &why)) {
        if (why.code == SB_ESERVER) {
            if (err)
                *err = why;
            return -1;
        }
        return sb_fail(err, SB_ESERVER, "listShards was refused (%s); the role clusterMonitor allows it", why.msg);
    }
    if (bson_iter_init_find(&it, &reply, "shards") && BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &list))
        while (!t.failed && bson_iter_next(&list)) {
            uint32_t len;
            const uint8_t *data;
            if (!BSON_ITER_HOLDS_DOCUMENT(&list))
                continue;
            bson_iter_document(&list, &len, &data);
            t.failed = bson_init_static(&one, data, len) && take_shard(&t, &one);
        }
    bson_destroy(&reply);
    if (t.failed)
        return sb_fail_nomem(err);
    if (f->shards_n)
        qsort(f->shards, f->shards_n, sizeof *f->shards, by_name);
    for (size_t i = 0; i < f->shards_n; i++)
        if (f->shards[i].hosts_n)
            return 0;
    return sb_fail(err, SB_ESERVER, f->shards_n ? "no shard's address is written as set/host:port" : "it has no shard");
}

struct version {
    char *id;
    size_t cap;
};

static bool take_version(void *ctx, const bson_t *doc)
{
    struct version *v = ctx;
    bson_iter_t it;
    if (bson_iter_init_find(&it, doc, "clusterId") && BSON_ITER_HOLDS_OID(&it) && v->cap > 24)
        bson_oid_to_string(bson_iter_oid(&it), v->id);
    return false;
}

int sb_cluster_ask(struct sb_conn *c, struct sb_deployment_facts *f, char *id, size_t cap, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct version v = {id, cap};
    id[0] = '\0';
    if (sb_read_cursor_json(c, "config", "{\"find\": \"version\", \"limit\": 1}", 1, take_version, &v, &why) < 0 && why.code == SB_ESERVER) {
        if (err) /* it wants a login, or has gone: by its address alone another cluster could pass for it */
            *err = why;
    } else if (ask_shards(c, f, err) == 0) {
        return 0;
    }
    sb_err_prefix(err, "a mongos whose cluster cannot be told");
    return -1;
}

void sb_cluster_release(struct sb_deployment_facts *f)
{
    for (size_t i = 0; i < f->shards_n; i++)
        sb_shard_release(&f->shards[i]);
    free(f->shards);
    f->shards = NULL;
    f->shards_n = 0;
}

const char *sb_shard_of(const struct sb_deployment_facts *f, const char *host_port)
{
    for (size_t i = 0; i < f->shards_n; i++)
        if (sb_strs_has(f->shards[i].hosts, f->shards[i].hosts_n, host_port))
            return f->shards[i].name;
    return NULL;
}
