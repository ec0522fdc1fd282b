/* SPDX-License-Identifier: Apache-2.0
 *
 * Having the Data Architect plan a change of a field. The telemetry thread says who uses it, a worker looks for what would break it; what comes back is a refusal with
 * its reason, or the cards of a plan, each after the one before it. */
#include "change_words.h"
#include "private.h"

#include <signalbox/agents/schema_change.h>
#include <signalbox/agents/shard_key.h>
#include <signalbox/orchestrator/retention.h>

#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct change {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_change_question q; /* its texts point at ours */
    char *case_id, *ns, *field, *into, *from, *foreign, *key, *new_field, *value, *expression, *type, *from_type, *second, *second_expression, *deployment, *deployment_id, *requested_by;
    struct sb_depends uses;
    struct sb_shard_key_heard heard;
    struct sb_change_plan plan;
    struct sb_err err;
};

static void free_change(void *p)
{
    struct change *c = p;
    free(c->case_id);
    free(c->ns);
    free(c->field);
    free(c->into);
    free(c->from);
    free(c->foreign);
    free(c->key);
    free(c->new_field);
    free(c->value);
    free(c->expression);
    free(c->type);
    free(c->from_type);
    free(c->second);
    free(c->second_expression);
    free(c->deployment);
    free(c->deployment_id);
    free(c->requested_by);
    sb_change_plan_release(&c->plan);
    sb_depends_release(&c->uses);
    free(c);
}

/* ---- what is asked for ---- */

/* A type's name as BSON has it, copied; NULL: it is none of those between which is converted. */
static char *type_of(const char *word)
{
    static const char *const names[][2] = {{"str", "string"}, {"int32", "int"}, {"integer", "int"}, {"int64", "long"}, {"float", "double"}, {"number", "double"}, {"decimal128", "decimal"},
                                           {"isodate", "date"}, {"iso date", "date"}, {"timestamp", "date"}, {"objectid", "objectId"}, {"object id", "objectId"}};
    for (size_t i = 0; word && i < SB_COUNT(names); i++)
        if (strcasecmp(word, names[i][0]) == 0)
            return sb_format("%s", names[i][1]);
    char *own = word ? sb_format("%s", word) : NULL;
    for (char *p = own; p && *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    return own;
}

/* How a field is computed: the JSON value behind "computed as", {"v": it}. NULL: nothing of that is said, or err. Braces within texts
 * do not count. */
static char *computed(const char *text, struct sb_err *err)
{
    char *begin = sb_o_found("\\b(?:computed|calculated|derived)\\s+(?:as|from|by|with)\\s*([{\"$].*)$", text, err), *out = NULL;
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; begin && begin[i] && !out; i++) {
        if (quoted && begin[i] == '\\' && begin[i + 1])
            i++;
        else if (begin[i] == '"')
            quoted = !quoted;
        else if (!quoted && (begin[i] == '{' || begin[i] == '['))
            depth++;
        else if (!quoted && (begin[i] == '}' || begin[i] == ']'))
            depth--;
        bool over = depth == 0 && !quoted;
        if (over && begin[0] == '$' ? begin[i + 1] == '\0' || begin[i + 1] == ' ' : over)
            out = begin[0] == '$' ? sb_format("{\"v\":\"%.*s\"}", (int)(i + 1), begin) : sb_format("{\"v\":%.*s}", (int)(i + 1), begin);
    }
    if (begin && !out && err->code == SB_OK)
        sb_fail(err, SB_EINPUT, "how the field is computed is not written to its end: a brace or a quote is missing");
    free(begin);
    return out;
}

#define VALUE "(\"[^\"\\\\]*\"|-?\\d+(?:\\.\\d+)?|true|false|null)(?![\\w.])"
#define TYPE "(string|str|int|int32|int64|integer|long|double|float|decimal|decimal128|iso ?date|date|timestamp|object ?id|number)\\b"

