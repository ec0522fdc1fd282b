/* SPDX-License-Identifier: Apache-2.0
 *
 * From JSON to a program. Everything that is not in the language is refused with its place: a rule that was silently half
 * understood would be worse than none. */
#include "loader.h"

#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>

#include <inttypes.h>
#include <stdlib.h>

/* ---- what holds for every value of the file ---- */

static int check_plain(struct sb_loader *l, const json_t *v, unsigned depth)
{
    const char *key;
    json_t *child;
    size_t i;
    if (depth > SB_POLICY_MAX_DEPTH)
        return sb_loader_refuse(l, "nested deeper than 16 levels");
    switch (json_typeof(v)) {
    case JSON_REAL:
        return sb_loader_refuse(l, "a number with a fraction or exponent is not allowed (write an integer)");
    case JSON_INTEGER:
        if (json_integer_value(v) > SB_JSON_MAX_INT || json_integer_value(v) < -SB_JSON_MAX_INT)
            return sb_loader_refuse(l, "an integer outside +-(2^53-1)");
        return 0;
    case JSON_OBJECT:
        json_object_foreach((json_t *)(uintptr_t)v, key, child) {
            size_t mark = sb_loader_enter(l, key);
            if (check_plain(l, child, depth + 1))
                return -1;
            sb_loader_leave(l, mark);
        }
        return 0;
    case JSON_ARRAY:
        json_array_foreach((json_t *)(uintptr_t)v, i, child) {
            size_t mark = sb_loader_enter_item(l, i);
            if (check_plain(l, child, depth + 1))
                return -1;
            sb_loader_leave(l, mark);
        }
        return 0;
    default:
        return 0;
    }
}

/* ---- rules ---- */

static const char *const require_keys[] = {"approvals", "more_approvals", "groups", "group_approvals", "checks", "windows", "redaction", "not_author", "not_executor", "typed_target"};

static int get_name(struct sb_loader *l, const json_t *object, const char *key, const struct sb_names *names, int *out)
{
    const char *text;
    if (sb_loader_text(l, object, key, true, &text))
        return -1;
    *out = sb_name_find(names, text);
    if (*out >= 0)
        return 0;
    char what[64];
    snprintf(what, sizeof what, "unknown %s", names->what);
    return sb_loader_refuse_name(l, what, text);
}

static int read_require(struct sb_loader *l, const json_t *rule, struct sb_rule *out)
{
    const json_t *v = json_object_get(rule, "require");
    if ((v != NULL) != (out->effect == SB_RULE_REQUIRE))
        return sb_loader_refuse(l, v ? "only a rule of effect require has a \"require\"" : "a rule of effect require needs a \"require\"");
    if (!v)
        return 0;
    size_t mark = sb_loader_enter(l, "require");
    if (sb_loader_keys(l, v, require_keys, SB_COUNT(require_keys)) || sb_loader_words(l, v, "groups", &out->groups) ||
        sb_loader_words(l, v, "checks", &out->checks) || sb_loader_words(l, v, "windows", &out->windows) ||
        sb_loader_words(l, v, "redaction", &out->redaction) || sb_loader_flag(l, v, "not_author", &out->not_author) ||
        sb_loader_flag(l, v, "not_executor", &out->not_executor) || sb_loader_flag(l, v, "typed_target", &out->typed_target) ||
        sb_loader_int(l, v, "approvals", 0, SB_POLICY_MAX_APPROVALS, &out->approvals) ||
        sb_loader_int(l, v, "more_approvals", 0, SB_POLICY_MAX_APPROVALS, &out->more_approvals) ||
        sb_loader_int(l, v, "group_approvals", 1, SB_POLICY_MAX_APPROVALS, &out->group_approvals) || sb_loader_check_groups(l, out))
        return -1;
    sb_loader_leave(l, mark);
    return 0;
}

static int read_expression(struct sb_loader *l, const json_t *rule, const char *key, int *out)
{
    const json_t *v = json_object_get(rule, key);
    *out = SB_NO_NODE;
    if (!v)
        return 0;
    size_t mark = sb_loader_enter(l, key);
    *out = sb_compile_expression(l, v);
    sb_loader_leave(l, mark);
    return *out < 0 ? -1 : 0;
}

