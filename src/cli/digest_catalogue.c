/* SPDX-License-Identifier: Apache-2.0
 *
 * digest_catalogue.c - the catalogue that was recorded beside the logs.
 */
#include "digest.h"

#define MAX_CATALOGUE ((uint64_t)256 << 20) /* bytes, unpacked: the replies of tens of thousands of collections */
#define MAX_OTHERS 10000                        /* lines without a reply, before the first one */

int sb_digest_catalogue(struct sb_digest *d, const char *path, struct sb_err *err)
{
    struct sb_infile *in = sb_infile_open(path, err);
    struct sb_span text;
    enum sb_line_end end;
    int rc;
    if (!in)
        return -1;
    sb_infile_limit(in, MAX_CATALOGUE);
    while ((rc = sb_infile_line(in, &text, &end, err)) > 0 && (d->catalogue.items_n || sb_infile_number(in) <= MAX_OTHERS)) {
        size_t blank = 0;
        while (blank < text.n && (text.p[blank] == ' ' || text.p[blank] == '\r' || text.p[blank] == '\t'))
            blank++;
        if (blank == text.n)
            continue;
        if (end == SB_LINE_TOO_LONG)
            rc = sb_fail(err, SB_EINPUT, "the line is too long");
        else if (sb_catalogue_replies_take(&d->catalogue, text.p, text.n, err))
            rc = -1;
        if (rc < 0)
            break;
    }
    if (rc < 0)
        sb_err_prefix(err, "%s:%llu", path, (unsigned long long)sb_infile_number(in));
    sb_infile_close(in);
    if (rc >= 0 && d->catalogue.items_n == 0)
        return sb_fail(err, SB_EINPUT, "%s holds no reply of listIndexes, $indexStats, collStats or listCollections", path);
    sb_catalogue_replies_end(&d->catalogue);
    return rc < 0 ? -1 : 0;
}