/* "convert A from string to date in NS, replacing what does not parse with null" */
static int read_retype(const char *text, struct change *c, const char *type, struct sb_err *err)
{
    char *from = sb_o_found("\\bfrom\\s+(?:an?\\s+)?" TYPE, text, err);
    char *otherwise = sb_o_found("(?:\\bparse|\\bconvert(?:ed)?|\\binvalid|\\bunparsable|\\boffenders?)\\b[^,;]{0,30}?(?:\\bwith|\\bto|\\bas|\\bbecomes?|=)\\s*" VALUE, text, err);
    c->q.change = SB_CHANGE_RETYPE;
    c->type = type_of(type);
    c->from_type = type_of(from);
    c->value = otherwise ? sb_format("{\"v\":%s}", otherwise) : NULL;
    int rc = err->code != SB_OK ? -1 : !c->type || (from && !c->from_type) || (otherwise && !c->value) ? sb_fail_nomem(err) : 0;
    free(from);
    free(otherwise);
    return rc;
}

#define NAME SB_O_NAME
#define ANY_NAME "[\"'`]?[A-Za-z_][A-Za-z0-9_.\\-]{0,119}[\"'`]?"
#define FIELDS "(?:the\\s+)?(?:fields?\\s+)?"
#define AND "\\s+(?:and|with)\\s+"

/* "split A into B and C": B is the first of exactly two words, C the second. "merge A and B into C": both with a space between. */
static int read_parts(const char *text, struct change *c, struct sb_err *err)
{
    bool splits = false;
    char *a = sb_o_found("\\bsplit\\s+" FIELDS NAME "\\s+into\\s+" ANY_NAME AND ANY_NAME, text, err), *b = NULL, *to = NULL;
    if (a) {
        splits = true;
        char *third = sb_o_found("\\bsplit\\s+" FIELDS ANY_NAME "\\s+into\\s+" ANY_NAME AND ANY_NAME "\\s+and\\s+" NAME, text, err);
        if (third)
            sb_fail(err, SB_EINPUT, "a field is split into two here, not into more: say \"split A into B and C\", by the one space in it");
        free(third);
        b = sb_o_found("\\bsplit\\s+" FIELDS ANY_NAME "\\s+into\\s+" NAME AND ANY_NAME, text, err);
        to = sb_o_found("\\bsplit\\s+" FIELDS ANY_NAME "\\s+into\\s+" ANY_NAME AND NAME, text, err);
    } else if ((a = sb_o_found("\\b(?:merge|join|combine)\\s+" FIELDS NAME AND ANY_NAME "\\s+into\\s+" ANY_NAME, text, err))) {
        b = sb_o_found("\\b(?:merge|join|combine)\\s+" FIELDS ANY_NAME AND NAME "\\s+into\\s+" ANY_NAME, text, err);
        to = sb_o_found("\\b(?:merge|join|combine)\\s+" FIELDS ANY_NAME AND ANY_NAME "\\s+into\\s+" NAME, text, err);
    }
    int rc = 0;
    if (a && b && to) {
        static const char part[] = "{\"v\":{\"$cond\":[{\"$eq\":[{\"$size\":{\"$split\":[{\"$ifNull\":[\"$%s\",\"\"]},\" \"]}},2]},{\"$arrayElemAt\":[{\"$split\":[\"$%s\",\" \"]},%d]},null]}}";
        c->q.change = SB_CHANGE_ADD;
        c->expression = splits ? sb_format(part, a, a, 0) : sb_format("{\"v\":{\"$concat\":[\"$%s\",\" \",\"$%s\"]}}", a, b);
        c->second_expression = splits ? sb_format(part, a, a, 1) : NULL;
        rc = !c->expression || (splits && !c->second_expression) || sb_str_set(&c->field, splits ? b : to) || (splits && sb_str_set(&c->second, to)) ? sb_fail_nomem(err) : 1;
    }
    free(a);
    free(b);
    free(to);
    return err->code != SB_OK ? -1 : rc;
}

