/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"
#include "store.h"

#include <signalbox/ledger/ledger.h>

#include <inttypes.h>

void sb_doctor_store(struct doctor *d, const struct sb_config *c, const char *state_dir)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *reader = NULL;
    struct sb_store *s = NULL;
    const char *why = "";
    if (!c->store)
        return;
    sb_doctor_doing(d, "the store");
    if (sb_ledger_find(state_dir, NULL) == 0 && !(reader = sb_ledger_open(state_dir, SB_LEDGER_READ, NULL, &err))) {
        sb_found(d, SB_FOUND_WRONG, "store", "", "its copy of the ledger cannot be compared: %s", err.msg);
        return;
    }
    if (sb_store_look(c, state_dir, reader, &s, &err)) {
        sb_found(d, SB_FOUND_WRONG, "store", "one line, mode 600: mongodb://user:password@host,host/?replicaSet=NAME", "store_uri_file: %s", err.msg);
    } else {
        enum sb_store_state state = sb_store_check(s, reader, &why);
        int64_t head = reader ? sb_ledger_head(reader) : 0;
        if (state == SB_STORE_HELD)
            sb_found(d, SB_FOUND_WRONG, "store", "where it was restored and that is known: signalbox store accept-restored --reason TEXT", "held, nothing is executed: %s", why);
        else if (state != SB_STORE_WELL)
            sb_found(d, SB_FOUND_WRONG, "store", "", "%s, nothing is executed: %s", sb_name(&sb_store_states, (int)state), why);
        else
            sb_found(d, SB_FOUND_GOOD, "store", "", "%s: %" PRId64 " of %" PRId64 " entries are there", sb_store_shown(s), sb_store_acked(s), head);
    }
    sb_store_close(s);
    sb_ledger_close(reader);
}
