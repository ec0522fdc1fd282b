/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/base/str.h>
#include <signalbox/sim/template.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 20
#define MAX_ARGS 64

enum kind { LITERAL, DOCUMENT, LIST, CALL };

#define MOST_WHOLE 1e15     /* numbers that are counted with: a double holds each of them exactly */
#define MOST_TEXT 16000000  /* characters: a document holds no more */
#define MOST_REPEATED 100000

enum fn { INT, LONG, DOUBLE, DECIMAL, BOOLEAN, OID, NOW, AGO, PICK, SKEW, EMAIL, PERSON, TEXT, CHOICE, WEIGHTED, REPEAT, SEQ, RECENT, OLDEST };

static const struct {
    const char *name;
    int least, most;
} functions[] = {
    [INT] = {"int", 2, 2},     [LONG] = {"long", 2, 2},     [DOUBLE] = {"double", 2, 2},  [DECIMAL] = {"decimal", 2, 2}, [BOOLEAN] = {"bool", 0, 1},
    [OID] = {"oid", 0, 0},     [NOW] = {"now", 0, 0},       [AGO] = {"ago", 1, 2},        [PICK] = {"pick", 1, 2},       [SKEW] = {"skew", 1, 2},
    [EMAIL] = {"email", 1, 1}, [PERSON] = {"person", 1, 1}, [TEXT] = {"text", 1, 1},      [CHOICE] = {"choice", 1, MAX_ARGS},
    [WEIGHTED] = {"weighted", 2, MAX_ARGS}, [REPEAT] = {"repeat", 3, 3}, [SEQ] = {"seq", 1, 2}, [RECENT] = {"recent", 2, 2}, [OLDEST] = {"oldest", 2, 2},
};

struct sim_template {
    enum kind kind;
    enum fn fn;
    /* a literal: its BSON, as {v: value} */
    uint8_t *literal;
    double number;
    char *string;
    /* of a document */
    char **key;
    struct sim_template **sub;
    size_t n, cap, key_cap;
};

void sim_template_free(struct sim_template *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++) {
        sim_template_free(t->sub[i]);
        if (t->key)
            free(t->key[i]);
    }
    free(t->sub);
    free(t->key);
    free(t->literal);
    free(t->string);
    free(t);
}

bool sim_template_is_document(const struct sim_template *t)
{
    return t->kind == DOCUMENT;
}

bool sim_template_is_list(const struct sim_template *t)
{
    return t->kind == LIST;
}

bool sim_template_has(const struct sim_template *t, const char *key)
{
    for (size_t i = 0; t->kind == DOCUMENT && i < t->n; i++)
        if (strcmp(t->key[i], key) == 0)
            return true;
    return false;
}

/* ---- parsing ---- */

struct parse {
    const char *text, *p;
    struct sb_err *err;
    unsigned depth;
};

static int wrong(struct parse *s, const char *what)
{
    return sb_fail(s->err, SB_EINPUT, "%s at character %zu of %.80s", what, (size_t)(s->p - s->text) + 1, s->text);
}

static void skip_blanks(struct parse *s)
{
    while (*s->p == ' ' || *s->p == '\t' || *s->p == '\n')
        s->p++;
}

static bool take(struct parse *s, char c)
{
    skip_blanks(s);
    if (*s->p != c)
        return false;
    s->p++;
    return true;
}

static struct sim_template *node(enum kind kind, struct parse *s)
{
    struct sim_template *t = calloc(1, sizeof *t);
    if (!t)
        sb_fail_nomem(s->err);
    else
        t->kind = kind;
    return t;
}

static struct sim_template *parse_value(struct parse *s);

static char *parse_string(struct parse *s)
{
    char quote = *s->p++;
    struct sb_str out;
    sb_str_init(&out);
    while (*s->p && *s->p != quote) {
        if (*s->p == '\\' && s->p[1])
            s->p++;
        sb_str_addc(&out, *s->p++);
    }
    if (*s->p != quote) {
        sb_str_release(&out);
        wrong(s, "a string does not end");
        return NULL;
    }
    s->p++;
    char *text = sb_str_take(&out);
    if (!text)
        sb_fail_nomem(s->err);
    return text;
}

static size_t word_length(const char *p)
{
    return strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.");
}

