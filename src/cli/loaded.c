/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include <signalbox/base/file.h>
#include <signalbox/cli/embed.h>

#include <stdlib.h>
#include <string.h>

#define MAX_FILE (1 << 20)

int sb_loaded_read(struct sb_loaded *l, const char *folder, const char *ending, const char *name, struct sb_err *err)
{
    size_t len;
    sb_str_init(&l->text);
    l->name = strchr(name, '/') ? sb_format("%s", name) : sb_format("%s/%s.%s", folder, name, ending);
    if (!l->name)
        return sb_fail_nomem(err);
    const char *bytes = strchr(name, '/') ? NULL : sb_embedded(l->name, &len);
    if (!bytes && !strchr(name, '/'))
        return sb_fail(err, SB_EUSAGE, "there is no %s named %s (a file is named by a path, as ./%s)", sb_streq(ending, "keys") ? "keymap" : ending, name, name);
    if (bytes)
        sb_str_add(&l->text, bytes, len);
    else if (sb_file_read_named(name, MAX_FILE, &l->text, err))
        return -1;
    l->file = (struct sb_screen_file){l->name, l->text.p, l->text.len};
    return sb_str_ok(&l->text) ? 0 : sb_fail_nomem(err);
}

void sb_loaded_release(struct sb_loaded *l)
{
    sb_str_release(&l->text);
    free(l->name);
}
