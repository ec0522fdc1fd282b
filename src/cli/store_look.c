/* SPDX-License-Identifier: Apache-2.0 */
#include "store_look.h"

#include <signalbox/mongo/server.h>

#include <string.h>

struct sb_store *sb_store_look(const struct sb_config *c, struct sb_err *err)
{
    const char *why;
    struct sb_str uri;
    struct sb_store *s = NULL;
    if (!c->store || !c->store_uri_file) {
        sb_fail(err, SB_EUSAGE, "the config names no shared store: set store mongodb, and set store_uri_file PATH");
        return NULL;
    }
    sb_str_init(&uri);
    if (sb_uri_from_file(c->store_uri_file, &uri, err) == 0)
        s = sb_store_open(&(struct sb_store_options){.uri = uri.p, .database = c->store_database}, err);
    if (uri.p)
        explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    enum sb_store_state state = s ? sb_store_check(s, NULL, &why) : SB_STORE_WELL;
    if (s && (state == SB_STORE_AWAY || state == SB_STORE_REFUSED)) {
        sb_fail(err, state == SB_STORE_AWAY ? SB_ESERVER : SB_EINPUT, "%s", why);
        sb_store_close(s);
        s = NULL;
    }
    return s;
}