#define EXPIRES "\\b(?:expir\\w*|delet\\w*|remov\\w*|purg\\w*|drop\\w*)\\b.{1,160}?\\b"
#define UNIT SB_O_UNIT

/* "expire documents in NS 30 days after lastSeen": 1, 0 it is none, -1. */
static int read_expire(const char *text, struct change *c, struct sb_err *err)
{
    char *number = sb_o_found(EXPIRES "(\\d{1,9}) ?" UNIT "\\s+after\\b", text, err), *unit = number ? sb_o_found(EXPIRES "\\d{1,9} ?(" UNIT ")\\s+after\\b", text, err) : NULL;
    char *field = unit ? sb_o_found("\\bafter\\s+(?:the\\s+|its\\s+|their\\s+)?(?:field\\s+|date\\s+in\\s+)?" NAME, text, err) : NULL;
    int64_t seconds = field ? sb_o_seconds(number, unit) : -1;
    int rc = 0;
    if (seconds >= 0) {
        c->q.change = SB_CHANGE_EXPIRE;
        c->q.expire_s = seconds;
        rc = c->q.expire_s >= INT32_MAX ? sb_fail(err, SB_EINPUT, "documents expire after 68 years at the latest: a server takes no longer time") : sb_str_set(&c->field, field) ? sb_fail_nomem(err) : 1;
    }
    free(number);
    free(unit);
    free(field);
    return err->code != SB_OK ? -1 : rc;
}

/* What has to be kept is not deleted before that. */
static int check_retention(const struct sb_orchestrator *o, const char *ns, int64_t expire_s, struct sb_err *err)
{
    const struct sb_retention *r = sb_retention_of(o->opt.retentions, o->opt.retentions_n, ns);
    if (!r || expire_s >= r->days * 86400)
        return 0;
    return sb_fail(err, SB_EPOLICY, "%.150s is kept for %" PRId64 " days (%.120s): its documents may not be deleted after %" PRId64 " s", ns, r->days, r->why, expire_s);
}

/* What has to be kept under one name has to be under the other. */
static int check_kept(const struct sb_orchestrator *o, const char *from, const char *to, struct sb_err *err)
{
    const struct sb_retention *was = sb_retention_of(o->opt.retentions, o->opt.retentions_n, from), *will = sb_retention_of(o->opt.retentions, o->opt.retentions_n, to);
    if (!was || (will && will->days >= was->days))
        return 0;
    return sb_fail(err, SB_EPOLICY, "%.100s is kept for %" PRId64 " days by its name (%.120s), and %.100s would not be: let the config keep that first", from, was->days, was->why, to);
}

/* What a plan of a time series calls the two collections. */
static int check_series_kept(const struct sb_orchestrator *o, const char *ns, struct sb_err *err)
{
    char *series = sb_format("%s_series", ns), *aside = sb_format("%s_before_series", ns);
    int rc = !series || !aside ? sb_fail_nomem(err) : check_kept(o, ns, series, err) || check_kept(o, ns, aside, err) ? -1 : 0;
    free(series);
    free(aside);
    return rc;
}

/* A capped collection keeps nothing for a time: what goes is what does not fit. */
static int check_not_kept(const struct sb_orchestrator *o, const char *ns, struct sb_err *err)
{
    const struct sb_retention *r = sb_retention_of(o->opt.retentions, o->opt.retentions_n, ns);
    return r ? sb_fail(err, SB_EPOLICY, "%.150s is kept for %" PRId64 " days (%.120s): a capped collection drops its oldest documents when it is full, whatever their age", ns, r->days, r->why) : 0;
}

