/* SPDX-License-Identifier: Apache-2.0 */
#include "change_words.h"

#include <signalbox/base/regex.h>
#include <signalbox/base/str.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *sb_o_found(const char *pattern, const char *text, struct sb_err *err)
{
    struct sb_regex *re = sb_regex_new(pattern, SB_REGEX_CASELESS, err);
    struct sb_match m[2];
    char *out = NULL;
    if (re && sb_regex_match(re, text, strlen(text), m, 2, err) == 1 && m[1].to > m[1].from)
        out = sb_strdup_n(text + m[1].from, m[1].to - m[1].from);
    sb_regex_free(re);
    return out;
}

int64_t sb_o_seconds(const char *number, const char *unit)
{
    static const struct {
        const char *unit;
        int64_t s;
    } units[] = {{"mo", 30 * 86400}, {"m", 60}, {"s", 1}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}, {"y", 365 * 86400}};
    int64_t n;
    for (size_t i = 0; number && unit && i < SB_COUNT(units); i++)
        if (strncasecmp(unit, units[i].unit, strlen(units[i].unit)) == 0)
            return sb_parse_i64(number, &n) || n > INT32_MAX ? -1 : n * units[i].s;
    return -1;
}

#define POLITE "^\\s*(?:(?:please|can|could|you|we|i|want|need|would|like|to|must|should|have)\\s+){0,6}"
#define THERE "\\b(?:into|to)\\s+(?:the\\s+)?(?:an?\\s+|its\\s+|their\\s+)?(?:own\\s+|new\\s+|separate\\s+|other\\s+)?(?:collection\\s+(?:named\\s+|called\\s+)?)?" \
              "(?!(?:another|an?|its|their|the|own|new|separate|other|collection|documents?|array|string)(?![\\w.]))" SB_O_NAME

/* The collection that is named behind "into", in full; `otherwise` where none is. NULL: out of memory, or err. Takes `otherwise`. */
static char *into_of(const char *text, const char *ns, char *otherwise, struct sb_err *err)
{
    char *name = sb_o_found(THERE, text, err), *full = NULL;
    size_t n = name ? strlen(name) : 0;
    while (n && (name[n - 1] == '.' || name[n - 1] == '-'))
        name[--n] = '\0';
    if (!name)
        return otherwise;
    free(otherwise);
    full = strchr(name, '.') ? sb_format("%s", name) : sb_format("%.*s.%s", (int)strcspn(ns, "."), ns, name);
    free(name);
    return full;
}

static int read_archive(const char *text, const char *ns, struct sb_o_move_words *out, struct sb_err *err)
{
    char *number = sb_o_found("\\bolder\\s+than\\s+(\\d{1,9}) ?" SB_O_UNIT "\\b", text, err), *unit = number ? sb_o_found("\\bolder\\s+than\\s+\\d{1,9} ?(" SB_O_UNIT ")\\b", text, err) : NULL;
    out->change = SB_CHANGE_ARCHIVE;
    out->older_s = sb_o_seconds(number, unit);
    free(number);
    free(unit);
    out->field = sb_o_found("\\bby\\s+(?:the\\s+|its\\s+|their\\s+)?(?:field\\s+|date\\s+in\\s+)?" SB_O_NAME, text, err);
    if (err->code != SB_OK)
        return -1;
    if (out->older_s >= INT32_MAX)
        return sb_fail(err, SB_EINPUT, "no document is older than 68 years by a date that a server made: nothing is archived by that");
    if (out->older_s < 0 || !out->field)
        return sb_fail(err, SB_ENO, "Which documents, and by which date? Write it as \"archive documents of %.150s older than 730 days by FIELD\"; they go to %.150s_archive, or \"... into DATABASE.COLLECTION\".", ns, ns);
    out->into = into_of(text, ns, sb_format("%s_archive", ns), err);
    return out->into ? 1 : err->code != SB_OK ? -1 : sb_fail_nomem(err);
}

static int read_extract(const char *text, const char *ns, const char *field, struct sb_o_move_words *out, struct sb_err *err)
{
    out->change = SB_CHANGE_EXTRACT;
    out->field = field ? sb_format("%s", field)
                       : sb_o_found("\\b(?:extract\\w*|outsourc\\w*|normali[sz]\\w*|mov(?:e|ing))\\s+(?:the\\s+|all\\s+)?(?:embedded\\s+)?(?:fields?\\s+)?(?!from\\b|in\\b|of\\b|out\\b|into\\b|to\\b)" SB_O_NAME, text, err);
    if (err->code != SB_OK)
        return -1;
    if (!out->field || strchr(out->field, '.'))
        return sb_fail(err, SB_ENO, "Which field of the documents becomes documents of its own? Write it as \"extract FIELD of %.150s into DATABASE.COLLECTION\"; a field within another is moved to the top first.", ns);
    out->into = into_of(text, ns, sb_format("%s_%s", ns, out->field), err);
    return out->into ? 1 : err->code != SB_OK ? -1 : sb_fail_nomem(err);
}

