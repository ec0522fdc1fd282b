/* SPDX-License-Identifier: Apache-2.0 */
#include "private.h"

#include <signalbox/base/file.h>
#include <signalbox/base/record.h>
#include <signalbox/mongo/away.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define APP_NAME "signalbox"
#define MAX_URI 16384

static void swallow(mongoc_log_level_t level, const char *domain, const char *message, void *data)
{
    (void)level;
    (void)domain;
    (void)message; /* every failure also reaches us as a return value, and the terminal is not the driver's */
    (void)data;
}

/* The driver puts counters into shared memory when it is loaded, under our process id. A process that is killed leaves them
 * there, and the next one with that id gets a warning on its terminal, before any handler can be set. Nobody reads ours. */
__attribute__((constructor)) static void unlink_counters(void)
{
    char name[32];
    snprintf(name, sizeof name, "/mongoc-%u", (unsigned)getpid());
    shm_unlink(name); /* there may be none; nothing follows from that */
}

void sb_mongo_init(void)
{
    mongoc_log_set_handler(swallow, NULL);
    mongoc_init();
}

void sb_mongo_cleanup(void)
{
    mongoc_cleanup();
}

const char *sb_mongo_library(void)
{
    return mongoc_get_version();
}

#define UNAUTHORIZED 13

/* A server that failed is not asked again for some seconds; the driver's word for that tells nothing about the server. */
#define TOO_SOON "No servers yet eligible for rescan"

/* No server was found, or none that may be talked to. */
static int not_found(struct sb_conn *c, const char *message, struct sb_err *err)
{
    const mongoc_uri_t *uri = mongoc_client_get_uri(c->client);
    bool certificate = mongoc_uri_get_option_as_utf8(uri, MONGOC_URI_TLSCERTIFICATEKEYFILE, NULL) != NULL;
    char sentence[900];
    if (c->found[0] && strstr(message, TOO_SOON))
        message = c->found;
    else
        snprintf(c->found, sizeof c->found, "%s", message);
    bool away = sb_away_sentence(sentence, sizeof sentence, message, mongoc_uri_get_tls(uri), certificate);
    sb_fail(err, SB_ESERVER, "%s: %s", c->name, sentence);
    if (err && away)
        err->detail = EHOSTUNREACH;
    return -1;
}

int sb_mongo_error(struct sb_conn *c, const bson_error_t *e, const char *what, struct sb_err *err)
{
    const char *where = c->name;
    if (c->refused[0])
        return sb_fail(err, SB_ESERVER, "%s: %s: the server's reply is not well formed (%s); the connection was closed", where, what, c->refused);
    if (e->domain == MONGOC_ERROR_SERVER || e->domain == MONGOC_ERROR_WRITE_CONCERN) {
        bool nobody = e->code == UNAUTHORIZED && strstr(e->message, "requires authentication") && !mongoc_uri_get_username(mongoc_client_get_uri(c->client));
        sb_fail(err, nobody ? SB_ESERVER : SB_ECOMMAND, "%s: %s: %s%s", where, what, e->message, nobody ? ", and the connection string names no user" : "");
        if (err)
            err->detail = (int64_t)e->code;
        return -1;
    }
    if (e->domain == MONGOC_ERROR_SERVER_SELECTION && e->code == MONGOC_ERROR_SERVER_SELECTION_FAILURE)
        return not_found(c, e->message, err);
    if (e->domain == MONGOC_ERROR_CLIENT && e->code == MONGOC_ERROR_CLIENT_AUTHENTICATE)
        return sb_fail(err, SB_ESERVER, "%s: the login was refused: %s", where, e->message);
    if (e->domain == MONGOC_ERROR_PROTOCOL && e->code == MONGOC_ERROR_PROTOCOL_BAD_WIRE_VERSION)
        return sb_fail(err, SB_ESERVER, "%s: this server's protocol is too old or too new for this program: %s", where, e->message);
    return sb_fail(err, SB_ESERVER, "%s: %s: %s", where, what, e->message);
}