/* Changes that are refused, each with its reason and the way there is; of the first that the text is about. */
static int refuse_kind(const char *text, const char *ns, struct sb_err *err)
{
    static const struct {
        const char *pattern, *why;
    } kinds[] = {
        {"\\b(?:keys?|map|maps)\\b.{1,60}\\b(array|list)\\b",
         "A map whose keys are data becomes an array beside it, computed by the server: 'add field A_list computed as {\"$objectToArray\": \"$A\"} to %s'. Then \"remove field A from ...\" once nobody writes it."},
        {"\\b(replac|swap|exchang|substitut)\\w*\\s+(?:the\\s+)?(?:field|column|attribute)",
         "Is the new field to say what the old one says? Then ask: \"rename A to B in %s\". Or is it a field of its own, which begins empty? Then ask for two changes: \"add field B ...\", and \"remove field A ...\" when nobody writes it."},
    };
    for (size_t i = 0; i < SB_COUNT(kinds); i++) {
        char *is = sb_o_found(kinds[i].pattern, text, err);
        if (err->code != SB_OK)
            return -1;
        if (!is)
            continue;
        free(is);
        const char *at = strstr(kinds[i].why, "%s");
        return at ? sb_fail(err, SB_ENO, "%.*s%.150s%s", (int)(at - kinds[i].why), kinds[i].why, ns, at + 2) : sb_fail(err, SB_ENO, "%s", kinds[i].why);
    }
    return 0;
}

/* "archive documents of NS older than 90 days by FIELD", "extract FIELD of NS into NS", "embed NS into NS by FIELD as FIELD": 1, 0 it is none, -1. */
static int read_move(const char *text, const struct sb_slots *s, struct change *c, struct sb_err *err)
{
    struct sb_o_move_words w;
    int rc = sb_o_read_move(text, s->ns, s->field, &w, err);
    c->q.change = w.change;
    c->q.expire_s = w.older_s;
    free(c->field);
    c->field = w.field;
    c->into = w.into;
    c->ns = w.ns;
    c->from = w.from;
    c->foreign = w.foreign;
    c->new_field = w.as;
    return rc;
}