#define INTO_NAME "\\b(?:embed\\w*|denormali[sz]\\w*)\\s+(?:the\\s+)?(?:documents?\\s+(?:of|from)\\s+)?"
#define ANY_NAME "[\"'`]?[A-Za-z_][A-Za-z0-9_.\\-]{0,119}[\"'`]?"

static char *in_full(const char *ns, char *name)
{
    char *full = !name ? NULL : strchr(name, '.') ? sb_format("%s", name) : sb_format("%.*s.%s", (int)strcspn(ns, "."), ns, name);
    free(name);
    return full;
}

/* "embed shop.customers into shop.orders by customer_id as customer"; "by customer_id = number" where it does not name an _id. */
static int read_embed(const char *text, const char *ns, struct sb_o_move_words *out, struct sb_err *err)
{
    out->change = SB_CHANGE_EMBED;
    out->from = in_full(ns, sb_o_found(INTO_NAME SB_O_NAME "\\s+in(?:to)?\\b", text, err));
    out->ns = in_full(ns, sb_o_found(INTO_NAME ANY_NAME "\\s+in(?:to)?\\s+(?:the\\s+)?" SB_O_NAME "\\s+by\\b", text, err));
    out->field = sb_o_found("\\bby\\s+(?:the\\s+)?(?:field\\s+)?" SB_O_NAME, text, err);
    out->foreign = sb_o_found("\\bby\\s+(?:the\\s+)?(?:field\\s+)?" ANY_NAME "\\s*=\\s*" SB_O_NAME, text, err);
    out->as = sb_o_found("\\bas\\s+(?:the\\s+)?(?:field\\s+)?" SB_O_NAME, text, err);
    if (err->code != SB_OK)
        return -1;
    if (!out->from || !out->ns || !out->field || !out->as)
        return sb_fail(err, SB_ENO, "Which documents go into which, by what, and under which name? Write it as \"embed DATABASE.REFERENCED into %.150s by FIELD as NAME\", or \"... by FIELD = OTHER_FIELD as NAME\" where FIELD does not "
                                    "name an _id. An array of them, which may grow without end, is not made.", ns);
    if (!out->foreign && !(out->foreign = sb_format("_id")))
        return sb_fail_nomem(err);
    return 1;
}

int sb_o_read_move(const char *text, const char *ns, const char *field, struct sb_o_move_words *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    char *archive = sb_o_found(POLITE "(archiv)(?:e|ing)\\s", text, err);
    char *extract = archive ? NULL
                            : sb_o_found("\\b(extract|outsource|normali[sz]e|mov(?:e|ing)\\b(?=.{1,160}\\b(?:out\\s+of\\b.{1,120}\\binto|own\\s+collection|(?:separate|new)\\s+collection)\\b))", text, err);
    char *embed = archive || extract ? NULL : sb_o_found("\\b(embed|denormali[sz]e)\\b", text, err);
    int rc = err->code != SB_OK ? -1 : embed ? read_embed(text, ns, out, err) : archive ? read_archive(text, ns, out, err) : extract ? read_extract(text, ns, field, out, err) : 0;
    free(archive);
    free(extract);
    free(embed);
    return rc;
}

int sb_o_read_name(const char *text, const char *ns, const char *given, char **from, char **to, bool *written, struct sb_err *err)
{
    char *is = sb_o_found("\\b(re-?nam(?:e|ing)\\s+(?:the\\s+)?collection)\\b", text, err), *while_written = NULL;
    if (!is && !given)
        return err->code != SB_OK ? -1 : 0;
    *from = !is ? sb_format("%s", ns) : in_full(ns, sb_o_found("\\bcollection\\s+(?:named\\s+|called\\s+)?(?!to\\b|as\\b|into\\b)" SB_O_NAME, text, err));
    *to = in_full(ns, !is ? sb_format("%s", given) : sb_o_found("\\bcollection\\b.{1,200}?\\s(?:to|as|into)\\s+(?:the\\s+name\\s+)?" SB_O_NAME, text, err));
    free(is);
    while_written = sb_o_found("\\b(while\\s+(?:it\\s+is|being)\\s+written|without\\s+waiting)\\b", text, err);
    *written = while_written != NULL;
    free(while_written);
    if (err->code != SB_OK)
        return -1;
    if (!*from || !*to)
        return sb_fail(err, SB_ENO, "What is it to be called? Write it as \"rename collection %.100s to %.*s.NAME\"; it waits until nobody has written to it for a minute, or \"... while it is written\".", ns, (int)strcspn(ns, "."), ns);
    size_t n = strlen(*to);
    while (n && (*to)[n - 1] == '.') /* a sentence's own */
        (*to)[--n] = '\0';
    return 1;
}