/* mongodb://user:***@hosts/db?options, with the options that hold secrets left out. */
static char *show(const mongoc_uri_t *uri)
{
    struct sb_str s;
    sb_str_init(&s);
    sb_str_adds(&s, "mongodb://");
    const char *user = mongoc_uri_get_username(uri);
    if (user)
        sb_str_addf(&s, "%s:***@", user);
    bool first = true;
    for (const mongoc_host_list_t *h = mongoc_uri_get_hosts(uri); h; h = h->next) {
        sb_str_addf(&s, "%s%s", first ? "" : ",", h->host_and_port);
        first = false;
    }
    if (first && mongoc_uri_get_srv_hostname(uri))
        sb_str_adds(&s, mongoc_uri_get_srv_hostname(uri));
    const char *set = mongoc_uri_get_replica_set(uri);
    sb_str_addf(&s, "/%s%s", set ? "?replicaSet=" : "", set ? set : "");
    return sb_str_take(&s);
}

/* A string that held a secret. */
static void wipe(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

/* Splits the string around its hosts, so that a member can be asked directly with the same login and options. Behind an
 * SRV name the hosts come from DNS, and TLS is on unless the string says otherwise. */
static int split_around_hosts(struct sb_server *s, const char *text)
{
    bool srv = sb_starts_with(text, "mongodb+srv://");
    const char *rest = strstr(text, "://");
    rest = rest ? rest + 3 : text;
    const char *end = rest + strcspn(rest, "/?");
    const char *hosts = rest;
    for (const char *p = rest; p < end; p++)
        if (*p == '@')
            hosts = p + 1;
    struct sb_str before, after;
    sb_str_init(&before);
    sb_str_init(&after);
    sb_str_adds(&before, "mongodb://");
    sb_str_add(&before, rest, (size_t)(hosts - rest));
    sb_str_adds(&after, *end ? end : "/");
    if (srv && !strstr(after.p, "tls=") && !strstr(after.p, "ssl="))
        sb_str_addf(&after, "%stls=true", strchr(after.p, '?') ? "&" : "?");
    s->before = sb_str_take(&before);
    s->after = sb_str_take(&after);
    return s->before && s->after ? 0 : -1;
}

/* The driver says of a file that it cannot read only that TLS does not begin, and that of every host. */
static int check_files(const mongoc_uri_t *uri, struct sb_err *err)
{
    static const char *const options[] = {MONGOC_URI_TLSCAFILE, MONGOC_URI_TLSCERTIFICATEKEYFILE};
    for (size_t i = 0; i < SB_COUNT(options); i++) {
        const char *path = mongoc_uri_get_option_as_utf8(uri, options[i], NULL);
        if (path && access(path, R_OK))
            return sb_fail(err, SB_EUSAGE, "the connection string's %s, %s, cannot be read: %s", i ? "tlsCertificateKeyFile" : "tlsCAFile", path, strerrordesc_np(errno));
    }
    return 0;
}

struct sb_server *sb_server_new(const char *text, bool read_only, struct sb_err *err)
{
    bson_error_t e;
    struct sb_server *s = calloc(1, sizeof *s);
    if (!s) {
        sb_fail_nomem(err);
        return NULL;
    }
    s->read_only = read_only;
    s->uri = mongoc_uri_new_with_error(text, &e);
    if (!s->uri) {
        /* the driver's message may repeat the string, and with it the password */
        sb_fail(err, SB_EUSAGE, "the connection string is not valid (it is not shown, as it may hold a password); write mongodb://USER:PASSWORD@HOST:PORT/?OPTIONS, with "
                                "%%40 for an @ and %%2F for a / in the password");
        goto fail;
    }
    if (check_files(s->uri, err))
        goto fail;
    mongoc_uri_set_option_as_utf8(s->uri, MONGOC_URI_APPNAME, APP_NAME);
    s->shown = show(s->uri);
    if (!s->shown || split_around_hosts(s, text)) {
        sb_fail_nomem(err);
        goto fail;
    }
    for (const mongoc_host_list_t *h = mongoc_uri_get_hosts(s->uri); h; h = h->next)
        if (sb_strs_push(&s->seeds, &s->seeds_n, h->host_and_port)) {
            sb_fail_nomem(err);
            goto fail;
        }
    return s;
fail:
    sb_server_free(s);
    return NULL;
}

void sb_server_free(struct sb_server *s)
{
    if (!s)
        return;
    if (s->uri)
        mongoc_uri_destroy(s->uri);
    for (size_t i = 0; i < s->seeds_n; i++)
        free(s->seeds[i]);
    free(s->seeds);
    free(s->shown);
    wipe(s->before);
    wipe(s->after);
    free(s);
}

bool sb_server_read_only(const struct sb_server *s)
{
    return s->read_only;
}

const char *sb_server_shown(const struct sb_server *s)
{
    return s->shown;
}

size_t sb_server_seeds(const struct sb_server *s)
{
    return s->seeds_n;
}

const char *sb_server_seed(const struct sb_server *s, size_t i)
{
    return i < s->seeds_n ? s->seeds[i] : "";
}

const char *sb_server_set(const struct sb_server *s)
{
    const char *set = mongoc_uri_get_replica_set(s->uri);
    return set ? set : "";
}

int sb_uri_from_file(const char *path, struct sb_str *out, struct sb_err *err)
{
    struct stat st;
    if (stat(path, &st))
        return sb_fail(err, SB_EINPUT, "cannot open the file with the connection string, %s: %s", path, strerrordesc_np(errno));
    if (S_ISDIR(st.st_mode))
        return sb_fail(err, SB_EINPUT, "%s is a folder; a file is wanted whose first line is a mongodb:// connection string", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return sb_fail(err, SB_EUSAGE, "%s holds a connection string and others may read it; run: chmod 600 %s", path, path);
    struct sb_str text;
    sb_str_init(&text);
    int rc = sb_file_read_named(path, MAX_URI, &text, err);
    if (rc == 0) {
        size_t from = strspn(text.p, " \t\r\n");
        size_t n = strcspn(text.p + from, "\r\n");
        sb_str_add(out, text.p + from, n);
        if (n == 0)
            rc = sb_fail(err, SB_EUSAGE, "%s is empty; its first line must be a mongodb:// connection string", path);
        else if (!sb_str_ok(out))
            rc = sb_fail_nomem(err);
    }
    explicit_bzero(text.p, text.len);
    sb_str_release(&text);
    return rc;
}

/* ---- connections ---- */

static const struct {
    int32_t connect_ms, select_ms, socket_ms;
    int64_t max_time_ms;
} limits[] = {
    [SB_LANE_SAMPLER] = {1000, 1500, 2000, 1500},
    [SB_LANE_CONTROL] = {3000, 5000, 5000, 4000},
    [SB_LANE_BULK] = {3000, 5000, 15000, 10000},
};

static void set_timeouts(mongoc_uri_t *uri, int32_t connect_ms, int32_t select_ms, int32_t socket_ms)
{
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, connect_ms);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, select_ms);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, socket_ms);
}