/* Which change a request asks for, and the value where it gives one. */
static int read_kind(const struct held_case *held, struct change *c, struct sb_err *err)
{
    const struct sb_slots *s = &held->case_.reading.slots;
    const char *text = held->case_.text;
    int named = sb_o_read_name(text, s->ns, sb_streq(s->field, s->ns) ? s->new_field : NULL, &c->ns, &c->into, &c->q.written, err);
    if (named) {
        c->q.change = SB_CHANGE_NAME;
        return named < 0 ? -1 : 0;
    }
    int series = sb_o_read_series(text, s->ns, &c->field, &c->new_field, err);
    if (series) {
        c->q.change = SB_CHANGE_SERIES;
        return series < 0 ? -1 : 0;
    }
    int capped = sb_o_read_capped(text, s->ns, &c->q.capped_at, err);
    if (capped) {
        c->q.change = SB_CHANGE_CAPPED;
        return capped < 0 ? -1 : 0;
    }
    int expires = read_expire(text, c, err);
    if (expires)
        return expires < 0 ? -1 : 0;
    int key = sb_o_read_shard_key(text, s->ns, s->key, &c->key, err);
    if (key) {
        c->q.change = SB_CHANGE_SHARD_KEY;
        return key < 0 ? -1 : 0;
    }
    int moves = s->new_field ? 0 : read_move(text, s, c, err);
    if (moves)
        return moves < 0 ? -1 : 0;
    if (refuse_kind(text, s->ns, err))
        return -1;
    if (!s->field)
        return sb_fail(err, SB_EINPUT, "Which field? Name it, for example: rename customer_name to name in %s", s->ns);
    if (s->new_field) {
        c->q.change = SB_CHANGE_RENAME;
        return sb_str_set(&c->new_field, s->new_field) ? sb_fail_nomem(err) : 0;
    }
    char *renames = sb_o_found("\\b(re-?name)\\b", text, err);
    if (err->code != SB_OK)
        return -1;
    if (renames) {
        free(renames);
        return sb_fail(err, SB_EINPUT, "To which name? A field's name has at least one letter, and this request holds none for it: rename A to B in %s", s->ns);
    }
    char *converts = s->type ? sb_o_found("\\b(convert|cast|retype|change|turn|migrate)\\b", text, err) : NULL;
    if (converts) {
        free(converts);
        return read_retype(text, c, s->type, err);
    }
    int parts = read_parts(text, c, err);
    if (parts)
        return parts < 0 ? -1 : 0;
    if ((c->expression = computed(text, err))) {
        c->q.change = SB_CHANGE_ADD;
        return 0;
    }
    if (err->code != SB_OK)
        return -1;
    char *removes = sb_o_found("\\b(remove|drop|delete|unset)\\b", text, err);
    char *value = sb_o_found("(?:\\bdefault(?:\\s+(?:value|of|to))?|\\bvalue|\\bwith|\\bto|=)\\s*" VALUE, text, err);
    int rc = 0;
    if (removes) {
        c->q.change = SB_CHANGE_REMOVE;
    } else if (value) {
        c->q.change = SB_CHANGE_ADD;
        c->value = sb_format("{\"v\":%s}", value);
        rc = c->value ? 0 : sb_fail_nomem(err);
    } else {
        rc = sb_fail(err, SB_ENO, "This version plans these changes of a field: \"rename A to B in %s\", \"add field A with default VALUE to %s\" (a text in quotes), \"add field A computed as EXPRESSION to %s\", \"convert A from "
                     "string to date in %s\", \"split A into B and C in %s\", \"merge A and B into C in %s\", \"remove field A from %s\", \"expire documents in %s 30 days after A\", \"archive documents of %s older than 730 days by A\", \"extract A of %s into DATABASE.COLLECTION\". "
                     "This is another one.",
                     s->ns, s->ns, s->ns, s->ns, s->ns, s->ns, s->ns, s->ns, s->ns, s->ns);
    }
    free(removes);
    free(value);
    return rc;
}

/* ---- there and back ---- */

/* The same change is planned already: an open card of a plan on this field of this collection. */
static const struct held_card *planned(struct sb_orchestrator *o, const struct change *c)
{
    for (size_t i = 0; i < o->cards_n; i++) {
        const struct sb_card *k = &o->cards[i]->card;
        if (sb_card_open(k) && sb_streq(k->target, c->ns) && k->steps_n && sb_streq(k->steps[0].work.field, c->field) && sb_streq(k->deployment_id, c->deployment_id))
            return o->cards[i];
    }
    return NULL;
}

/* It is about the collection, and no field of it. */
static bool whole(const struct change *c)
{
    return c->q.change == SB_CHANGE_NAME || c->q.change == SB_CHANGE_CAPPED;
}

