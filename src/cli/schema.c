/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - `signalbox schema`: documents of a file or a collection in, what they look like out. */
#include "schema.h"

#include <signalbox/agents/schema_crowd.h>
#include <signalbox/agents/schema_index.h>
#include <signalbox/base/json.h>
#include <signalbox/base/rng.h>
#include <signalbox/cli/bar.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/target.h>
#include <signalbox/formats/docfile.h>
#include <signalbox/mongo/server.h>

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define LIVE_SAMPLE 1000 /* when nothing else is said */
#define MAX_SAMPLE 1000000
#define MAX_SAMPLE_BYTES ((size_t)256 << 20) /* of a file's documents, held until it ends */
#define MAX_AGAINST ((size_t)256 << 20)

struct options {
    bool json, quiet, validator;
    const char *deployment, *uri_file, *against;
    int64_t sample; /* -1: not said; 0: all */
};

/* ---- a file ---- */

/* Documents drawn by lot while they pass by: each is as likely to be among those kept at the end (Vitter's algorithm R). */
struct lot {
    struct sb_span *kept;
    size_t n, want, bytes;
    uint64_t seen;
    struct sb_rng rng;
};

static int draw(struct lot *l, struct sb_span document, struct sb_err *err)
{
    uint64_t at = l->n < l->want ? l->n : sb_rng_below(&l->rng, l->seen + 1);
    l->seen++;
    if (at >= l->want)
        return 0;
    char *copy = sb_strdup_n(document.p, document.n);
    if (!copy)
        return sb_fail_nomem(err);
    if (at < l->n) {
        l->bytes -= l->kept[at].n;
        free((char *)l->kept[at].p);
    } else {
        l->n++;
    }
    l->kept[at] = (struct sb_span){copy, document.n};
    l->bytes += document.n;
    return l->bytes <= MAX_SAMPLE_BYTES ? 0 : sb_fail(err, SB_EUSAGE, "a sample of %zu such documents takes more than 256 MiB; ask for fewer, or for all (--sample 0)", l->want);
}

static int infer_lot(struct lot *l, struct sb_infer *in, struct sb_err *err)
{
    for (size_t i = 0; i < l->n; i++)
        if (sb_infer_document(in, (const uint8_t *)l->kept[i].p, l->kept[i].n, err))
            return -1;
    return 0;
}

static void release_lot(struct lot *l)
{
    for (size_t i = 0; i < l->n; i++)
        free((char *)l->kept[i].p);
    free(l->kept);
}

/* How long a name is without the endings of a file of documents. */
static size_t without_endings(const char *name)
{
    static const char *const endings[] = {".gz", ".zst", ".bson", ".json", ".jsonl", ".ndjson"};
    size_t n = strlen(name);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < SB_COUNT(endings); i++) {
            size_t ending = strlen(endings[i]);
            if (n > ending && memcmp(name + n - ending, endings[i], ending) == 0) {
                n -= ending;
                break;
            }
        }
    return n;
}

/* "shop.orders" of .../shop/orders.bson.gz, as mongodump lays it out. */
static char *ns_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *folder = slash;
    size_t n = without_endings(name);
    while (folder && folder > path && folder[-1] != '/')
        folder--;
    if (!slash || folder == slash || *folder == '.')
        return sb_format("%.*s", (int)n, name);
    return sb_format("%.*s.%.*s", (int)(slash - folder), folder, (int)n, name);
}

/* A word that no file has, with a dot in it, is the name of a collection. */
static bool is_collection(const char *word)
{
    return access(word, F_OK) != 0 && !strchr(word, '/') && strchr(word, '.') && without_endings(word) == strlen(word);
}

