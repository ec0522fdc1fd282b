/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch_door.h - the one way to write to a throw-away deployment, as a drill does; no way at all to any other.
 *
 * A throw-away deployment holds nothing, or carries the mark that an operator wrote by hand, which says that all in it may go:
 * the document {_id: "scratch"} of the collection signalbox.scratch. A drill adds its own, {_id: "drill", drill, nonce}.
 * Before every single write the door asks the server again who it is (hello, the set's id) and reads the marks again: where
 * anything is not as it was, nothing is sent. Like the write door it wants a permit, of exactly this command and this
 * deployment, refuses one that was used, a read-only server and whatever is not on its list. admin, local and config are never
 * written to. Thread: as the connection; a write blocks for up to ten minutes.
 */
#ifndef SIGNALBOX_MONGO_SCRATCH_DOOR_H
#define SIGNALBOX_MONGO_SCRATCH_DOOR_H

#include <signalbox/mongo/write_door.h>

#define SB_SCRATCH_DB "signalbox"
#define SB_SCRATCH_COLL "scratch"
#define SB_SCRATCH_HELD 20 /* names that are kept of what a server holds */

/* What there is on a server. */
struct sb_scratch_seen {
    bool by_operator;              /* the operator's mark */
    bool by_drill;                 /* a drill's, and whose: */
    char drill[40], nonce[40];
    char *held[SB_SCRATCH_HELD];   /* namespaces, without those of the marks and of the server's own */
    size_t held_n;                 /* kept here */
    uint64_t held_all;             /* of as many */
};

/* Looks through all databases, by the read door. Release it also after a failure. */
int sb_scratch_look(struct sb_conn *c, struct sb_scratch_seen *seen, struct sb_err *err);
void sb_scratch_seen_release(struct sb_scratch_seen *seen);

struct sb_scratch;

/* Opens the door to the deployment that calls itself deployment_id, for the drill with this nonce. by_operator: the operator's
 * mark has to be there before each write. All texts are copied; the server must outlive it. */
struct sb_scratch *sb_scratch_open(const struct sb_server *s, const char *deployment_id, const char *nonce, bool by_operator, struct sb_err *err);
void sb_scratch_close(struct sb_scratch *d);

/* Documents that go with a command: BSON, one behind the other. In its text they stand as {n, bytes, sha256}. */
struct sb_scratch_docs {
    const unsigned char *p;
    size_t bytes;
    uint64_t n;
};

/* Appends that member of a command's text: "documents":{"n":..,"bytes":..,"sha256":".."} */
int sb_scratch_docs_text(struct sb_str *out, const char *key, const struct sb_scratch_docs *docs, struct sb_err *err);

/* As sb_write. docs (may be NULL): of an insert's "documents", an update's "updates", a delete's "deletes". */
void sb_scratch_write(struct sb_scratch *d, struct sb_permit *permit, const char *command, const struct sb_scratch_docs *docs, struct sb_write_result *out);

/* The same in two parts, so that the next write can be made ready while another door's is under way. A parcel was looked at and has
 * used its permit; it holds a copy of the documents. Sending it asks the server as before every write, and frees it. A parcel goes
 * through the door that packed it, and is gone before that is closed. NULL: it may not be sent. */
struct sb_scratch_parcel;
struct sb_scratch_parcel *sb_scratch_pack(struct sb_scratch *d, struct sb_permit *permit, const char *command, const struct sb_scratch_docs *docs, struct sb_err *err);
void sb_scratch_send(struct sb_scratch *d, struct sb_scratch_parcel *p, struct sb_write_result *out);
void sb_scratch_parcel_free(struct sb_scratch_parcel *p); /* one that is not sent; NULL is fine */

/* Is it still the deployment for which the door was opened, with its marks as they were? */
int sb_scratch_still(struct sb_scratch *d, struct sb_err *err);

/* 0: another program may write to it now, by a permit of what it was told (text); it is not seen what it writes, so that whoever has it
 * run asks sb_scratch_still again and again meanwhile. */
int sb_scratch_hand_over(struct sb_scratch *d, struct sb_permit *permit, const char *text, struct sb_err *err);

#endif