static int set_literal(struct sim_template *t, struct sim_w *w, struct parse *s)
{
    const uint8_t *done = sim_w_done(w);
    if (done && (t->literal = malloc(sim_doc_len(done))))
        memcpy(t->literal, done, sim_doc_len(done));
    sim_w_release(w);
    return t->literal ? 0 : sb_fail_nomem(s->err);
}

static struct sim_template *parse_number(struct parse *s)
{
    struct sim_template *t = node(LITERAL, s);
    char *end;
    struct sim_w w;
    if (!t)
        return NULL;
    double d = strtod(s->p, &end);
    bool real = memchr(s->p, '.', (size_t)(end - s->p)) || memchr(s->p, 'e', (size_t)(end - s->p));
    static const struct {
        char unit;
        double ms;
    } units[] = {{'s', 1e3}, {'m', 6e4}, {'h', 3.6e6}, {'d', 8.64e7}};
    for (size_t i = 0; i < SB_COUNT(units); i++)
        if (*end == units[i].unit) {
            d *= units[i].ms;
            end++;
            break;
        }
    if (end == s->p || !isfinite(d)) {
        sim_template_free(t);
        wrong(s, "no value");
        return NULL;
    }
    s->p = end;
    t->number = d;
    sim_w_init(&w);
    if (real || fabs(d) > MOST_WHOLE)
        sim_w_f64(&w, "v", d);
    else
        sim_w_int(&w, "v", (int64_t)d);
    if (set_literal(t, &w, s)) {
        sim_template_free(t);
        return NULL;
    }
    return t;
}

static int add(struct sim_template *t, char *key, struct sim_template *sub, struct parse *s)
{
    if (!sub || SB_GROW(t->sub, t->cap, t->n + 1) || (key && SB_GROW(t->key, t->key_cap, t->n + 1))) {
        free(key);
        sim_template_free(sub);
        return s->err && s->err->code ? -1 : sb_fail_nomem(s->err);
    }
    if (key)
        t->key[t->n] = key;
    t->sub[t->n++] = sub;
    return 0;
}

static char *parse_key(struct parse *s)
{
    skip_blanks(s);
    if (*s->p == '\'' || *s->p == '"')
        return parse_string(s);
    size_t n = word_length(s->p);
    if (n == 0) {
        wrong(s, "a name is missing");
        return NULL;
    }
    char *key = sb_strdup_n(s->p, n);
    if (!key)
        sb_fail_nomem(s->err);
    s->p += n;
    return key;
}

/* The rest of a document, list or call behind its opening. */
static int parse_members(struct sim_template *t, char end, struct parse *s)
{
    if (take(s, end))
        return 0;
    do {
        char *key = NULL;
        if (t->kind == DOCUMENT) {
            if (!(key = parse_key(s)))
                return -1;
            if (!take(s, ':')) {
                free(key);
                return wrong(s, "a colon is missing");
            }
        }
        if (add(t, key, parse_value(s), s))
            return -1;
    } while (take(s, ','));
    return take(s, end) ? 0 : wrong(s, "a comma or an end is missing");
}

/* What the functions count with is a whole number sooner or later, and some of them make as much as they are told. */
static int check_numbers(const struct sim_template *t, struct parse *s)
{
    double least = t->fn == AGO || t->fn == TEXT || t->fn == REPEAT ? 0 : -MOST_WHOLE;
    double most = t->fn == TEXT ? MOST_TEXT : t->fn == REPEAT ? MOST_REPEATED : MOST_WHOLE;
    for (size_t i = 0; i < t->n && t->fn != DOUBLE && t->fn != DECIMAL; i++)
        if (t->sub[i]->kind == LITERAL && !t->sub[i]->string && !(t->fn == REPEAT && i == 2) && (t->sub[i]->number < least || t->sub[i]->number > most)) {
            char what[100];
            snprintf(what, sizeof what, "a function needs a number from %.0f to %.0f in front of here", least, most);
            return wrong(s, what);
        }
    return 0;
}