/* An open card that has to do with one of the names: what it does it would do to something else. */
static const struct held_card *in_the_way(struct sb_orchestrator *o, const struct change *c)
{
    for (size_t i = 0; i < o->cards_n; i++) {
        const struct sb_card *k = &o->cards[i]->card;
        const struct sb_blast_radius *b = &k->blast_radius;
        bool about = sb_streq(k->target, c->ns) || sb_streq(k->target, c->into) || sb_strs_has(b->namespaces, b->namespaces_n, c->ns) || (c->into && sb_strs_has(b->namespaces, b->namespaces_n, c->into));
        if (about && sb_card_open(k) && k->state != SB_ADVISORY && sb_streq(k->deployment_id, c->deployment_id))
            return o->cards[i];
    }
    return NULL;
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct change *c = p;
    struct held_case *held = sb_o_case(o, c->case_id);
    if (!held) {
        free_change(c);
        return;
    }
    sb_o_record_reads(o, held, &c->plan.reads);
    sb_o_record_reads(o, held, &c->uses.reads);
    const struct held_card *first = c->err.code == SB_OK && (whole(c) || (c->q.change == SB_CHANGE_SERIES && c->plan.n > 1)) ? in_the_way(o, c) : NULL;
    if (first)
        sb_fail(&c->err, SB_ENO, "%.40s is about %.120s (%s): a collection is not renamed or replaced under a plan that has its name. Let it end, or reject it, and ask again", first->card.id, first->card.target,
                sb_name(&sb_states, first->card.state));
    const struct held_card *same = c->err.code == SB_OK && !c->key && c->field ? planned(o, c) : NULL;
    struct sb_str text;
    sb_str_init(&text);
    if (same)
        sb_str_addf(&text, "%s is about this field already (%s)", same->card.id, sb_name(&sb_states, same->card.state));
    for (size_t i = 0; i < c->plan.n && !same && c->err.code == SB_OK; i++) {
        sb_str_addf(&text, "%s%s: %s%s%s", i ? "; " : "", c->plan.card[i].id, c->plan.card[i].phase ? c->plan.card[i].phase : "", c->plan.card[i].phase ? ", " : "", c->plan.card[i].title);
        if (c->plan.card[i].kind == SB_KIND_ADVISORY)
            sb_o_advise(o, &c->plan.card[i], "the Data Architect's judgement; it asks for nothing", &c->err);
        else
            sb_o_propose(o, &c->plan.card[i], "proposed by the Data Architect", &c->err);
        held = sb_o_case(o, c->case_id);
    }
    if (held)
        sb_o_finish_consult(o, held, same ? same->card.id : NULL, &c->err, sb_str_ok(&text) ? text.p : "out of memory");
    sb_str_release(&text);
    free_change(c);
}

/* The second of two fields that one is split into: a card of its own behind the first. */
static void plan_second(struct change *c)
{
    struct sb_change_question q = c->q;
    struct sb_change_plan more;
    q.field = c->second;
    q.expression = c->second_expression;
    q.first_card++;
    if (sb_schema_change(c->o->opt.server, &q, &more, &c->err) == 0) {
        struct sb_card *first = &c->plan.card[0], *second = &c->plan.card[1];
        *second = more.card[0];
        memset(&more.card[0], 0, sizeof more.card[0]);
        c->plan.n = 2;
        first->phase = sb_format("1 of 2: the first part");
        second->phase = sb_format("2 of 2: the second part");
        if (!first->phase || !second->phase || sb_str_set(&second->after, first->id))
            sb_fail_nomem(&c->err);
    }
    for (size_t i = 0; i < more.reads.line_n; i++)
        if (sb_strs_push(&c->plan.reads.line, &c->plan.reads.line_n, more.reads.line[i]))
            c->plan.reads.failed = true;
    c->plan.reads.left_out += more.reads.left_out;
    sb_change_plan_release(&more);
}

static void plan(void *p)
{
    struct change *c = p;
    c->q.uses = &c->uses;
    if (c->err.code == SB_OK && whole(c)) /* all that has the name is told, not only who was heard */
        sb_depends_read(c->o->opt.server, c->ns, NULL, c->q.now, &c->uses, &c->err);
    if (c->err.code == SB_OK && sb_schema_change(c->o->opt.server, &c->q, &c->plan, &c->err) == 0 && c->second)
        plan_second(c);
    sb_o_post_done(c->o, &c->way, back, c, free_change);
}

/* Who asks for the field and who writes it, by what was heard of it. */
static void listen(void *p, const struct sb_view *view)
{
    struct change *c = p;
    struct sb_shard_key key;
    if (!c->key)
        sb_depends_heard(sb_view_workload(view), c->ns, c->field, sb_view_now(view), &c->uses, &c->err);
    else if (sb_shard_key_read(c->key, &key, &c->err) == 0)
        sb_shard_key_heard(sb_view_workload(view), c->ns, &key, &c->heard);
    sb_o_work(c->o, &c->way, plan, c, free_change);
}