/* Takes all the documents there are. What ends the reading early is in `why`; -1: nothing can be told. */
static int take_documents(struct sb_docfile *file, const struct options *o, struct sb_schema_report *r, struct sb_err *why, struct sb_err *err)
{
    struct lot lot = {.want = o->sample > 0 ? (size_t)o->sample : 0};
    struct sb_bar progress;
    sb_bar_init(&progress, o->quiet);
    struct sb_span document;
    int rc = 0, more = 1;
    sb_rng_seed(&lot.rng, 1);
    if (lot.want && (lot.kept = calloc(lot.want, sizeof *lot.kept)) == NULL)
        return sb_fail_nomem(err);
    while (rc == 0 && (more = sb_docfile_next(file, &document, why)) == 1) {
        rc = lot.want ? draw(&lot, document, err) : sb_infer_document(r->in, (const uint8_t *)document.p, document.n, err);
        if (progress.wanted && sb_docfile_documents(file) % 64 == 0)
            sb_bar_show(&progress, sb_docfile_permille(file), 1000, NULL);
    }
    sb_bar_clear(&progress);
    if (rc == 0 && lot.want)
        rc = infer_lot(&lot, r->in, err);
    r->documents = (int64_t)sb_docfile_documents(file);
    r->damaged = (int64_t)sb_docfile_damaged(file);
    r->sampled = (int64_t)sb_infer_root(r->in)->count;
    r->complete = r->sampled == r->documents;
    r->cut = more < 0;
    release_lot(&lot);
    return rc;
}

static int read_file(const char *path, const struct options *o, struct sb_schema_report *r, int *status, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_docfile *file = sb_docfile_open(path, err);
    if (!file)
        return -1;
    r->file = path;
    r->kind = sb_docfile_kind_name(sb_docfile_kind(file));
    r->ns = ns_of(path);
    int rc = r->ns ? take_documents(file, o, r, &why, err) : sb_fail_nomem(err);
    if (rc == 0 && r->damaged && !o->quiet)
        sb_usage_error("%s; %" PRId64 " damaged document%s left out", sb_docfile_first_damage(file), r->damaged, r->damaged == 1 ? " was" : "s were");
    if (rc == 0 && why.code) {
        sb_err_prefix(&why, "only a part was read");
        *status = sb_complain(&why);
    }
    sb_docfile_close(file);
    return rc;
}

/* ---- a collection ---- */

static void live_bar(void *ctx, int64_t done, int64_t of)
{
    sb_bar_show(ctx, done, of, NULL);
}

static int read_collection(const char *ns, const struct options *o, struct sb_schema_report *r, struct sb_err *err)
{
    struct sb_config config = {0};
    struct sb_target target;
    sb_target_init(&target);
    struct sb_bar progress;
    sb_bar_init(&progress, o->quiet);
    int64_t want = o->sample < 0 ? LIVE_SAMPLE : o->sample;
    r->live = true;
    r->ns = sb_format("%s", ns);
    int rc = !r->ns ? sb_fail_nomem(err) : sb_config_use(&config, NULL, err) || sb_target_find(&target, &config, o->deployment, o->uri_file, err) ? -1 : 0;
    if (rc && !o->deployment && !o->uri_file)
        sb_err_prefix(err, "there is no file %s here; as a collection", ns);
    if (rc == 0) {
        sb_mongo_init();
        r->server = sb_server_new(target.uri.p, true, err);
        rc = r->server ? sb_schema_read(r->server, ns, want, r->in, &r->cover, live_bar, &progress, NULL, err) : -1;
        if (!r->server)
            sb_err_prefix(err, "%s", target.uri_from);
    }
    sb_bar_clear(&progress);
    r->documents = r->cover.documents;
    r->sampled = (int64_t)sb_infer_root(r->in)->count;
    r->complete = r->cover.how == SB_COVERAGE_ALL;
    if (r->complete)
        r->documents = r->sampled; /* the count was taken before; what was walked is what there is */
    sb_target_release(&target);
    sb_config_release(&config);
    return rc;
}

/* ---- indexes ---- */

/* Of .../orders.bson.gz the metadata that mongodump wrote beside it, packed or not; else nothing. */
static int review_dump(struct sb_schema_report *r, struct sb_err *err)
{
    size_t n = strlen(r->file);
    n -= n > 3 && strcmp(r->file + n - 3, ".gz") == 0 ? 3 : 0;
    if (n <= 5 || memcmp(r->file + n - 5, ".bson", 5) != 0)
        return 0;
    int rc = 0;
    for (int packed = 0; rc == 0 && packed < 2; packed++) {
        char *path = sb_format("%.*s.metadata.json%s", (int)(n - 5), r->file, packed ? ".gz" : "");
        struct sb_docfile *file = path && access(path, R_OK) == 0 ? sb_docfile_open(path, NULL) : NULL;
        struct sb_span doc;
        bson_t metadata;
        if (!path)
            rc = sb_fail_nomem(err);
        else if (file && sb_docfile_next(file, &doc, NULL) == 1 && bson_init_static(&metadata, (const uint8_t *)doc.p, doc.n))
            rc = sb_schema_find_dumped_indexes(&metadata, r->in, r->complete, &r->findings, err);
        sb_docfile_close(file);
        free(path);
    }
    return rc;
}

