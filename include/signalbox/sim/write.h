/* SPDX-License-Identifier: Apache-2.0
 *
 * write.h - building BSON: a stack of open documents over one growing buffer, with a sticky failure.
 *
 * libbson's appenders end the process when memory runs out; a server has to answer an error instead. Build first, test
 * once: sim_w_done gives NULL when anything failed before. In an array the key may be NULL: elements are numbered. Keys
 * and values of others are copied byte for byte, so that what was stored comes back as it was. Thread: one owner.
 */
#ifndef SIGNALBOX_SIM_WRITE_H
#define SIGNALBOX_SIM_WRITE_H

#include <signalbox/base/str.h>
#include <signalbox/sim/value.h>

#define SIM_W_DEPTH (SIM_MAX_DEPTH + 28)

struct sim_w {
    struct sb_str out;
    unsigned depth;
    bool failed;
    struct {
        size_t at;      /* where the document's length stands */
        uint32_t index; /* next number, in an array */
    } open[SIM_W_DEPTH];
};

void sim_w_init(struct sim_w *w); /* with the root document open */
void sim_w_release(struct sim_w *w);
void sim_w_clear(struct sim_w *w); /* begins a new root document in the same memory */

/* Closes what is open and returns the document, which stays the writer's; NULL when something failed. */
const uint8_t *sim_w_done(struct sim_w *w);

/* Bytes written so far, frames of open documents included. */
static inline size_t sim_w_size(const struct sim_w *w)
{
    return w->out.len;
}

void sim_w_val(struct sim_w *w, const char *key, struct sim_val v); /* a missing value writes nothing */
void sim_w_val_n(struct sim_w *w, const char *key, size_t key_n, struct sim_val v);
void sim_w_i32(struct sim_w *w, const char *key, int64_t v); /* clamped to 32 bits */
void sim_w_i64(struct sim_w *w, const char *key, int64_t v);
void sim_w_int(struct sim_w *w, const char *key, int64_t v); /* 32 bits where it fits, else 64 */
void sim_w_f64(struct sim_w *w, const char *key, double v);
void sim_w_decimal(struct sim_w *w, const char *key, long double v); /* to 18 digits */
void sim_w_bool(struct sim_w *w, const char *key, bool v);
void sim_w_null(struct sim_w *w, const char *key);
void sim_w_text(struct sim_w *w, const char *key, const char *text);
void sim_w_text_n(struct sim_w *w, const char *key, const char *text, size_t n);
void sim_w_textf(struct sim_w *w, const char *key, const char *fmt, ...) SB_PRINTF(3, 4);
void sim_w_date(struct sim_w *w, const char *key, int64_t ms);
void sim_w_ts(struct sim_w *w, const char *key, uint64_t ts); /* seconds << 32 | increment */
void sim_w_oid(struct sim_w *w, const char *key, const uint8_t oid[12]);
void sim_w_binary(struct sim_w *w, const char *key, uint8_t subtype, const void *bytes, size_t n);
void sim_w_uuid(struct sim_w *w, const char *key, const uint8_t uuid[16]);

void sim_w_doc(struct sim_w *w, const char *key); /* opens; sim_w_end closes */
void sim_w_doc_n(struct sim_w *w, const char *key, size_t key_n);
void sim_w_array(struct sim_w *w, const char *key);
void sim_w_array_n(struct sim_w *w, const char *key, size_t key_n);
void sim_w_end(struct sim_w *w);

void sim_w_copy(struct sim_w *w, const char *key, const uint8_t *doc);       /* a whole document as a value */
void sim_w_copy_array(struct sim_w *w, const char *key, const uint8_t *doc);
void sim_w_all(struct sim_w *w, const uint8_t *doc);                         /* its elements, into the open document */

#endif
