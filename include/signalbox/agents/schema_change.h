/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_change.h - a change of a field, as the phases of a plan.
 *
 * What would break it is looked for before anything is planned: on the servers, with bounded reads. What cannot be carried out
 * safely is refused with the reason and leads to no card. A plan is several cards of one case, each after the one before it:
 *
 *   rename    write both (measured) -> copy the value in batches -> read the new, stop writing the old (measured) -> remove the old
 *   add       give it to all documents that lack it, in batches; its sweeps catch those written meanwhile. One value for all, or
 *             one that is computed from other fields of the same document
 *   remove    stop writing it (measured) -> keep what it says, remove it in batches
 *   retype    write the new type (measured) -> keep the old values, convert them in batches
 *   expire    an index by which documents expire, with a time that deletes nothing -> the time lowered in steps, each of which says how
 *             many documents its first pass deletes, and begins only when no more would go (measured)
 *
 *   archive   documents whose date is older than a moment go to another collection, in batches: each batch is one transaction, in
 *             which they are put there, read back and compared byte by byte, and deleted here
 *   extract   a field becomes a document of its own, with the _id of the one it was in: write both (measured) -> copy in batches -> read
 *             the new, stop writing the old (measured), each has its document (measured) -> remove the field
 *   embed     what a field refers to by its value (a document of another collection) is taken into the documents: write both (measured)
 *             -> copy in batches, by the index there is on what is referred to; then each copy is held against it (measured)
 *
 *   name      a collection gets another name in its database, by one command, once nobody has written to it for SB_RENAME_QUIET_S (measured), or
 *             at once where that was asked for -> nobody writes by the old name any more (measured)
 *   capped    a collection becomes capped: a new one beside, with its indexes, filled in the order of insertion -> caught up with and given
 *             its name once nobody writes (measured); the old one stays aside
 *   series    a collection becomes a time series (`field` is its time, new_field its meta field or NULL). What stands in the way is measured, and
 *             leads to one card of advice; else: write both (measured) -> copied by hand (measured) -> only the new is written (measured)
 *             -> the old one gets another name
 *
 * A shard key (SB_CHANGE_SHARD_KEY) is judged (shard_key.h): one card of advice, and no plan. A validator (SB_CHANGE_VALIDATE) is planned by schema_validate.h, with the same cards.
 *
 * What is lost by a change is kept beside the collection, in one whose name begins with SB_BEFORE_PREFIX, by the server itself:
 * no value of a document passes through this program (but those that are moved, in one transaction). Taken back, a document gets its old value where it still says what the
 * change made of it. That way back drops what was kept; it is there until somebody else does.
 *
 * Nothing is changed here. Thread: any worker; blocks for some seconds at most. */
#ifndef SIGNALBOX_AGENTS_SCHEMA_CHANGE_H
#define SIGNALBOX_AGENTS_SCHEMA_CHANGE_H

#include <signalbox/agents/schema_depends.h>
#include <signalbox/model/card.h>
#include <signalbox/mongo/server.h>

enum sb_change_kind {
    SB_CHANGE_RENAME, SB_CHANGE_ADD, SB_CHANGE_REMOVE, SB_CHANGE_RETYPE, SB_CHANGE_EXPIRE, SB_CHANGE_VALIDATE, SB_CHANGE_ARCHIVE,
    SB_CHANGE_EXTRACT, SB_CHANGE_SHARD_KEY, SB_CHANGE_EMBED, SB_CHANGE_NAME, SB_CHANGE_CAPPED, SB_CHANGE_SERIES
};

struct sb_shard_key_heard;

#define SB_CHANGE_CARDS 4 /* of a change, at most */
#define SB_PLAN_CARDS 8   /* of any plan */
#define SB_RENAME_QUIET_S 60

struct sb_change_question {
    enum sb_change_kind change;
    const char *ns, *field;
    const char *new_field; /* of a rename; of what is embedded: the field that gets it */
    const char *from, *foreign; /* what is embedded: the collection that `field` refers to, and the field there that it names */
    const char *value;     /* of an added field: Extended JSON of {"v": ...}, or */
    const char *expression; /* how a server computes it, the same way */
    const char *type, *from_type; /* of a retype, as BSON names them; the second may be NULL: the documents say it */
    const char *otherwise; /* of a retype: what values become that cannot be converted, as value; NULL: they stay as they are */
    bool repair;           /* of documents that break a validator (schema_validate.h) */
    const char *only;      /* of a removal: which documents beside, a filter as Extended JSON; NULL: all that have the field */
    int64_t expire_s;      /* of documents that expire, or that are archived: so long after the date in `field` */
    const char *into;      /* where documents are archived, or a field is extracted, or how a collection is to be called: one of the same database */
    int64_t capped_at;     /* bytes */
    bool written;          /* of a collection's name: it does not wait until nobody writes */
    const char *key;       /* a shard key: JSON, quoted or not; and what was heard of who would name it */
    const struct sb_shard_key_heard *heard;
    const struct sb_depends *uses; /* who uses the field, by what was heard: it goes on every card; NULL: nobody has listened */
    int64_t first_card;    /* the number of the first card; the others follow */
    const char *case_id, *deployment, *deployment_id, *requested_by;
    int environment;       /* enum sb_environment */
    bool simulated;
    int64_t members;
    int64_t now;           /* deployment time */
};

struct sb_change_plan {
    struct sb_card card[SB_PLAN_CARDS];
    size_t n;
    char *text; /* what was found, beside what the cards say; NULL: nothing */
    struct sb_evidence *evidence; /* for it, where there are no cards to hold it */
    size_t evidence_n;
    struct sb_reads reads; /* what was read, for the record; filled in also after a refusal */
};

/* SB_EINPUT, SB_ESTATE: it is refused, and the message says why. Release the plan in any case. */
int sb_schema_change(const struct sb_server *server, const struct sb_change_question *q, struct sb_change_plan *out, struct sb_err *err);
void sb_change_plan_release(struct sb_change_plan *p);

#endif