static int check_call(const struct sim_template *t, struct parse *s)
{
    if ((int)t->n < functions[t->fn].least || (int)t->n > functions[t->fn].most)
        return wrong(s, "a function has too few or too many arguments in front of here");
    for (size_t i = 0; i < t->n; i++) {
        bool value = t->fn == CHOICE || (t->fn == WEIGHTED && i % 2 == 0) || (t->fn == REPEAT && i == 2);
        bool name = i == 0 && ((t->fn == SEQ || t->fn == RECENT || t->fn == OLDEST) || ((t->fn == PICK || t->fn == SKEW) && t->n == 2));
        if (name ? t->sub[i]->kind != LITERAL || !t->sub[i]->string : !value && (t->sub[i]->kind != LITERAL || t->sub[i]->string))
            return wrong(s, name ? "a function needs a text as its first argument in front of here" : "a function needs a number in front of here");
    }
    double last = t->n ? t->sub[t->n - 1]->number : 1;
    if ((t->fn == PICK || t->fn == SKEW || t->fn == EMAIL || t->fn == PERSON || t->fn == RECENT) && last < 1)
        return wrong(s, "a function needs a number of at least 1 in front of here");
    if (t->fn == WEIGHTED && t->n % 2)
        return wrong(s, "weighted() needs a weight behind each value");
    if ((t->fn <= DECIMAL || t->fn == REPEAT || (t->fn == AGO && t->n == 2)) && t->sub[0]->number > t->sub[1]->number)
        return wrong(s, "the first number is greater than the second in front of here");
    return check_numbers(t, s);
}

static struct sim_template *parse_word(struct parse *s)
{
    size_t n = word_length(s->p);
    const char *word = s->p;
    struct sim_template *t = NULL;
    struct sim_w w;
    s->p += n;
    if (take(s, '(')) {
        if (!(t = node(CALL, s)))
            return NULL;
        size_t i = 0;
        while (i < SB_COUNT(functions) && (strlen(functions[i].name) != n || memcmp(functions[i].name, word, n) != 0))
            i++;
        t->fn = (enum fn)i;
        if (i == SB_COUNT(functions) ? wrong(s, "an unknown function in front of here") : parse_members(t, ')', s) || check_call(t, s)) {
            sim_template_free(t);
            return NULL;
        }
        return t;
    }
    sim_w_init(&w);
    if (n == 4 && memcmp(word, "true", 4) == 0)
        sim_w_bool(&w, "v", true);
    else if (n == 5 && memcmp(word, "false", 5) == 0)
        sim_w_bool(&w, "v", false);
    else if (n == 4 && memcmp(word, "null", 4) == 0)
        sim_w_null(&w, "v");
    else
        n = 0;
    if (n == 0) {
        sim_w_release(&w);
        wrong(s, "an unknown word in front of here");
        return NULL;
    }
    if (!(t = node(LITERAL, s))) {
        sim_w_release(&w);
        return NULL;
    }
    if (set_literal(t, &w, s)) {
        sim_template_free(t);
        return NULL;
    }
    return t;
}

static struct sim_template *parse_text(struct parse *s)
{
    struct sim_template *t = node(LITERAL, s);
    struct sim_w w;
    if (!t || !(t->string = parse_string(s))) {
        sim_template_free(t);
        return NULL;
    }
    sim_w_init(&w);
    sim_w_text(&w, "v", t->string);
    if (set_literal(t, &w, s)) {
        sim_template_free(t);
        return NULL;
    }
    return t;
}

static struct sim_template *parse_value(struct parse *s)
{
    struct sim_template *t;
    skip_blanks(s);
    char c = *s->p;
    if (s->depth == MAX_DEPTH) {
        wrong(s, "nested too deeply");
        return NULL;
    }
    if (c == '{' || c == '[') {
        s->p++;
        if (!(t = node(c == '{' ? DOCUMENT : LIST, s)))
            return NULL;
        s->depth++;
        int rc = parse_members(t, c == '{' ? '}' : ']', s);
        s->depth--;
        if (rc) {
            sim_template_free(t);
            return NULL;
        }
        return t;
    }
    if (c == '\'' || c == '"')
        return parse_text(s);
    if ((c >= '0' && c <= '9') || c == '-')
        return parse_number(s);
    s->depth++;
    t = parse_word(s);
    s->depth--;
    return t;
}

struct sim_template *sim_template_new(const char *text, struct sb_err *err)
{
    struct sb_err local = SB_ERR_INIT;
    struct parse s = {text, text, err ? err : &local, 0};
    struct sim_template *t = parse_value(&s);
    skip_blanks(&s);
    if (t && *s.p) {
        wrong(&s, "something follows the value");
        sim_template_free(t);
        return NULL;
    }
    return t;
}

/* ---- making ---- */

static int64_t between(struct sb_rng *rng, double a, double b)
{
    return (int64_t)a + (int64_t)sb_rng_below(rng, (uint64_t)((int64_t)b - (int64_t)a) + 1);
}