#define OF_NO_FIELD "^(?!.*\\b(?:re-?name|fields?|remove|drop|add)\\b).*?" /* a field may have such a name */

int sb_o_read_series(const char *text, const char *ns, char **time, char **meta, struct sb_err *err)
{
    char *is = sb_o_found(OF_NO_FIELD "(?<![.\\w])(time[ -]?series)\\b(?![.\\w])", text, err);
    if (!is)
        return err->code != SB_OK ? -1 : 0;
    free(is);
    *time = sb_o_found("\\b(?:on|by|over)\\s+(?:the\\s+)?(?:time\\s*)?(?:field\\s+)?" SB_O_NAME, text, err);
    *meta = sb_o_found("\\bmeta(?:\\s*field|\\s*data)?\\s+(?:the\\s+)?(?:field\\s+)?(?:is\\s+|=\\s*)?" SB_O_NAME, text, err);
    if (err->code != SB_OK)
        return -1;
    if (!*time)
        return sb_fail(err, SB_ENO, "By which date? Write it as \"turn %.150s into a time series on TIME, meta SOURCE\": what stands in the way is measured.", ns);
    return 1;
}

int sb_o_read_capped(const char *text, const char *ns, int64_t *bytes, struct sb_err *err)
{
    static const char sizes[] = "kmgt";
    char *is = sb_o_found(OF_NO_FIELD "(?<![.\\w])(capped)\\b(?![.\\w])", text, err), *number = NULL, *unit = NULL;
    int rc = 0;
    if (!is && err->code == SB_OK)
        is = sb_o_found(POLITE "(cap)\\s+(?:the\\s+)?(?:collection\\s+)?\\w+\\.\\w", text, err);
    if (is) {
        number = sb_o_found("\\b(?:capped|cap|size)\\b.{0,200}?(?<![.\\w])(\\d{1,15}(?:\\.\\d{1,3})?) ?(?:[kmgt]i?b?|b|bytes?)\\b", text, err);
        unit = number ? sb_o_found("\\b(?:capped|cap|size)\\b.{0,200}?(?<![.\\w])\\d{1,15}(?:\\.\\d{1,3})? ?([kmgt]?i?b?)", text, err) : NULL;
        double n = number ? strtod(number, NULL) : 0;
        const char *at = unit && unit[0] ? strchr(sizes, unit[0] | 0x20) : NULL;
        for (const char *p = sizes; at && p <= at; p++)
            n *= 1024;
        if (number && n >= 1 && n <= 1e15)
            *bytes = (int64_t)n;
        rc = err->code != SB_OK ? -1
             : number           ? 1
                                : sb_fail(err, SB_ENO, "How large may it become? Write it as \"make %.150s capped at 1 GB\". Its oldest documents go when it is full; where they are to go after a time, \"expire documents in %.100s 30 days after FIELD\".",
                                          ns, ns);
    }
    free(is);
    free(number);
    free(unit);
    return err->code != SB_OK ? -1 : rc;
}

int sb_o_read_shard_key(const char *text, const char *ns, const char *given, char **key, struct sb_err *err)
{
    static const char *const named[] = {
        "\\bby\\s+(?:the\\s+)?(?:field\\s+)?" SB_O_NAME,
        "\\b(?:is|would|use|using|take|taking|judge|check|make|making)\\s+(?:the\\s+)?(?:field\\s+)?" SB_O_NAME "\\s+(?:be\\s+|as\\s+)?(?:an?\\s+|the\\s+|our\\s+|its\\s+)?(?:\\w+\\s+)?shard[- ]key\\b",
        "\\bshard[- ]key\\s+(?!for\\b|of\\b|on\\b|in\\b|to\\b|is\\b|readiness\\b|should\\b|would\\b|candidates?\\b)" SB_O_NAME,
    };
    char *is = sb_o_found("(?<![.\\w])(shard[- ]keys?\\b|shard\\s+\\w+\\.\\w|sharding\\b)(?![.\\w]*\\s+to\\b)", text, err), *field = NULL;
    if (!is)
        return err->code != SB_OK ? -1 : 0;
    free(is);
    for (size_t i = 0; !given && !field && err->code == SB_OK && i < SB_COUNT(named); i++)
        field = sb_o_found(named[i], text, err);
    if (err->code != SB_OK)
        return -1;
    if (!given && !field)
        return sb_fail(err, SB_ENO, "Which key? Write it as \"is {customer_id: 1} a good shard key for %.150s?\": it is held against the documents, the indexes and what was heard of the operations. Nothing is sharded from here.", ns);
    *key = given ? sb_format("%s", given) : sb_format("{%s: 1}", field);
    free(field);
    return *key ? 1 : sb_fail_nomem(err);
}