int sb_o_consult_change(struct sb_orchestrator *o, struct held_case *held, const char *ns, struct sb_err *err)
{
    if (!o->connected)
        return sb_fail(err, SB_ESERVER, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
    struct change *c = calloc(1, sizeof *c);
    if (!c)
        return sb_fail_nomem(err);
    c->o = o;
    if (read_kind(held, c, err)) {
        free_change(c);
        return -1;
    }
    if (c->q.change == SB_CHANGE_EXPIRE && check_retention(o, ns, c->q.expire_s, err)) {
        free_change(c);
        return -1;
    }
    bool looks = c->q.change == SB_CHANGE_RENAME || c->q.change == SB_CHANGE_REMOVE || c->q.change == SB_CHANGE_RETYPE;
    if (looks && o->facts.hello.is_mongos) {
        free_change(c);
        return sb_fail(err, SB_ENO, "Whether the applications follow is read from the oplog, and a sharded cluster has one on each shard, which no mongos shows: nothing is proposed.");
    }
    if (c->q.change == SB_CHANGE_NAME && check_kept(o, c->ns, c->into, err)) {
        free_change(c);
        return -1;
    }
    if (c->q.change == SB_CHANGE_SERIES && check_series_kept(o, ns, err)) {
        free_change(c);
        return -1;
    }
    if (c->q.change == SB_CHANGE_CAPPED && check_not_kept(o, ns, err)) {
        free_change(c);
        return -1;
    }
    bool moves = whole(c) || c->q.change == SB_CHANGE_ARCHIVE || c->q.change == SB_CHANGE_EXTRACT || c->q.change == SB_CHANGE_EMBED;
    if (moves && ((!o->facts.simulated && !o->facts.mongod) || !o->facts.hello.set_name[0])) {
        free_change(c);
        return sb_fail(err, SB_ENO, "Documents go between collections, collections get other names, and the oplog tells who writes them, only on a replica set of MongoDB's own servers: nothing is proposed.");
    }
    if (c->q.change == SB_CHANGE_EXPIRE && !o->facts.simulated && !o->facts.mongod) {
        free_change(c);
        return sb_fail(err, SB_ENO, "This server is not MongoDB's own, and is not known to take a collMod that changes when documents expire: nothing is proposed.");
    }
    if (sb_str_set(&c->case_id, held->case_.id) || (!c->ns && sb_str_set(&c->ns, ns)) || (!c->field && !whole(c) && sb_str_set(&c->field, held->case_.reading.slots.field)) || sb_str_set(&c->deployment, o->deployment) ||
        sb_str_set(&c->deployment_id, o->facts.id) || sb_str_set(&c->requested_by, held->case_.requested_by)) {
        free_change(c);
        return sb_fail_nomem(err);
    }
    c->q = (struct sb_change_question){.change = c->q.change, .ns = c->ns, .field = c->field, .expire_s = c->q.expire_s, .into = c->into, .written = c->q.written, .capped_at = c->q.capped_at, .from = c->from, .foreign = c->foreign, .key = c->key, .heard = c->key ? &c->heard : NULL, .new_field = c->new_field, .value = c->q.change == SB_CHANGE_ADD ? c->value : NULL, .expression = c->expression, .type = c->type,
                                       .from_type = c->from_type, .otherwise = c->q.change == SB_CHANGE_RETYPE ? c->value : NULL, .first_card = o->last_card + 1, .case_id = c->case_id,
                                       .deployment = c->deployment, .deployment_id = c->deployment_id, .requested_by = c->requested_by, .environment = o->opt.environment,
                                       .simulated = o->facts.simulated, .members = sb_o_node_count(o), .now = sb_o_deployment_now(o)};
    o->last_card += SB_CHANGE_CARDS; /* numbers that lead to no card are left out, never given twice */
    held->consulting = true;
    sb_o_view(o, &c->way, listen, c, free_change);
    return 0;
}