static int64_t *sequence(struct sim_sequences *q, const char *name, int64_t start)
{
    for (size_t i = 0; i < q->n; i++)
        if (strcmp(q->item[i].name, name) == 0)
            return &q->item[i].last;
    if (q->n == SIM_SEQUENCE_MAX)
        return &q->item[SIM_SEQUENCE_MAX - 1].last;
    snprintf(q->item[q->n].name, sizeof q->item[q->n].name, "%s", name);
    q->item[q->n].last = start - 1;
    return &q->item[q->n++].last;
}

/* With two digits behind the point. Data sets are made when a program starts: no text on the way. */
static void put_decimal(struct sim_w *w, const char *key, double d)
{
    const uint64_t hundredth = (uint64_t)(6176 - 2) << 49; /* the exponent, by IEEE 754-2008 */
    int64_t n = llround(fmin(fmax(d, -1e15), 1e15) * 100);
    uint8_t b[16];
    sim_val_i64(b, n < 0 ? -n : n);
    sim_val_i64(b + 8, (int64_t)(hundredth | (n < 0 ? UINT64_C(1) << 63 : 0)));
    sim_w_val(w, key, (struct sim_val){BSON_TYPE_DECIMAL128, 16, b});
}

static const char *const first_names[] = {"anna", "bruno", "clara", "david", "elena", "felix", "greta", "hugo", "irene", "jonas", "karla", "leo",
                                          "maria", "nils", "olga", "paul", "quinn", "rosa", "sven", "tina", "uwe", "vera", "wim", "xenia"};
static const char *const last_names[] = {"arnold", "bauer", "conti", "duval", "engel", "fischer", "gruber", "huber", "ivanov", "jansen", "keller",
                                         "larsen", "moreau", "novak", "olsen", "petit", "rossi", "silva", "torres", "vogel", "weber", "zeller"};
static const char *const words[] = {"amber", "basil", "canvas", "delta", "ember", "fabric", "garnet", "harbor", "indigo", "juniper", "kettle", "linen",
                                    "maple", "nectar", "opal", "pepper", "quartz", "ribbon", "saffron", "timber", "umber", "velvet", "walnut", "zinc"};

static void put_person(struct sim_w *w, const char *key, uint64_t i, bool email)
{
    const char *first = first_names[i % SB_COUNT(first_names)], *last = last_names[i / SB_COUNT(first_names) % SB_COUNT(last_names)];
    if (email)
        sim_w_textf(w, key, "%s.%s%llu@example.com", first, last, (unsigned long long)i);
    else
        sim_w_textf(w, key, "%s %s %llu", first, last, (unsigned long long)i);
}

static void put_words(struct sim_w *w, const char *key, struct sb_rng *rng, size_t n)
{
    char piece[256]; /* a few words; long texts are several of these */
    struct sb_str s;
    size_t len = 0, done = 0;
    sb_str_init(&s);
    while (done + len < n) {
        const char *word = words[sb_rng_below(rng, SB_COUNT(words))];
        size_t word_n = strlen(word);
        if (len + word_n + 1 > sizeof piece) {
            sb_str_add(&s, piece, len);
            done += len;
            len = 0;
        }
        if (done + len)
            piece[len++] = ' ';
        memcpy(piece + len, word, word_n);
        len += word_n;
    }
    if (done)
        sb_str_add(&s, piece, len);
    sim_w_text_n(w, key, done ? s.p : piece, done && s.len < n ? s.len : n);
    sb_str_release(&s);
}

static void put_numbered(struct sim_w *w, const char *key, const char *name, uint64_t i)
{
    char text[80];
    size_t name_n = strlen(name), at = sizeof text;
    if (name_n + 20 > sizeof text) {
        sim_w_textf(w, key, "%s%llu", name, (unsigned long long)i);
        return;
    }
    do {
        text[--at] = (char)('0' + i % 10);
        i /= 10;
    } while (i);
    at -= name_n;
    memcpy(text + at, name, name_n);
    sim_w_text_n(w, key, text + at, sizeof text - at);
}

static void put_counted(const struct sim_template *t, struct sb_rng *rng, struct sim_w *w, const char *key)
{
    double most = t->sub[t->n - 1]->number, u = sb_rng_unit(rng);
    uint64_t i = (uint64_t)((t->fn == SKEW ? u * u * u : u) * most);
    if (t->n == 1)
        sim_w_int(w, key, (int64_t)i);
    else
        put_numbered(w, key, t->sub[0]->string, i);
}

