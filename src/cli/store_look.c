/* SPDX-License-Identifier: Apache-2.0 */
#include "store_look.h"

#include "store.h"

struct sb_store *sb_store_at_hand(const struct sb_config *c, struct sb_err *err)
{
    const char *why;
    struct sb_store *s = NULL;
    if (sb_store_look(c, NULL, NULL, &s, err))
        return NULL;
    enum sb_store_state state = sb_store_check(s, NULL, &why);
    if (state == SB_STORE_AWAY || state == SB_STORE_REFUSED) {
        sb_fail(err, state == SB_STORE_AWAY ? SB_ESERVER : SB_EINPUT, "%s", why);
        sb_store_close(s);
        s = NULL;
    }
    return s;
}

struct sb_listener *sb_store_listener_at_hand(const struct sb_config *c, void (*wake)(void *ctx), void *ctx, struct sb_err *err)
{
    struct sb_str uri;
    struct sb_listener *w = NULL;
    sb_str_init(&uri);
    if (!c->store_uri_file)
        sb_fail(err, SB_EUSAGE, "the config names no store");
    else if (sb_uri_from_file(c->store_uri_file, &uri, err) == 0) {
        const struct sb_listener_options o = {.uri = uri.p, .database = c->store_database, .wake = wake, .ctx = ctx};
        w = sb_listener_start(&o, err);
    }
    if (uri.p)
        explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    return w;
}
