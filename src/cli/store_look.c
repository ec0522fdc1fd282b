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