static int note_fact(struct sb_loader *l, struct sb_rule *rule, int fact)
{
    bool known = fact == SB_NO_FACT;
    for (size_t i = 0; i < rule->shown_n && !known; i++)
        known = rule->shown[i] == fact;
    if (known)
        return 0;
    int *slot = sb_list_push((void **)&rule->shown, &rule->shown_n, sizeof *slot);
    if (!slot)
        return sb_fail_nomem(l->err);
    *slot = fact;
    return 0;
}

static int note_facts(struct sb_loader *l, struct sb_rule *rule, int node)
{
    if (node == SB_NO_NODE)
        return 0;
    const struct sb_node *n = &l->p->nodes[node];
    if (note_fact(l, rule, n->fact) || note_fact(l, rule, n->other))
        return -1;
    for (int child = n->first; child != SB_NO_NODE; child = l->p->nodes[child].next)
        if (note_facts(l, rule, child))
            return -1;
    return 0;
}

static int read_rule(struct sb_loader *l, const json_t *v)
{
    static const char *const keys[] = {"id", "level", "effect", "title", "match", "when", "message", "owner", "review_by", "waivable_by", "require"};
    struct sb_policy *p = l->p;
    int level, effect;
    if (SB_GROW(p->rules, p->rules_cap, p->rules_n + 1))
        return sb_fail_nomem(l->err);
    struct sb_rule *r = &p->rules[p->rules_n++];
    memset(r, 0, sizeof *r);
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || sb_loader_text(l, v, "id", true, &r->id) || sb_loader_text(l, v, "title", true, &r->title) ||
        sb_loader_text(l, v, "message", false, &r->message) || sb_loader_text(l, v, "owner", false, &r->owner) ||
        sb_loader_text(l, v, "review_by", false, &r->review_by) || sb_loader_text(l, v, "waivable_by", false, &r->waivable_by) || get_name(l, v, "level", &sb_rule_levels, &level) ||
        get_name(l, v, "effect", &sb_rule_effects, &effect))
        return -1;
    r->level = (enum sb_rule_level)level;
    r->effect = (enum sb_rule_effect)effect;
    for (size_t i = 0; i + 1 < p->rules_n; i++)
        if (strcmp(p->rules[i].id, r->id) == 0)
            return sb_loader_refuse_name(l, "a second rule with the id", r->id);
    if (r->effect == SB_RULE_ALLOW && r->waivable_by)
        return sb_loader_refuse(l, "a rule that allows cannot be waived");
    if (read_require(l, v, r) || sb_loader_check_groups(l, r) || read_expression(l, v, "match", &r->match) || read_expression(l, v, "when", &r->when))
        return -1;
    if (r->match == SB_NO_NODE && r->when == SB_NO_NODE)
        return sb_loader_refuse(l, "a rule needs a \"match\" or a \"when\"");
    if (note_facts(l, r, r->when != SB_NO_NODE ? r->when : r->match))
        return -1;
    for (size_t i = 0; i < json_array_size(r->checks); i++) {
        const struct sb_check_rule *c = sb_check_rule_find(p, json_string_value(json_array_get(r->checks, i)));
        if (c && note_facts(l, r, c->node))
            return -1;
    }
    for (size_t i = 0; i < json_array_size(r->windows); i++)
        if (note_fact(l, r, sb_window_find(p, json_string_value(json_array_get(r->windows, i)))->active))
            return -1;
    return 0;
}

static bool version_ok(const char *text)
{
    size_t digits = 0, parts = 1;
    for (; *text; text++) {
        if (*text == '.' && digits) {
            parts++;
            digits = 0;
        } else if (*text >= '0' && *text <= '9' && digits < 9) {
            digits++;
        } else {
            return false;
        }
    }
    return digits > 0 && parts <= 4;
}

