/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_pool URI DATABASE COLLECTION FIELD LEAST MOST SECONDS: a driver's pool of connections, from four threads, by turns
 * pings and finds of one document by an index; prints medians: finds sent as a command, pings and finds by the driver's cursor
 * a second, and what both kinds of finds are of the pings beside them. The peer of a find is a ping through the same pool. Sent as a command, as the ping is, what
 * the driver, the sockets and the scheduler cost is in both; the cursor (its copies of the question and of the answer, its
 * session) is the driver's alone and costs about as much again as what the simulator does for a find. */
#include <mongoc/mongoc.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 4
#define TURNS 20 /* of each: short ones, so that whoever else uses the machine slows both */

enum what { PING, FIND, CURSOR };

struct work {
    mongoc_client_pool_t *pool;
    const char *db, *coll, *field;
    int64_t least, most, until_ns;
    unsigned seed;
    enum what what;
    int64_t done;
};

static void die(const char *what)
{
    fprintf(stderr, "sim_pool: %s\n", what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t any(struct work *w)
{
    return w->least + rand_r(&w->seed) % (w->most - w->least + 1);
}

static void find_one(struct work *w, mongoc_client_t *client)
{
    bson_t command = BSON_INITIALIZER, filter, reply;
    BSON_APPEND_UTF8(&command, "find", w->coll);
    BSON_APPEND_DOCUMENT_BEGIN(&command, "filter", &filter);
    BSON_APPEND_INT64(&filter, w->field, any(w));
    bson_append_document_end(&command, &filter);
    BSON_APPEND_INT64(&command, "limit", 1);
    BSON_APPEND_BOOL(&command, "singleBatch", true);
    if (!mongoc_client_command_simple(client, w->db, &command, NULL, &reply, NULL))
        die("a find failed");
    bson_destroy(&reply);
    bson_destroy(&command);
}

static void find_by_cursor(struct work *w, mongoc_client_t *client)
{
    mongoc_collection_t *c = mongoc_client_get_collection(client, w->db, w->coll);
    bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;
    const bson_t *doc;
    BSON_APPEND_INT64(&filter, w->field, any(w));
    BSON_APPEND_INT64(&options, "limit", 1);
    BSON_APPEND_BOOL(&options, "singleBatch", true);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(c, &filter, &options, NULL);
    if (!mongoc_cursor_next(cursor, &doc) && mongoc_cursor_error(cursor, NULL))
        die("a find failed");
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(c);
    bson_destroy(&filter);
    bson_destroy(&options);
}

static void ping(mongoc_client_t *client)
{
    bson_t command = BSON_INITIALIZER;
    BSON_APPEND_INT32(&command, "ping", 1);
    if (!mongoc_client_command_simple(client, "admin", &command, NULL, NULL, NULL))
        die("a ping failed");
    bson_destroy(&command);
}

static void *run(void *ctx)
{
    struct work *w = ctx;
    while (now_ns() < w->until_ns) {
        mongoc_client_t *client = mongoc_client_pool_pop(w->pool);
        if (w->what == PING)
            ping(client);
        else if (w->what == FIND)
            find_one(w, client);
        else
            find_by_cursor(w, client);
        mongoc_client_pool_push(w->pool, client);
        w->done++;
    }
    return NULL;
}

static double turn(struct work like, enum what what, double seconds)
{
    struct work w[THREADS];
    pthread_t thread[THREADS];
    int64_t done = 0;
    like.until_ns = now_ns() + (int64_t)(seconds * 1e9);
    like.what = what;
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = like;
        w[i].seed = i + 1;
        if (pthread_create(&thread[i], NULL, run, &w[i]))
            die("no thread");
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        done += w[i].done;
    }
    return (double)done / seconds;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, TURNS, sizeof *v, ascending);
    return v[TURNS / 2];
}

int main(int argc, char **argv)
{
    bson_error_t err;
    if (argc != 8)
        die("URI DATABASE COLLECTION FIELD LEAST MOST SECONDS");
    mongoc_init();
    mongoc_uri_t *uri = mongoc_uri_new_with_error(argv[1], &err);
    if (!uri)
        die(err.message);
    struct work like = {.pool = mongoc_client_pool_new(uri), .db = argv[2], .coll = argv[3], .field = argv[4], .least = strtoll(argv[5], NULL, 10),
                        .most = strtoll(argv[6], NULL, 10)};
    double seconds = strtod(argv[7], NULL) / (3 * TURNS), finds[TURNS], pings[TURNS], cursors[TURNS], to_ping[2][TURNS];
    turn(like, PING, seconds); /* the pool opens its connections */
    turn(like, CURSOR, seconds);
    for (int i = 0; i < TURNS; i++) {
        pings[i] = turn(like, PING, seconds);
        finds[i] = turn(like, FIND, seconds);
        cursors[i] = turn(like, CURSOR, seconds);
        to_ping[0][i] = finds[i] / pings[i];
        to_ping[1][i] = cursors[i] / pings[i];
    }
    printf("%.0f %.0f %.0f %.3f %.3f\n", median(finds), median(pings), median(cursors), median(to_ping[0]), median(to_ping[1]));
    mongoc_client_pool_destroy(like.pool);
    mongoc_uri_destroy(uri);
    mongoc_cleanup();
    return 0;
}