static void put_weighted(const struct sim_template *t, const struct sim_making *m, struct sim_w *w, const char *key)
{
    double sum = 0;
    for (size_t i = 1; i < t->n; i += 2)
        sum += t->sub[i]->number;
    double at = sb_rng_unit(m->rng) * sum;
    size_t i = 0;
    while (i + 2 < t->n && at >= t->sub[i + 1]->number) {
        at -= t->sub[i + 1]->number;
        i += 2;
    }
    sim_template_put(t->sub[i], m, w, key);
}

static void put_call(const struct sim_template *t, const struct sim_making *m, struct sim_w *w, const char *key)
{
    double a = t->n ? t->sub[0]->number : 0, b = t->n > 1 ? t->sub[1]->number : 0;
    uint8_t oid[12];
    uint64_t bits;
    switch (t->fn) {
    case INT:
        sim_w_i32(w, key, between(m->rng, a, b));
        break;
    case LONG:
        sim_w_i64(w, key, between(m->rng, a, b));
        break;
    case DOUBLE:
        sim_w_f64(w, key, round((a + sb_rng_unit(m->rng) * (b - a)) * 100) / 100);
        break;
    case DECIMAL:
        put_decimal(w, key, a + sb_rng_unit(m->rng) * (b - a));
        break;
    case BOOLEAN:
        sim_w_bool(w, key, sb_rng_unit(m->rng) < (t->n ? a : 0.5));
        break;
    case OID:
        bits = (uint64_t)(m->now_us / 1000000);
        for (int i = 0; i < 4; i++)
            oid[i] = (uint8_t)(bits >> (24 - 8 * i));
        bits = sb_rng_u64(m->rng);
        memcpy(oid + 4, &bits, 8);
        sim_w_oid(w, key, oid);
        break;
    case NOW:
        sim_w_date(w, key, m->now_us / 1000);
        break;
    case AGO:
        sim_w_date(w, key, m->now_us / 1000 - (t->n > 1 ? between(m->rng, a, b) : between(m->rng, 0, a)));
        break;
    case PICK:
    case SKEW:
        put_counted(t, m->rng, w, key);
        break;
    case EMAIL:
    case PERSON:
        put_person(w, key, sb_rng_below(m->rng, (uint64_t)a), t->fn == EMAIL);
        break;
    case TEXT:
        put_words(w, key, m->rng, (size_t)a);
        break;
    case CHOICE:
        sim_template_put(t->sub[sb_rng_below(m->rng, t->n)], m, w, key);
        break;
    case WEIGHTED:
        put_weighted(t, m, w, key);
        break;
    case REPEAT:
        sim_w_array(w, key);
        for (int64_t i = between(m->rng, a, b); i > 0; i--)
            sim_template_put(t->sub[2], m, w, NULL);
        sim_w_end(w);
        break;
    case SEQ:
        sim_w_int(w, key, ++*sequence(m->sequences, t->sub[0]->string, t->n > 1 ? (int64_t)b : 1));
        break;
    case RECENT:
        sim_w_int(w, key, *sequence(m->sequences, t->sub[0]->string, 1) - (int64_t)sb_rng_below(m->rng, (uint64_t)b));
        break;
    case OLDEST:
        sim_w_int(w, key, *sequence(m->sequences, t->sub[0]->string, 1) - (int64_t)b);
        break;
    }
}

void sim_template_fields(const struct sim_template *t, const struct sim_making *m, struct sim_w *w)
{
    for (size_t i = 0; t->kind == DOCUMENT && i < t->n; i++)
        sim_template_put(t->sub[i], m, w, t->key[i]);
}

void sim_template_put(const struct sim_template *t, const struct sim_making *m, struct sim_w *w, const char *key)
{
    switch (t->kind) {
    case LITERAL:
        sim_w_val(w, key, sim_find(t->literal, "v"));
        break;
    case DOCUMENT:
        sim_w_doc(w, key);
        sim_template_fields(t, m, w);
        sim_w_end(w);
        break;
    case LIST:
        sim_w_array(w, key);
        for (size_t i = 0; i < t->n; i++)
            sim_template_put(t->sub[i], m, w, NULL);
        sim_w_end(w);
        break;
    default:
        put_call(t, m, w, key);
    }
}