static int review_indexes(struct sb_schema_report *r, struct sb_err *err)
{
    if (!r->live)
        return review_dump(r, err);
    return sb_schema_find_live_indexes(r->server, r->ns, r->in, r->complete, &r->findings, NULL, err) || sb_schema_find_live_crowd(r->server, &r->findings, NULL, err) ? -1 : 0;
}

/* ---- telling ---- */

static int tell(struct sb_schema_report *r, const struct options *o, const json_t *before, int *status, struct sb_err *err)
{
    sb_infer_finish(r->in);
    if (sb_schema_find(r->in, &r->findings, err) || review_indexes(r, err) || (o->validator && sb_schema_validate(r, err)))
        return -1;
    json_t *now = o->json || before ? sb_schema_json(r) : NULL;
    if ((o->json || before) && !now)
        return sb_fail_nomem(err);
    if (before && (r->drift = sb_schema_drift(before, now, o->against, err)) == NULL) {
        json_decref(now);
        return -1;
    }
    if (before && sb_schema_drifted(r->drift) && *status == 0)
        *status = 1;
    if (before && o->json && json_object_set(now, "drift", r->drift)) {
        json_decref(now);
        return sb_fail_nomem(err);
    }
    if (o->json)
        return sb_print_json(now) ? sb_fail(err, SB_EIO, "the schema could not be written to standard output") : 0;
    json_decref(now);
    return sb_schema_text(r, err);
}

/* One file or collection, from the beginning to what is printed. */
static int one(const char *what, bool live, const struct options *o, const json_t *before, bool first)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_schema_report r = {.documents = -1};
    int status = 0;
    r.in = sb_infer_new(&err);
    int rc = !r.in ? -1 : live ? read_collection(what, o, &r, &err) : read_file(what, o, &r, &status, &err);
    if (rc == 0 && !first && !o->json)
        rc = sb_print("\n") ? sb_fail(&err, SB_EIO, "the schema could not be written to standard output") : 0;
    if (rc == 0)
        rc = tell(&r, o, before, &status, &err);
    if (rc)
        status = sb_complain(&err);
    json_decref(r.drift);
    sb_schema_validator_release(&r);
    sb_server_free(r.server);
    if (r.server)
        sb_mongo_cleanup();
    sb_schema_findings_release(&r.findings);
    sb_infer_free(r.in);
    free(r.ns);
    return status;
}

int sb_cmd_schema(int argc, char **argv)
{
    struct options o = {.sample = -1};
    const char *sample = NULL;
    const struct sb_option known[] = {
        {"--json", &o.json, NULL},          {"--quiet", &o.quiet, NULL},        {"--deployment", NULL, &o.deployment},
        {"--uri-file", NULL, &o.uri_file}, {"--sample", NULL, &sample}, {"--against", NULL, &o.against},
        {"--validator", &o.validator, NULL},
    };
    int n = sb_options_read(argc, argv, known, SB_COUNT(known)), status = 0;
    if (n < 0 || sb_option_number("schema", "--sample", sample, 0, MAX_SAMPLE, &o.sample))
        return 2;
    if (n == 0)
        return sb_usage_error("schema wants a collection or files: signalbox schema [--json] [--sample N] [--against FILE] [--validator] (NS --deployment N | FILE...)");
    bool live = o.deployment || o.uri_file || (n == 1 && is_collection(argv[1]));
    if (live && n > 1)
        return sb_usage_error("schema: one collection at a time, not %d", n);
    if (o.against && n > 1)
        return sb_usage_error("schema: --against compares one schema with one, not with %d", n);
    struct sb_err err = SB_ERR_INIT;
    json_t *before = o.against ? sb_json_load(o.against, MAX_AGAINST, SB_JSON_ALLOW_REAL, &err) : NULL;
    if (o.against && !before) {
        err.code = err.code == SB_ENOMEM ? SB_ENOMEM : SB_EINPUT;
        return sb_complain(&err);
    }
    for (int i = 1; i <= n; i++) {
        int s = one(argv[i], live, &o, before, i == 1);
        status = s > status ? s : status;
    }
    json_decref(before);
    return status;
}
