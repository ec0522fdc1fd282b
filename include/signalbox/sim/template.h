/* SPDX-License-Identifier: Apache-2.0
 *
 * template.h - documents with chance in them: what scenarios write for data, filters and updates.
 *
 * Text in a relaxed JSON: {status: 'paid', user_id: int(1, 4000), items: repeat(1, 4, {sku: pick('S', 900)})}. Keys need
 * no quotes, strings take single or double ones, durations are numbers with s, m, h or d behind them. Functions:
 *   int(a, b)  long(a, b)  double(a, b)  decimal(a, b)   a number between, the last two with two decimals
 *   bool(p)                 true with this probability
 *   oid()  now()  ago(a[, b])   a new id; this moment; a moment up to a (or between a and b) ago
 *   pick('S', n)  skew('S', n)  'S' and a number below n, each as likely, or small ones more so; without text: the number
 *   email(n)  person(n)     one of n addresses, names
 *   text(n)                 about n characters of words
 *   choice(a, b, ...)  weighted(a, 3, b, 1, ...)   one of the values
 *   repeat(a, b, x)         an array of a to b times x
 *   seq('name'[, start])    the next number of a named sequence
 *   recent('name', n)       one of the last n numbers it gave;  oldest('name', n) the number n before its last
 * A template is compiled once and made many times. Thread: one owner.
 */
#ifndef SIGNALBOX_SIM_TEMPLATE_H
#define SIGNALBOX_SIM_TEMPLATE_H

#include <signalbox/base/error.h>
#include <signalbox/base/rng.h>
#include <signalbox/sim/write.h>

#define SIM_SEQUENCE_MAX 32

/* Named sequences, shared by everything in a scenario. */
struct sim_sequences {
    struct {
        char name[32];
        int64_t last;
        bool begun;
    } item[SIM_SEQUENCE_MAX];
    size_t n;
};

struct sim_template;

/* NULL after an error, which tells the character. */
struct sim_template *sim_template_new(const char *text, struct sb_err *err);
void sim_template_free(struct sim_template *t);

struct sim_making {
    struct sb_rng *rng;
    struct sim_sequences *sequences;
    int64_t now_us;
};

/* Appends a value under key. */
void sim_template_put(const struct sim_template *t, const struct sim_making *m, struct sim_w *w, const char *key);

/* Appends the elements of a template that is a document. */
void sim_template_fields(const struct sim_template *t, const struct sim_making *m, struct sim_w *w);

bool sim_template_is_document(const struct sim_template *t);
bool sim_template_is_list(const struct sim_template *t);
bool sim_template_has(const struct sim_template *t, const char *key); /* a document with this key */

#endif
