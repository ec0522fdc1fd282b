/* SPDX-License-Identifier: Apache-2.0 */
#include "veil.h"
#include "veil_words.h"

#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LEARNED_MOST 20000 /* names; with more of them no word is taken for the program's own any more */
#define WORD_MOST 128      /* a longer word is no word of ours */

struct veil {
    unsigned char key[VEIL_KEY];
    char **learned; /* names in lower case, sorted */
    size_t learned_n, learned_cap;
    bool full;
    int year;
};

/* How a member's text is read, by its key. */
enum reading_as {
    AS_PROSE,   /* sentences of ours with names and figures in them */
    AS_NAME,    /* every word is a name, and learned */
    AS_PERSON,  /* the same, apart from the specialists */
    AS_COMMAND, /* what a database is sent: words of its language stay, and 0 and 1; all others are learned */
    AS_FIELDS,  /* a key or a filter: all words but operators are learned */
    AS_ID,      /* an id or a hash as they are written here; anything else in its place is prose */
};

/* ---- words ---- */

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool among(const char *word, const char *const *words, size_t n)
{
    return bsearch(&word, words, n, sizeof *words, compare_words) != NULL;
}

static size_t place_of(const struct veil *v, const char *word)
{
    size_t low = 0, high = v->learned_n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(v->learned[mid], word) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool learned(const struct veil *v, const char *lower)
{
    size_t at = place_of(v, lower);
    return at < v->learned_n && strcmp(v->learned[at], lower) == 0;
}

static int learn(struct veil *v, const char *lower)
{
    size_t at = place_of(v, lower);
    if (v->full || (at < v->learned_n && strcmp(v->learned[at], lower) == 0))
        return 0;
    if (v->learned_n == LEARNED_MOST) {
        v->full = true;
        return 0;
    }
    char *copy = sb_strdup_n(lower, strlen(lower));
    if (!copy || SB_GROW(v->learned, v->learned_cap, v->learned_n + 1)) {
        free(copy);
        return -1;
    }
    memmove(&v->learned[at + 1], &v->learned[at], (v->learned_n - at) * sizeof *v->learned);
    v->learned[at] = copy;
    v->learned_n++;
    return 0;
}

static bool word_byte(unsigned char c)
{
    return isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

static bool digits_only(const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (word[i] < '0' || word[i] > '9')
            return false;
    return n > 0;
}

/* Four syllables that say nothing: a number of 25 bits, from the word and the key. */
static void pseudonym(const struct veil *v, const char *lower, size_t n, struct sb_str *out)
{
    static const char consonants[] = "bdfgklmnprstvzhj", vowels[] = "aeiou";
    struct sb_hash hash;
    struct sb_slice parts[] = {{v->key, sizeof v->key}, {lower, n}};
    if (sb_hash_slices(&hash, parts, 2, NULL)) {
        sb_str_adds(out, "veiled");
        return;
    }
    for (int i = 0; i < 4; i++) {
        sb_str_addc(out, consonants[hash.bytes[2 * i] % 16]);
        sb_str_addc(out, vowels[hash.bytes[2 * i + 1] % 5]);
    }
}

/* The first two digits stay, the rest become 0; a year that everybody knows stays. */
static void figure(const struct veil *v, const char *digits, size_t n, struct sb_str *out)
{
    int year = 0;
    for (size_t i = 0; i < n && n == 4; i++)
        year = year * 10 + (digits[i] - '0');
    bool now = year && year >= v->year - 1 && year <= v->year + 1;
    for (size_t i = 0, kept = 0; i < n; i++) {
        bool lead = digits[i] == '0' && kept == 0;
        sb_str_addc(out, now || kept < 2 ? digits[i] : '0');
        kept += !lead;
    }
}

/* "38x", "300ms": a figure with its unit. */
static bool measure(const char *word, size_t n, size_t *digits)
{
    static const char *const units[] = {"B", "GB", "GiB", "KB", "KiB", "MB", "MiB", "TB", "d", "h", "k", "m", "min", "ms", "s", "us", "x"};
    char unit[4];
    *digits = strspn(word, "0123456789");
    if (*digits == 0 || *digits >= n || n - *digits >= sizeof unit)
        return false;
    memcpy(unit, word + *digits, n - *digits);
    unit[n - *digits] = '\0';
    return among(unit, units, SB_COUNT(units));
}

/* What a command may say without saying anything of the data. Sorted by bytes. */
static const char *const language[] = {
    "$and", "$date", "$db", "$elemMatch", "$eq", "$exists", "$expr", "$group", "$gt", "$gte", "$in", "$jsonSchema", "$limit", "$lt", "$lte", "$match", "$ne", "$nin", "$nor", "$not",
    "$numberDecimal", "$numberDouble", "$numberInt", "$numberLong", "$oid", "$or", "$out", "$project", "$regex", "$rename", "$sample", "$set", "$size", "$sort", "$type", "$unset",
    "2dsphere", "aggregate", "batchSize", "bsonType", "collMod", "collation", "commitQuorum", "createIndexes", "cursor", "delete", "deletes", "dropIndexes", "error",
    "expireAfterSeconds", "false", "filter", "find", "hashed", "hidden", "hint", "index", "indexes", "key", "killOp", "limit", "majority", "maxTimeMS", "moderate", "multi", "name", "null",
    "off", "ordered", "partialFilterExpression", "pipeline", "profile", "projection", "properties", "q", "required", "slowms", "sort", "sparse", "strict", "text", "true", "u", "unique",
    "update", "updates", "upsert", "validationAction", "validationLevel", "validator", "votingMembers", "w", "warn", "writeConcern", "wtimeout",
};

static void lower_of(const char *word, size_t n, char out[WORD_MOST + 1])
{
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a' : word[i]);
    out[n] = '\0';
}

/* Does the word stay as it is? */
static bool harmless(const struct veil *v, const char *word, const char *lower, enum reading_as as)
{
    if (as == AS_NAME || as == AS_PERSON || learned(v, lower) || v->full)
        return false;
    return as == AS_COMMAND || as == AS_FIELDS ? among(word, language, SB_COUNT(language)) : among(word, veil_words, SB_COUNT(veil_words));
}

static void one_word(const struct veil *v, const char *word, size_t n, enum reading_as as, struct sb_str *out)
{
    char plain[WORD_MOST + 1], lower[WORD_MOST + 1];
    bool command = as == AS_COMMAND || as == AS_FIELDS;
    size_t digits;
    if (n > WORD_MOST) {
        pseudonym(v, word, n, out);
        return;
    }
    memcpy(plain, word, n);
    plain[n] = '\0';
    lower_of(word, n, lower);
    if (digits_only(word, n)) {
        if (!command && as != AS_NAME)
            figure(v, word, n, out);
        else if (n == 1 && word[0] <= '1')
            sb_str_addc(out, word[0]);
        else
            pseudonym(v, lower, n, out);
    } else if (as == AS_PROSE && !v->full && !learned(v, lower) && measure(word, n, &digits)) {
        figure(v, word, digits, out);
        sb_str_add(out, word + digits, n - digits);
    } else if (harmless(v, plain, lower, as)) {
        sb_str_add(out, word, n);
    } else {
        pseudonym(v, lower, n, out);
    }
}

/* Length of an id as this program numbers things ("C-000012") at p; 0: none begins there. */
static size_t id_at(const char *p)
{
    if (!strchr("ACHKD", p[0]) || !p[0] || p[1] != '-' || strspn(p + 2, "0123456789") != 6 || word_byte((unsigned char)p[8]))
        return 0;
    return 8;
}

/* Length of what may be an address in numbers at p ("10.20.4.15", or "10-20-4-15" in a host's name), whole with whatever letters
 * stand at its end; 0: none begins there. */
static size_t address_at(const char *p)
{
    size_t n = strspn(p, "0123456789"), groups = n > 0;
    char mark = n ? p[n] : '\0';
    while (groups && (mark == '.' || mark == '-') && p[n] == mark) {
        size_t digits = strspn(p + n + 1, "0123456789");
        if (!digits)
            break;
        n += 1 + digits;
        groups++;
    }
    while (groups >= 4 && word_byte((unsigned char)p[n]))
        n++;
    return groups >= 4 ? n : 0;
}

static bool is_hash(const char *text)
{
    return strlen(text) == SB_HEX_LEN && strspn(text, "0123456789abcdef") == SB_HEX_LEN;
}

static char *rewrite(const struct veil *v, const char *text, enum reading_as as)
{
    struct sb_str out;
    sb_str_init(&out);
    if (as == AS_ID) {
        if ((id_at(text) && !text[8]) || is_hash(text))
            return sb_strdup_n(text, strlen(text));
        as = AS_PROSE;
    }
    if (as == AS_PERSON && (sb_name_find(&sb_specialists, text) >= 0 || !text[0]))
        return sb_strdup_n(text, strlen(text));
    bool host = false; /* what stands before p may be one: a number behind its colon is a port, as in the lists of members */
    for (const char *p = text; *p;) {
        bool begins = p == text || !word_byte((unsigned char)p[-1]);
        size_t id = as == AS_PROSE && begins ? id_at(p) : 0, address = begins && !id ? address_at(p) : 0, n = id ? id : address;
        if (id) {
            sb_str_add(&out, p, n);
            host = false;
        } else if (address) {
            pseudonym(v, p, n, &out);
            host = true;
        } else {
            while (word_byte((unsigned char)p[n]))
                n++;
            bool number = digits_only(p, n), port = number && host && p > text && p[-1] == ':' && p[n] != ':';
            if (n)
                one_word(v, p, n, port ? AS_NAME : as, &out);
            else
                sb_str_addc(&out, *p);
            host = n ? !number : (*p == ':' && host) || *p == ']';
        }
        p += n ? n : 1;
    }
    return sb_str_take(&out);
}

/* ---- records ---- */

static enum reading_as member_as(const struct sb_schema *s, const struct sb_member *m)
{
    static const struct {
        const char *key;
        enum reading_as as;
    } keys[] = {
        {"acked_by", AS_PERSON}, {"actor", AS_PERSON}, {"after", AS_ID}, {"anomaly", AS_ID}, {"app", AS_NAME}, {"apps", AS_NAME}, {"author", AS_PERSON}, {"author_signs", AS_PERSON},
        {"by", AS_PERSON}, {"card", AS_ID}, {"cards", AS_ID}, {"case", AS_ID}, {"client", AS_NAME}, {"connection", AS_NAME}, {"database", AS_NAME}, {"deployment", AS_NAME}, {"deployment_id", AS_NAME}, {"do", AS_COMMAND},
        {"field", AS_NAME}, {"groups", AS_PROSE}, {"hash", AS_ID}, {"hide", AS_COMMAND}, {"hosts", AS_NAME}, {"id", AS_ID}, {"index", AS_NAME}, {"index_key", AS_FIELDS}, {"index_name", AS_NAME},
        {"index_options", AS_COMMAND}, {"key", AS_FIELDS}, {"lines", AS_COMMAND}, {"member", AS_NAME}, {"members", AS_NAME}, {"name", AS_NAME}, {"namespaces", AS_NAME}, {"new_field", AS_NAME},
        {"ns", AS_NAME}, {"opid", AS_NAME}, {"plan", AS_FIELDS}, {"proves", AS_ID}, {"requested_by", AS_PERSON}, {"reviewed_by", AS_PERSON}, {"session", AS_NAME}, {"set_name", AS_NAME}, {"sha256", AS_ID}, {"shard", AS_NAME}, {"shapes", AS_FIELDS},
        {"subject", AS_NAME}, {"target", AS_NAME}, {"ticket", AS_NAME}, {"undo", AS_COMMAND}, {"who", AS_PERSON},
    };
    if ((s == &sb_check_schema && sb_streq(m->key, "value")) || (s == &sb_card_edit_schema && (sb_streq(m->key, "was") || sb_streq(m->key, "now"))))
        return AS_COMMAND;
    if (s == &sb_recovery_goal_schema) /* what it calls "name" is a label of ours */
        return AS_PROSE;
    for (size_t i = 0; i < SB_COUNT(keys); i++)
        if (strcmp(keys[i].key, m->key) == 0)
            return keys[i].as;
    return AS_PROSE;
}

/* Every word of a name that is one: later ones may be told of it by themselves. */
static int learn_words(struct veil *v, const char *text, enum reading_as as)
{
    char lower[WORD_MOST + 1];
    if (as == AS_PERSON && sb_name_find(&sb_specialists, text) >= 0)
        return 0;
    for (const char *p = text; *p;) {
        size_t n = 0;
        while (word_byte((unsigned char)p[n]))
            n++;
        if (n > 1 && n <= WORD_MOST && !digits_only(p, n)) {
            lower_of(p, n, lower);
            char plain[WORD_MOST + 1];
            memcpy(plain, p, n);
            plain[n] = '\0';
            bool ours = (as == AS_FIELDS && p[0] == '$') || (as == AS_COMMAND && among(plain, language, SB_COUNT(language)));
            if (!ours && learn(v, lower))
                return -1;
        }
        p += n ? n : 1;
    }
    return 0;
}

static json_t *rewrite_json(const struct veil *v, const json_t *value)
{
    if (json_is_string(value)) {
        char *text = rewrite(v, json_string_value(value), AS_PROSE);
        json_t *out = text ? json_string(text) : NULL;
        free(text);
        return out;
    }
    if (json_is_array(value)) {
        json_t *out = json_array();
        for (size_t i = 0; out && i < json_array_size(value); i++)
            if (json_array_append_new(out, rewrite_json(v, json_array_get(value, i)))) {
                json_decref(out);
                return NULL;
            }
        return out;
    }
    if (json_is_object(value)) {
        json_t *out = json_object(), *one;
        const char *key;
        json_object_foreach((json_t *)(uintptr_t)value, key, one) {
            char *name = rewrite(v, key, AS_PROSE);
            int bad = !out || !name || json_object_set_new(out, name, rewrite_json(v, one));
            free(name);
            if (bad) {
                json_decref(out);
                return NULL;
            }
        }
        return out;
    }
    if (json_is_integer(value)) {
        char digits[24];
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
        char *text = rewrite(v, digits, AS_PROSE);
        json_t *out = text ? json_integer(strtoll(text, NULL, 10)) : NULL;
        free(text);
        return out;
    }
    return json_is_real(value) ? json_null() : json_incref((json_t *)(uintptr_t)value);
}

static int veil_text(struct veil *v, char **slot, enum reading_as as, bool learning)
{
    if (!*slot)
        return 0;
    if (learning)
        return as == AS_PROSE || as == AS_ID ? 0 : learn_words(v, *slot, as);
    char *fresh = rewrite(v, *slot, as);
    if (!fresh)
        return -1;
    free(*slot);
    *slot = fresh;
    return 0;
}

/* Once through all of it for the names, and once to rewrite it: a title stands before the collection that it names. */
static int veil_record(struct veil *v, const struct sb_schema *s, void *record, bool learning)
{
    for (size_t k = 0; k < s->n; k++) {
        const struct sb_member *m = &s->member[k];
        void *at = (char *)record + m->offset;
        size_t n = m->kind == SB_STRS || m->kind == SB_RECS ? *(size_t *)((char *)record + m->count_offset) : 1;
        enum reading_as as = member_as(s, m);
        for (size_t i = 0; i < n; i++) {
            int rc = 0;
            if (m->kind == SB_STR)
                rc = veil_text(v, at, as, learning);
            else if (m->kind == SB_STRS)
                rc = veil_text(v, &(*(char ***)at)[i], as, learning);
            else if (m->kind == SB_REC)
                rc = veil_record(v, m->sub, at, learning);
            else if (m->kind == SB_RECS)
                rc = veil_record(v, m->sub, *(char **)at + i * ((const struct sb_schema *)m->sub)->size, learning);
            else if (m->kind == SB_JSON && *(json_t **)at && !learning) {
                json_t *fresh = rewrite_json(v, *(json_t **)at);
                rc = fresh ? 0 : -1;
                if (fresh) {
                    json_decref(*(json_t **)at);
                    *(json_t **)at = fresh;
                }
            }
            if (rc)
                return -1;
        }
    }
    return 0;
}

int veil_message(struct veil *v, struct sb_message *m, int year)
{
    const struct sb_schema *s = sb_message_schema(m->type);
    v->year = year;
    return !s || veil_record(v, s, m->body, true) || veil_record(v, s, m->body, false) ? -1 : 0;
}

char *veil_name(struct veil *v, const char *text)
{
    return learn_words(v, text, AS_NAME) ? NULL : rewrite(v, text, AS_NAME);
}

struct veil *veil_new(const unsigned char *key)
{
    struct veil *v = calloc(1, sizeof *v);
    if (v)
        memcpy(v->key, key, VEIL_KEY);
    return v;
}

void veil_free(struct veil *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->learned_n; i++)
        free(v->learned[i]);
    free(v->learned);
    free(v);
}
