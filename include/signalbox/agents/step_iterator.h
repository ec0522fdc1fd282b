/* SPDX-License-Identifier: Apache-2.0
 *
 * step_iterator.h - long work as many small commands: what the next one is.
 *
 * A specialist writes the iterator, orchestrator/execute drives it: it asks for the next turn, puts the intent on the record,
 * sends, records the answer with the place the work has come to, rests, and asks again. The iterator holds nothing between two
 * turns: the place is on the record, so that after a crash the same question gets the same answer. The way back is the same
 * iterator over the step's undo.
 *
 * "batches": the step's update (one statement, `multi`, a pipeline) over one range of _id after the other. The filter fits only
 * what is not changed yet, so that a batch that is sent twice changes nothing twice; a range in which nothing fits is passed
 * without a command. Several ranges may be asked for at a time: they follow each other and share no document, so that
 * their commands may be away at once; the place moves up to the first of them that was not done. The walk is followed by sweeps over the whole collection until one finds nothing: that is the re-scan for
 * offenders and catches late writers. Ranges stay within one type of _id, as the server's comparisons do.
 * An aggregation that merges documents into another collection goes the same way, over what it reads, in one walk without sweeps; so
 * does a delete of what another collection holds, with sweeps, and one of what another does not hold, without.
 * One that merges whole documents into a collection that was made here goes so too, a batch at a time in the order of _id (step_append.c):
 * a walk and a sweep, or, where the step has a quiet_s, until a sweep finds nothing.
 * "both_written", "unwritten", "retyped": the record of writes (oplog) since a moment is read until, for as long as the step says, every
 * write that sets `field`, changes a part of it or takes it away has made the same of `new_field`; or no write has set `field`, or a
 * part of it; or none has set it to a value of the type `new_field`. It sends nothing.
 * "validated": the same, until no document that was written breaks the validator that the collection has, as it stands when it is
 * looked at again.
 * "set_with": the same, until every write that sets `field` sets `new_field` too, whatever it says.
 * "renamed": the same, until writes come to the collection and none to the one that `field` names.
 * "pair_written": the same, until every write that sets or takes away `field` has made the document of that _id in the collection
 * `new_field` say the same, within half a minute, in either order.
 * "extracted": every document that has `field` is gone over until each has one of its _id in the collection `new_field`.
 * "embedded": the same, until the step's own aggregation finds none of them. Both send nothing.
 * "series_written": the record of writes is read until each insert has put the same into the time series `new_field` (its time field is
 * `field`) within half a minute, once; an update or a delete breaks the rule. "series_held": every document is gone over until each is
 * in that time series once and says the same. Both send nothing.
 *
 * Thread: any worker; blocks for some seconds at most. */
#ifndef SIGNALBOX_AGENTS_STEP_ITERATOR_H
#define SIGNALBOX_AGENTS_STEP_ITERATOR_H

#include <signalbox/model/card.h>
#include <signalbox/mongo/server.h>

#define SB_STEP_PASSES 6 /* a walk and its sweeps; what is still found then is told */
#define SB_TURN_BATCHES 8 /* at most, at once */

enum sb_turn {
    SB_TURN_SEND,   /* the commands of `batch` */
    SB_TURN_WAIT,   /* nothing to send now; why says what is waited for */
    SB_TURN_DONE,   /* all is done, and was looked at again; why tells what was found */
    SB_TURN_FAILED, /* it cannot go on; why */
};

struct sb_place { /* where the work stands */
    char *end;      /* the last _id that there was when this pass began, the same way: what is written behind it meanwhile is not run after. Not on
                     * the record: NULL: it is looked for */
    char *at;       /* the _id up to which all is done, as canonical Extended JSON {"_id": ...}; NULL: at the beginning */
    int64_t pass;   /* 1: the walk; 2...: sweeps */
    bool dirty;     /* this pass has found something to do */
    int64_t docs;   /* walked over in this pass */
    int64_t since;  /* looking at writes: deployment time from which on they count */
    int64_t seen;   /* and how many there were */
};

struct sb_turn_question {
    const struct sb_step *step;
    bool undo;
    const char *ns, *uuid; /* uuid: the collection it has to be, 32 hex digits; empty: not known */
    int64_t docs;          /* in a batch */
    size_t at_once;        /* batches, 1 to SB_TURN_BATCHES */
    int64_t now;           /* deployment time */
    struct sb_place place;
};

struct sb_turn_batch {
    char *command;      /* canonical Extended JSON with "$db" last */
    struct sb_place to; /* where the work stands once it is done, and those before it are */
};

struct sb_turn_answer {
    enum sb_turn turn;
    struct sb_turn_batch batch[SB_TURN_BATCHES]; /* SEND: in the order of their ranges, none of which reaches into another pass */
    size_t batches;
    struct sb_place next; /* the others: where the work stands */
    char why[256];
};

bool sb_step_iterates(const struct sb_step *s);

/* Of a step's command, or its undo: does it go in batches, or is it sent as it stands? Do its answers tell how many documents
 * were changed? Pure. */
bool sb_command_divides(const char *command);
bool sb_command_counts(const char *command);

/* -1: the servers did not answer, or memory is short: it may be asked again. Release the answer after a success. */
int sb_step_next(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
void sb_turn_answer_release(struct sb_turn_answer *a);

#endif