/* Takes the set's name out of "/?a=b&replicaSet=rs0&c=d". */
static void forget_set(char *text)
{
    static const char option[] = "replicaSet=";
    char *at = strchr(text, '?');
    while (at) {
        char *name = at + 1, *next = strchr(name, '&');
        if (strncasecmp(name, option, strlen(option)) != 0)
            at = next;
        else if (next)
            memmove(name, next + 1, strlen(next + 1) + 1); /* what follows has come to stand here */
        else
            *at = '\0', at = NULL;
    }
}

/* Puts one host in the place of the connection string's hosts. */
static mongoc_uri_t *uri_of_member(const struct sb_server *s, const char *host_port, bool of_any_set, struct sb_err *err)
{
    char *text = sb_format("%s%s%s", s->before, host_port, s->after);
    if (!text) {
        sb_fail_nomem(err);
        return NULL;
    }
    if (of_any_set)
        forget_set(text + strlen(s->before));
    bson_error_t e;
    mongoc_uri_t *uri = mongoc_uri_new_with_error(text, &e);
    wipe(text);
    if (!uri) {
        sb_fail(err, SB_EUSAGE, "%s is not the name of a host and its port", host_port);
        return NULL;
    }
    mongoc_uri_set_option_as_utf8(uri, MONGOC_URI_APPNAME, APP_NAME);
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_DIRECTCONNECTION, true);
    return uri;
}