static int read_head(struct sb_loader *l)
{
    static const char *const keys[] = {"format", "bundle", "version", "default", "windows", "groups", "checks", "tags", "holds", "autonomy", "batch", "waivers", "breakglass", "sensitive", "rules", "inputs", "tests"};
    const json_t *tree = l->p->tree, *sensitive;
    const char *format, *fallback, *name, *version;
    if (sb_loader_keys(l, tree, keys, SB_COUNT(keys)) || sb_loader_text(l, tree, "format", true, &format) || sb_loader_text(l, tree, "default", true, &fallback) ||
        sb_loader_text(l, tree, "bundle", true, &name) || sb_loader_text(l, tree, "version", true, &version))
        return -1;
    if (strcmp(format, "signalbox.policy/1") != 0)
        return sb_loader_refuse_name(l, "this program knows the format signalbox.policy/1, not", format);
    if (strcmp(fallback, "deny") != 0) {
        sb_loader_enter(l, "default"); /* for its place */
        return sb_loader_refuse(l, "the default must be deny");
    }
    if (sb_loader_words(l, tree, "sensitive", &sensitive))
        return -1;
    if (!version_ok(version))
        return sb_loader_refuse_name(l, "a version is one to four numbers with dots, not", version);
    return sb_str_set(&l->p->id.bundle, name) || sb_str_set(&l->p->id.version, version) ? sb_fail_nomem(l->err) : 0;
}

/* Rules of one kind look at the same facts, and are for the same plans; bundles have many of a kind. */
static void note_alike(struct sb_policy *p, const json_t *rules)
{
    for (size_t i = 0; i < p->rules_n; i++) {
        struct sb_rule *r = &p->rules[i];
        const json_t *match = json_object_get(json_array_get(rules, i), "match");
        for (r->same = 0; r->same < i; r->same++)
            if (match && p->rules[r->same].same == r->same && json_equal(match, json_object_get(json_array_get(rules, r->same), "match")))
                break;
        for (r->like = 0; r->like < i; r->like++) {
            const struct sb_rule *other = &p->rules[r->like];
            if (other->shown_n == r->shown_n && (r->shown_n == 0 || memcmp(other->shown, r->shown, r->shown_n * sizeof *r->shown) == 0))
                break;
        }
    }
}

static int read_rules(struct sb_loader *l)
{
    const json_t *rules = json_object_get(l->p->tree, "rules");
    size_t mark = sb_loader_enter(l, "rules");
    if (!json_is_array(rules) || json_array_size(rules) > SB_POLICY_MAX_RULES)
        return sb_loader_refuse(l, "must be a list of at most 1000 rules");
    for (size_t i = 0; i < json_array_size(rules); i++) {
        size_t inner = sb_loader_enter_item(l, i);
        if (read_rule(l, json_array_get(rules, i)))
            return -1;
        sb_loader_leave(l, inner);
    }
    sb_loader_leave(l, mark);
    note_alike(l->p, rules);
    return sb_compile_fact(l, "target.env", &l->p->env) || sb_compile_fact(l, "stage", &l->p->stage) || sb_compile_fact(l, "plan.started", &l->p->started) ||
                   sb_compile_fact(l, "plan.in_step", &l->p->in_step)
               ? -1
               : 0;
}

/* ---- tests: their form; what they mean is test.c's ---- */

/* What a rule may require, and what follows for the whole from the section "batch". */
static int check_required(struct sb_loader *l, const json_t *requires)
{
    const char *keys[SB_COUNT(require_keys) + 1];
    memcpy(keys, require_keys, sizeof require_keys);
    keys[SB_COUNT(require_keys)] = "batch";
    return requires ? sb_loader_keys(l, requires, keys, SB_COUNT(keys)) : 0;
}

static int check_expect(struct sb_loader *l, const json_t *expect)
{
    static const char *const keys[] = {"decision", "rules", "advice", "requires", "waits_for", "waivers"};
    const json_t *words, *requires = json_object_get(expect, "requires");
    int decision;
    size_t mark = sb_loader_enter(l, "expect");
    if (sb_loader_keys(l, expect, keys, SB_COUNT(keys)) || get_name(l, expect, "decision", &sb_decisions, &decision) ||
        sb_loader_words(l, expect, "rules", &words) || sb_loader_words(l, expect, "advice", &words) ||
        sb_loader_words(l, expect, "waits_for", &words) || sb_loader_words(l, expect, "waivers", &words) ||
        check_required(l, requires))
        return -1;
    sb_loader_leave(l, mark);
    return 0;
}

