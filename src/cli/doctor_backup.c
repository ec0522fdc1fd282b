/* SPDX-License-Identifier: Apache-2.0
 *
 * The places where backups lie, and what a drill needs: whether they are there and can be read. What the backups are worth is said by
 * `backup status` and the page of it, which read them. */
#include "doctor.h"

#include <signalbox/base/seal.h>
#include <signalbox/mongo/server.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -1: it cannot be read, errno says why; else whether something is in it. */
static int holds_something(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    int found = 0;
    for (const struct dirent *e; !found && (e = readdir(dir));)
        found = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return found;
}

static void look_at_place(struct doctor *d, const char *deployment, const char *path)
{
    struct stat st;
    int held = stat(path, &st) ? -1 : S_ISDIR(st.st_mode) ? holds_something(path) : access(path, R_OK) ? -1 : 1;
    if (held < 0)
        sb_found(d, SB_FOUND_WRONG, "backups", "mount it, or mend its rights, or name another place in the config", "%s, where backups of %s lie: %s", path, deployment, strerror(errno));
    else if (!held)
        sb_found(d, SB_FOUND_WRONG, "backups", "look whether backups are made at all", "%s, where backups of %s lie, is empty", path, deployment);
    else
        sb_found(d, SB_FOUND_GOOD, "backups", "", "%s can be read; signalbox backup status says what it is worth", path);
}

static void look_at_key(struct doctor *d, const struct sb_config_deployment *c)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_seal_key key;
    if (sb_seal_key_read(&key, c->backup_key_file, &err))
        sb_found(d, SB_FOUND_WRONG, "backups", "without its key a sealed backup is lost: look for a copy of it", "backup_key_file of %s: %s", c->name, err.msg);
    else
        sb_found(d, SB_FOUND_GOOD, "backups", "", "the key of %s can be read", c->name);
    sb_seal_key_forget(&key);
}

void sb_doctor_backups(struct doctor *d, const struct sb_config *c)
{
    for (size_t i = 0; i < c->deployments_n; i++) {
        const struct sb_config_deployment *of = &c->deployments[i];
        if (!of->backups_n)
            sb_found(d, SB_FOUND_NOTE, "backups", "backup PATH in its section", "the config does not say where backups of %s lie: what could be brought back is not known", of->name);
        for (size_t k = 0; k < of->backups_n; k++)
            look_at_place(d, of->name, of->backups[k]);
        if (of->backup_key_file)
            look_at_key(d, of);
        if (of->backups_n && !of->drill_uri_file && !of->drill_start)
            sb_found(d, SB_FOUND_NOTE, "backups", "set drill_uri_file PATH, or drill_start PROGRAM (signalbox help backup)", "nothing to restore %s into: no backup of it can be shown to work", of->name);
    }
}