/* The connection under this name. Takes the URI. Compressed replies could not be looked at, so none are agreed upon. */
static struct sb_conn *conn_new(mongoc_uri_t *uri, const char *name, struct sb_err *err)
{
    bson_error_t e;
    struct sb_conn *c = calloc(1, sizeof *c);
    if (!c) {
        sb_fail_nomem(err);
        goto out;
    }
    snprintf(c->name, sizeof c->name, "%s", name);
    mongoc_uri_set_compressors(uri, NULL);
    c->client = mongoc_client_new_from_uri_with_error(uri, &e);
    if (!c->client) {
        sb_mongo_error(c, &e, "connect", err);
        free(c);
        c = NULL;
        goto out;
    }
    mongoc_client_set_error_api(c->client, MONGOC_ERROR_API_VERSION_2);
    mongoc_client_set_stream_initiator(c->client, sb_checked_connect, c);
out:
    mongoc_uri_destroy(uri);
    return c;
}

/* A client that looks at its one server again, once a minute by itself, waits for ever in the driver (1.23) where the connection has
 * ended meanwhile and a new one is refused: the failure is reported under a lock that the report takes again. There is nothing to be
 * learnt by it either: what has changed shows in the answer to the next command. */
#define RESCAN_MS 86400000

static struct sb_conn *conn_to(const struct sb_server *s, const char *host_port, bool of_any_set, enum sb_lane lane, struct sb_err *err)
{
    mongoc_uri_t *uri = uri_of_member(s, host_port, of_any_set, err);
    if (!uri)
        return NULL;
    set_timeouts(uri, limits[lane].connect_ms, limits[lane].select_ms, limits[lane].socket_ms);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_HEARTBEATFREQUENCYMS, RESCAN_MS);
    struct sb_conn *c = conn_new(uri, host_port, err);
    if (c)
        c->max_time_ms = limits[lane].max_time_ms;
    return c;
}

struct sb_conn *sb_conn_to_member(const struct sb_server *s, const char *host_port, enum sb_lane lane, struct sb_err *err)
{
    return conn_to(s, host_port, false, lane, err);
}

struct sb_conn *sb_conn_to_any(const struct sb_server *s, const char *host_port, enum sb_lane lane, struct sb_err *err)
{
    return conn_to(s, host_port, true, lane, err);
}

/* "h:1", or "primary of h:1,h:2": what a complaint has to name before anything is known. */
static char *name_after_hosts(const mongoc_uri_t *uri)
{
    struct sb_str s;
    sb_str_init(&s);
    const mongoc_host_list_t *hosts = mongoc_uri_get_hosts(uri);
    sb_str_adds(&s, hosts && !hosts->next ? "" : "primary of ");
    for (const mongoc_host_list_t *h = hosts; h; h = h->next)
        sb_str_addf(&s, "%s%s", h == hosts ? "" : ",", h->host_and_port);
    if (!hosts)
        sb_str_adds(&s, mongoc_uri_get_srv_hostname(uri));
    return sb_str_take(&s);
}

struct sb_conn *sb_conn_found(const mongoc_uri_t *from, int32_t connect_ms, int32_t select_ms, int32_t socket_ms, struct sb_err *err)
{
    char *name = name_after_hosts(from);
    if (!name) {
        sb_fail_nomem(err);
        return NULL;
    }
    mongoc_uri_t *uri = mongoc_uri_copy(from);
    set_timeouts(uri, connect_ms, select_ms, socket_ms);
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_SERVERSELECTIONTRYONCE, false);
    struct sb_conn *c = conn_new(uri, name, err);
    free(name);
    return c;
}

struct sb_conn *sb_conn_to_primary(const struct sb_server *s, enum sb_lane lane, struct sb_err *err)
{
    struct sb_conn *c = sb_conn_found(s->uri, limits[lane].connect_ms, limits[lane].select_ms, limits[lane].socket_ms, err);
    if (c)
        c->max_time_ms = limits[lane].max_time_ms;
    return c;
}

void sb_conn_close(struct sb_conn *c)
{
    if (!c)
        return;
    mongoc_client_destroy(c->client);
    free(c);
}

const char *sb_conn_name(const struct sb_conn *c)
{
    return c->name;
}

uint64_t sb_conn_commands(const struct sb_conn *c)
{
    return atomic_load_explicit(&c->commands, memory_order_relaxed);
}

uint64_t sb_conn_errors(const struct sb_conn *c)
{
    return atomic_load_explicit(&c->errors, memory_order_relaxed);
}