static int check_test(struct sb_loader *l, const json_t *v)
{
    static const char *const keys[] = {"name", "base", "input", "expect"};
    const char *name, *base;
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || sb_loader_text(l, v, "name", true, &name) || sb_loader_text(l, v, "base", false, &base))
        return -1;
    if (base && !json_object_get(json_object_get(l->p->tree, "inputs"), base))
        return sb_loader_refuse_name(l, "there is no input named", base);
    const json_t *input = json_object_get(v, "input");
    if (input ? !json_is_object(input) : !base)
        return sb_loader_refuse(l, "a test needs an \"input\" object, or a \"base\"");
    return check_expect(l, json_object_get(v, "expect"));
}

static int check_tests(struct sb_loader *l)
{
    const json_t *tests = json_object_get(l->p->tree, "tests"), *inputs = json_object_get(l->p->tree, "inputs");
    const char *key;
    json_t *input;
    if (inputs && !json_is_object(inputs))
        return sb_loader_refuse(l, "\"inputs\" must be an object");
    json_object_foreach((json_t *)(uintptr_t)inputs, key, input)
        if (!json_is_object(input))
            return sb_loader_refuse_name(l, "an input must be an object:", key);
    return sb_loader_list(l, tests, "tests", SIZE_MAX, "must be a list", check_test);
}

/* ---- the whole ---- */

static int seal(struct sb_loader *l)
{
    struct sb_str text;
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1];
    sb_str_init(&text);
    int rc = sb_json_canonical(&text, l->p->tree, l->err);
    if (rc == 0)
        rc = sb_hash_bytes(&hash, text.p, text.len, l->err);
    if (rc == 0) {
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
        l->p->text = sb_str_take(&text);
        if (!l->p->text || sb_str_set(&l->p->id.sha256, hex))
            rc = sb_fail_nomem(l->err);
    }
    sb_str_release(&text);
    return rc;
}

struct sb_policy *sb_policy_load(const char *text, size_t len, const char *path, const struct sb_zone_source *zones, struct sb_err *err)
{
    if (len > SB_POLICY_MAX_BYTES) {
        sb_fail(err, SB_EINPUT, "%s: larger than 1 MiB", path);
        return NULL;
    }
    struct sb_policy *p = calloc(1, sizeof *p);
    if (!p) {
        sb_fail_nomem(err);
        return NULL;
    }
    struct sb_loader l = {.p = p, .path = path, .text = text, .len = len, .err = err, .zones = zones};
    sb_str_init(&l.at);
    p->tree = sb_json_parse(text, len, path, SB_JSON_ALLOW_REAL, err);
    if (!p->tree || check_plain(&l, p->tree, 0) || read_head(&l) || sb_loader_sections(&l) || read_rules(&l) || check_tests(&l) || seal(&l)) {
        sb_policy_free(p);
        p = NULL;
    }
    sb_str_release(&l.at);
    return p;
}

void sb_policy_free(struct sb_policy *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->facts_n; i++) {
        free((char *)(uintptr_t)p->facts[i].path);
        free(p->facts[i].copy);
    }
    for (size_t i = 0; i < p->nodes_n; i++) {
        free(p->nodes[i].value);
        sb_regex_free(p->nodes[i].regex);
    }
    for (size_t i = 0; i < p->rules_n; i++)
        free(p->rules[i].shown);
    for (size_t i = 0; i < p->windows_n; i++) {
        free(p->windows[i].except);
        sb_zone_free(p->windows[i].zone);
    }
    free(p->windows);
    free(p->groups);
    free(p->checks);
    free(p->levels);
    free(p->batches);
    free(p->facts);
    free(p->nodes);
    free(p->rules);
    free(p->text);
    sb_record_release(&sb_bundle_id_schema, &p->id);
    json_decref(p->tree);
    free(p);
}

const struct sb_bundle_id *sb_policy_id(const struct sb_policy *p)
{
    return &p->id;
}

const json_t *sb_policy_sensitive(const struct sb_policy *p)
{
    return json_object_get(p->tree, "sensitive");
}

const char *sb_policy_text(const struct sb_policy *p)
{
    return p->text;
}
