/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to tui/: the whole state of a console, and what its files do for one another.
 *
 * The order of a turn: update changes the first three parts, recalc makes the last from them, paint reads only that. */
#ifndef SIGNALBOX_SRC_TUI_STATE_H
#define SIGNALBOX_SRC_TUI_STATE_H

#include "veil.h"

#include <signalbox/base/regex.h>
#include <signalbox/term/page.h>
#include <signalbox/tui/layout.h>
#include <signalbox/tui/tui.h>

#define CLOSED_CARDS_KEPT 500
#define WHOLE_KEPT 256 /* cards that await approval and are held whole; of others a row each */
#define ANOMALIES_KEPT 500
#define CASES_KEPT 200
#define NOTES_KEPT 200
#define VIEWS_MAX 12
#define AUDIT_PAGE 200
#define AUDIT_KEPT 4000
#define RECENT_KEPT 1000
#define FOUND_KEPT 4000
#define FOUND_PAGE 500
#define FILTERS_KEPT 50
#define PLACES_KEPT 100
#define MARKS_MOST 1000
#define BATCH_MOST 20 /* as many as a person takes in with one question */
#define ROOM_FIRST 2
#define ROOM_MOST 6
#define COUNT_MOST 1000000
#define REQUESTS_KEPT 50
#define LINE_MAX_BYTES 2000

/* ---- what is known ---- */

enum pane_id { PANE_ANOMALIES, PANE_PLANS, PANE_APPROVALS, PANE_AUDIT, PANES, PANE_NONE = -1 };

/* What a filter said of a row: it holds for the filter with this number, until the row changes. */
struct sieved {
    uint64_t filter; /* 0: not asked yet */
    bool fits;
};

/* What a criterion of the watch window was, reading by reading, as far as this console has seen it. */
#define TRACE_KEPT 24
#define TRACES_MOST 16
struct trace {
    int64_t value[TRACE_KEPT];
    size_t n;
    int64_t samples; /* of the last reading: the same number is no new one */
};

struct held_card {
    struct sb_card_row row;
    struct sb_card *card; /* whole; NULL: it is asked for where more of it is needed */
    uint64_t came;    /* when it came whole, by t->whole_came */
    int pane;         /* enum pane_id, where it is listed */
    uint64_t entered; /* when it came there, by t->arrivals */
    struct sieved sieved;
    char *read_hash;  /* the contract whose summary and commands have been on the screen to the end; NULL: none */
    int64_t traced;   /* the watch window that the traces are of, by when it was opened; 0: none */
    struct trace *trace; /* [TRACES_MOST], once there was a reading; NULL: none yet */
};

struct held_anomaly {
    struct sb_anomaly anomaly;
    uint64_t entered;
    struct sieved sieved;
};

/* The newest entries of the ledger that fit the filter, oldest first, found by going through it stretch by stretch. */
struct found {
    struct sb_audit_row *row;
    size_t n, cap;
    int64_t newest, oldest; /* what was looked at, both ends included; newest 0: nothing yet */
    bool at_start;          /* down to the first entry */
    bool full;              /* FOUND_KEPT were found: no further ones are looked for */
};

/* A text that is looked for beyond the entries in memory. */
struct hunt {
    bool on;
    bool upward;      /* towards the newest */
    bool wrapped;     /* it went on from the other end */
    char *text;
    int64_t origin;   /* where it began: there it ends */
    int64_t at;       /* where to look on; 0: at the end where it begins */
    int64_t searched; /* entries so far */
};

enum asked_for { ASKED_ROWS, ASKED_FOUND, ASKED_HUNT };

/* A stretch of the ledger without gaps, oldest first; never all of it. */
struct audit {
    struct sb_audit_row *row;
    size_t n, cap;
    int64_t head;     /* newest sequence number known */
    bool at_start;    /* row[0] is the ledger's first */
    int64_t asked;    /* seq of the ask that is on its way; 0 none */
    enum asked_for asked_for;
    bool asked_void;  /* nobody waits for it any more: the filter has changed since, or the search was ended */
    bool barred;      /* the last ask failed: nothing is asked until there is a key or an entry */
    struct hunt hunt;
    int64_t jump_seq; /* the entry that the answer is to select; 0 none */
    struct found found; /* listed instead of row while the pane is filtered */
    int jump;         /* where the answer is to put the selection: -1 oldest, 1 newest, 0 leave it */
    int64_t frozen;   /* rows behind it are not shown; 0: not frozen */
    struct sb_audit_row *recent; /* the newest that belong to a card or case, for their history */
    size_t recent_n, recent_cap;
};

struct note {
    int64_t wall;
    bool bad;
    char *text;
};

/* ---- where the person is ---- */

/* A regular expression over the rows of a pane. */
struct filter {
    char *text;            /* as typed; NULL: every row is listed */
    struct sb_regex *re;
    bool without;          /* rows that match are left out */
    bool caseless;
    uint64_t number;       /* of this filter, never used again */
    size_t undecided;      /* rows on which the expression ran into its limits: they are listed */
};

/* Columns that a row can do without: shown where the pane is wide enough, never, or always. */
enum columns { COLUMNS_AS_FITS, COLUMNS_FEW, COLUMNS_ALL, COLUMNS };

enum sort { SORT_NEWEST, SORT_RISK, SORT_EXPIRY, SORT_TITLE, SORTS };

struct pane {
    char *selected;    /* id of the selected row; NULL: none */
    size_t index;      /* where that is in the list */
    size_t top;        /* first row shown */
    size_t rows;       /* rows of the last frame */
    bool touched;      /* the person chose the selected row; else it is the newest while nobody reads the pane */
    uint64_t seen;     /* arrivals up to this have been on screen or counted */
    size_t fresh;      /* arrived above the top since */
    bool frozen;
    char **held;       /* frozen: the ids that are listed */
    size_t held_n;
    uint64_t held_at;  /* arrivals when it was frozen */
    struct filter filter;
    enum sort sort;
    enum columns columns;
    int room;          /* among the panes it shares its side with: each step doubles its share; 0 to ROOM_MOST */
    bool reversed;
    char **marked;     /* ids */
    size_t marked_n;
    size_t all;        /* rows without the filter */
    uint32_t *list;    /* cards and anomalies: indices into the store, in the order shown */
    size_t n, cap;
};

enum view_kind {
    VIEW_PANES, VIEW_CARD, VIEW_CASE, VIEW_ANOMALY, VIEW_EDIT, VIEW_HELP, VIEW_MESSAGES, VIEW_HUSHES, VIEW_MEETING, VIEW_RECOVERY, VIEW_BACKUP, VIEW_RUNNING, VIEW_SCHEMA, VIEW_PLAN, VIEW_REPORT, VIEW_DOCTOR,
    VIEWS
};
enum tab { TAB_SUMMARY, TAB_COMMANDS, TAB_EVIDENCE, TAB_POLICY, TAB_ROLLBACK, TAB_WATCH, TAB_HISTORY, TAB_HANDOFFS, TABS };

struct view {
    enum view_kind kind;
    char *id;
    enum tab tab;
    size_t top[TABS];         /* scroll of each tab; other views use the first */
    int link;                 /* the selected link of the page, from 1; 0 none */
    enum sb_context help_for; /* HELP: where it was asked for */
};

struct line {
    struct sb_str text;
    size_t at; /* byte offset of the cursor, between characters */
};

/* Which lines of a text have been on the screen. */
struct reading {
    bool *line;
    size_t n, cap;
    int width;
    bool done;
};

enum overlay { OVER_NONE, OVER_LINE, OVER_CONFIRM, OVER_PALETTE };
enum line_for { LINE_REQUEST, LINE_REJECT, LINE_CLOSE, LINE_SEARCH, LINE_VALUE, LINE_FILTER, LINE_EXPORT, LINE_REMARK, LINE_BLACKOUT, LINE_DECISION, LINE_RUNNING, LINE_DIVIDE };
enum confirm_for { CONFIRM_APPROVE, CONFIRM_STOP, CONFIRM_ROLLBACK, CONFIRM_EDIT, CONFIRM_QUIT, CONFIRM_BATCH };

/* One of several cards that are approved with one sequence: as it was shown. */
struct batch_card {
    char *card, *hash;
    int64_t revision;
};

/* Approvals that were sent together, until all are answered. */
struct batch_sent {
    int64_t first, n; /* their sequence numbers; n 0: none */
    int64_t answered, refused;
};

struct confirm {
    enum confirm_for what;
    char *card;
    int64_t revision;
    char *hash;
    char *target;   /* what must be typed; NULL: a key is enough */
    bool by_hash;   /* the target cannot be typed as it is shown: the first 12 digits of the hash stand for it */
    struct batch_card *batch; /* BATCH: instead of card and hash */
    size_t batch_n;
    struct line typed;
    size_t top;
    bool shown;     /* it has been on the screen */
    struct reading read;
};

#define EDIT_MAX 16
struct edit {
    char *card;
    int kind; /* of the card: which keys it lets be changed */
    int64_t revision;
    char *now[EDIT_MAX], *changed[EDIT_MAX]; /* by sb_edit_keys; changed NULL: as it is */
    bool typed; /* a value was, and is not on the screen yet */
};

static inline size_t edit_keys(void)
{
    return sb_edit_keys_n < EDIT_MAX ? sb_edit_keys_n : EDIT_MAX;
}

/* Where the person was, to come back to. */
struct place {
    enum view_kind kind;
    char *id;     /* of the view */
    enum tab tab;
    int pane;
    char *row;    /* the selected one of the pane */
};

struct places {
    struct place place[PLACES_KEPT];
    size_t n, at; /* at == n: not on any of them */
};

/* A filter that was changed, for undoing. */
struct past_filter {
    int pane;
    char *text;
};

/* A meeting about the cards that await approval. */
#define AGENDA_MOST 500
struct agenda_item {
    char *id;
    int64_t spent_ms, limit_ms;
};

struct decision {
    char *card, *hash, *title;
    int64_t revision;
    const char *what; /* approved, rejected, deferred */
    char *names, *reason;
    int64_t at;
};

struct meeting {
    struct agenda_item *item;
    size_t items, items_cap, at;
    struct decision *decision; /* as they were made; of a card the last one counts */
    size_t decisions, decisions_cap;
    size_t unwritten;          /* of them in no file yet */
    int64_t began, seen;       /* seen: wall time of the last tick, 0: it is not open */
    int64_t minutes;           /* for each card */
};

/* What runs now, asked for anew as long as its page is open. */
enum running_sort { RUNNING_BY_AGE, RUNNING_BY_PLACE, RUNNING_BY_MEMBER, RUNNING_SORTS };

struct running_row {
    uint32_t op;    /* place in the list */
    uint32_t depth; /* 0: it waits for nobody that is listed; else it stands below who holds what it waits for */
};

struct running {
    struct sb_ops ops;
    bool have;
    int64_t asked;      /* seq of the ask that is on its way; 0 none */
    int64_t asked_wall; /* when the last one was sent */
    char *wrong;        /* why the last one brought nothing; NULL: it did */
    struct filter filter;
    int sort;           /* enum running_sort */
    bool reversed;
    struct running_row *row; /* as they are shown */
    size_t n, cap;
};

/* A minute of before, while that is what is shown of the members. Everything else stays as it is now. */
struct replaying {
    bool on;
    struct sb_replay of;
    int64_t asked;  /* seq; 0 none */
    int64_t wanted; /* the moment that was asked for */
};

/* What the doctor found, as far as he is. */
struct doctor {
    bool asked;           /* he is at it */
    int64_t began, ended; /* wall; ended 0: not yet */
    struct sb_doctor of;
};

struct search {
    char *text; /* NULL: none yet */
    bool shown; /* its matches are marked */
    size_t row; /* of the page, where it was found last */
};

/* ---- what a frame is made of: written by recalc, read by paint ---- */

struct frame {
    int w, h;
    bool too_small;
    struct sb_layout layout;
    struct sb_page header, strip, status, request, footer;
    struct sb_page pane_title[PANES], pane[PANES];
    bool pane_shown[PANES];
    struct sb_page detail_title, detail; /* of what is selected, where there is room */
    char *detail_of;                     /* the row that page is of; NULL: there is none */
    int detail_pane;                     /* and its pane */
    bool detail_stays;                   /* it is that of a row before: the selection has not come to rest */
    struct sb_page title, tabs, body, side; /* of an opened view; side: a second page where there is room */
    size_t body_top, side_top, body_rows;  /* body_rows: lines in sight, without those a message lies over */
    bool side_shown;
    struct sb_page box;                     /* question or palette */
    struct sb_page typed;                   /* the line of a question */
    struct sb_rect box_at;                  /* with its frame */
    size_t box_top, box_rows;
    bool box_shown;
    int cursor_x, cursor_y;
    uint64_t lists;                         /* of t->lists, when the rows of the panes were drawn */
    uint64_t pages;                         /* of t->pages, when the page of the view was made */
};

/* How the panes stand: one alone, below one another, two by two, or three beside the ledger and what is selected. */
enum panes_as { PANES_ALONE, PANES_BELOW, PANES_BESIDE, PANES_DETAILED };

struct sb_tui {
    const struct sb_keymap *keymap;
    struct sb_seat seat;
    char *connecting;
    bool copy;    /* nothing that is shown depends on this process */
    char *opens;  /* is opened as soon as it has come; NULL: nothing is, any more */
    bool ascii;
    bool mouse;   /* its reports are asked for, and count */
    bool notices;
    int64_t noticed; /* wall: of the last one, or when it began */
    int64_t wall; /* of the last event */
    int64_t next_seq;
    bool bye;     /* the orchestrator has ended */

    bool welcomed, have_strip;
    struct sb_welcome welcome;
    struct sb_strip strip;
    struct held_card **card; /* in the order in which they came to where they are */
    size_t whole;            /* of them are held whole */
    uint64_t whole_came;     /* counts how often one came whole */
    int64_t card_asked;      /* seq of the ask for one that is on its way; 0 none */
    bool card_barred;        /* the last such ask failed: nothing is asked until there is a key */
    size_t cards, cards_cap;
    uint32_t *card_mark; /* of each card's id, beside it: looking for one among thousands touches no other memory */
    size_t card_marks_cap;
    struct held_anomaly **anomaly;
    size_t anomalies, anomalies_cap;
    struct sb_hushes hushes; /* in force */
    struct sb_report_page report; /* at 0: it has not come yet */
    char *report_split;           /* the moment that divides it, as it was written; NULL: none */
    struct sb_recovery recovery; /* at 0: it has not come yet */
    struct sb_schema_look look; /* the last that came; ns NULL: none has */
    struct sb_plan_gates gates; /* the same; case_id NULL */
    struct sb_case *cases;
    size_t cases_n, cases_cap;
    struct audit audit;
    uint64_t arrivals;
    struct note *note;
    size_t notes, notes_cap;
    bool note_shown; /* the last note is on the screen until replaced or dismissed, */
    bool note_waits; /* or until what it says is under way has come */
    int64_t page_asked; /* seq of the ask for a page that takes a while: its answer is such a note */

    struct view view[VIEWS_MAX];
    int views; /* at least 1: the panes */
    struct pane pane[PANES];
    int focus; /* enum pane_id */
    bool zoomed;
    int arrangement; /* 0 as fits, 1 beside, 2 below */
    bool moving;            /* the last key moved the selection by rows, */
    int64_t moved_at;       /* at this time */
    bool unlisted;          /* cards have come that are in no list yet */
    uint64_t lists;         /* counts how often the rows of the panes may have changed */
    uint64_t pages;         /* counts how often another page was opened */
    enum panes_as panes_as; /* as the last frame had them */
    struct sb_key pending[SB_KEYS_MAX];
    size_t pending_n;
    enum overlay overlay;
    enum line_for line_for;
    char *line_card;    /* the card, or the edit key, that the line is about */
    struct line line;
    char **request;     /* what was asked before, oldest first */
    size_t request_n;
    size_t request_at;  /* which of them is shown; request_n: the line being typed */
    int palette_at;
    struct confirm confirm;
    struct batch_sent sent;
    struct edit edit;
    struct search search;
    struct places places;
    struct past_filter past_filter[FILTERS_KEPT];
    size_t past_filters;
    uint64_t filters;     /* counts them */
    char *filter_before;  /* of the pane, while one is being typed */
    bool filtering;       /* rows come and go because the filter is being changed */
    char *filter_wrong;   /* what is wrong with what is typed; NULL: nothing */
    int64_t count;        /* how often the next movement is done; 0: no number was given */
    struct reading read[2]; /* of the opened card: summary, commands */
    char *read_hash;        /* the contract they belong to */
    char *read_card;

    bool slow;              /* the face for a slow line */
    bool face_chosen;       /* by somebody here: no measurement changes it any more */
    int64_t answers_ms;     /* what the face was taken for; 0: not for a measurement */
    struct sb_strip late;   /* the newest strip while an older one is shown */
    bool have_late;
    int64_t strip_shown;    /* wall time at which the shown one was put up */
    struct meeting meeting;
    struct running running;
    struct replaying replay;
    struct doctor doctor;
    struct sb_looks looks;  /* who has which card open; */
    bool company;           /* somebody else sits at a console: they are told what is open here, */
    char *looked;           /* and this is what they were told last; NULL: nothing */
    struct veil *veil;      /* everything that is held has passed it; NULL: there is none */

    struct frame frame;
};

/* ---- store.c ---- */
struct held_card *find_card(const struct sb_tui *t, const char *id);
struct held_anomaly *find_anomaly(const struct sb_tui *t, const char *id);
struct sb_case *find_case(const struct sb_tui *t, const char *id);
bool store_take_card(struct sb_tui *t, struct sb_card *card);          /* takes the content. False: all that lists show of it is as it was */
void store_take_rows(struct sb_tui *t, struct sb_card_rows *rows);     /* takes the content */
void store_take_anomaly(struct sb_tui *t, struct sb_anomaly *anomaly); /* takes the content */
void store_take_case(struct sb_tui *t, struct sb_case *c);             /* takes the content */
void store_release(struct sb_tui *t);
int64_t deployment_now(const struct sb_tui *t); /* 0 before the first sample */

const struct trace *trace_of(const struct sb_tui *t, const struct sb_card *c, size_t criterion); /* NULL: none */

/* ---- whole.c ---- */
const struct sb_card *whole_card(const struct sb_tui *t, const char *id); /* NULL: it is not held, or not whole */
void whole_drop(struct held_card *held, struct sb_tui *t);
void whole_limit(struct sb_tui *t);                                       /* lets go of what came first of those that nobody looks at */
void whole_want(struct sb_tui *t, struct sb_effects *fx);                 /* asks for what is looked at */
const char *whole_awaited(const struct sb_tui *t);                        /* id of the card in focus, when it is not there whole; else NULL */
void whole_answered(struct sb_tui *t, int64_t seq, const char *id);       /* id NULL: instead of the card there is a refusal */

/* ---- audit.c ---- */
void audit_entry(struct sb_tui *t, struct sb_audit_row *row);           /* takes the content */
void audit_page(struct sb_tui *t, int64_t seq, struct sb_audit_page *page); /* takes the rows */
void audit_failed(struct sb_tui *t, int64_t seq);         /* instead of the page that was asked for there is a refusal */
void audit_want(struct sb_tui *t, struct sb_effects *fx); /* asks for what the frame will need */
void audit_jump(struct sb_tui *t, int to, struct sb_effects *fx); /* 1 newest, -1 oldest */
bool audit_goes_on(const struct sb_tui *t);               /* the ledger has more than what is listed */
size_t audit_count(const struct sb_tui *t);               /* rows that are listed */
const struct sb_audit_row *audit_row(const struct sb_tui *t, size_t from_newest);
void audit_release(struct audit *a);
void audit_rows_release(struct sb_audit_row *row, size_t n); /* what n rows hold, not the rows */

/* ---- panes.c ---- */
const char *pane_name(int pane);
const char *sort_name(int sort);
bool column_shown(const struct sb_tui *t, int pane, bool fits); /* of those that a row can do without */
size_t pane_count(const struct sb_tui *t, int pane);
const char *pane_row_id(const struct sb_tui *t, int pane, size_t row, char buf[24]);
void pane_sort(struct sb_tui *t, int pane);
void panes_relist(struct sb_tui *t, struct sb_effects *fx);
void panes_settle(struct sb_tui *t, int pane, struct sb_effects *fx); /* what this one lists has changed, and no card or anomaly has */
void panes_list_new(struct sb_tui *t, struct sb_effects *fx); /* what has come and is in no list yet */
void pane_move(struct sb_tui *t, int64_t by); /* the page beside the panes follows when the selection has come to rest */
void pane_goto(struct sb_tui *t, size_t row);
void pane_fit(struct sb_tui *t, int pane, size_t rows); /* makes the viewport hold this many rows and the selection */
void pane_focus(struct sb_tui *t, int pane);
void pane_freeze(struct sb_tui *t, int pane);
bool pane_select(struct sb_tui *t, int pane, const char *id); /* false: it is not listed */
void pane_release(struct pane *p);
const struct held_card *pane_held(const struct sb_tui *t);     /* selected in Plans or Approvals; else NULL */
const struct sb_card *pane_card(const struct sb_tui *t);       /* the same, when it is held whole */
const struct sb_anomaly *pane_anomaly(const struct sb_tui *t);
const struct sb_audit_row *pane_audit(const struct sb_tui *t);

/* ---- running.c, replay.c, company.c ---- */
bool act_on_running(struct sb_tui *t, enum sb_action action, struct sb_effects *fx); /* false: not such an action */
void running_want(struct sb_tui *t, struct sb_effects *fx);                          /* asks anew, when it is time and the page is open */
void running_take(struct sb_tui *t, int64_t seq, struct sb_ops *ops);                /* takes the content */
bool running_failed(struct sb_tui *t, int64_t seq, const char *why);                 /* true: that was the answer to it */
void running_only(struct sb_tui *t, const char *text);                               /* lists only what fits the expression */
void running_release(struct running *r);
void view_running(const struct sb_tui *t, struct sb_page *p);
void view_running_title(const struct sb_tui *t, struct sb_page *p);
const char *running_sort_name(int sort);

bool act_on_replay(struct sb_tui *t, enum sb_action action, struct sb_effects *fx);  /* the same */
void replay_take(struct sb_tui *t, int64_t seq, struct sb_replay *replay);           /* takes the content */
void replay_end(struct sb_tui *t);
const struct sb_strip *shown_strip(const struct sb_tui *t); /* of now, or of the minute that is looked at; for pages only, never for a decision */

void company_take(struct sb_tui *t, struct sb_looks *looks);       /* takes the content */
void company_tell(struct sb_tui *t, struct sb_effects *fx);        /* which card is open here, when that has changed */
void view_company(const struct sb_tui *t, const char *card, struct sb_page *p); /* who else has it open */

/* ---- remember.c ---- */
void remember_panes(const struct sb_tui *t, struct sb_effects *fx);
void recall_panes(struct sb_tui *t, const char *text);

/* ---- filter.c ---- */
bool filter_on(const struct sb_tui *t, int pane);
void filter_open(struct sb_tui *t);
void filter_typed(struct sb_tui *t, struct sb_effects *fx);  /* the line has changed: the rows follow */
bool filter_submit(struct sb_tui *t);                        /* false: the expression is wrong, the line stays */
void filter_leave(struct sb_tui *t, struct sb_effects *fx);  /* as it was before the line was opened */
void filter_clear(struct sb_tui *t, struct sb_effects *fx);
void filter_undo(struct sb_tui *t, struct sb_effects *fx);
bool filter_fits_card(struct sb_tui *t, int pane, struct held_card *held);
bool filter_fits_anomaly(struct sb_tui *t, struct held_anomaly *held);
bool filter_given_up(const struct filter *f); /* it took too much work: every row is listed */
bool filter_fits_entry(struct sb_tui *t, const struct sb_audit_row *row);
void filter_release(struct filter *f);
int filter_parse(struct sb_tui *t, const char *text, struct filter *out, struct sb_err *err); /* -1: it is no regular expression */
bool filter_fits(struct filter *f, const struct sb_str *words); /* of a filter that has an expression */
void row_words(const struct sb_tui *t, int pane, size_t row, struct sb_str *out); /* all a row says, uncut */

/* ---- found.c ---- */
void found_start(struct sb_tui *t);                                       /* forgets what was found: the filter is another one */
void found_page(struct sb_tui *t, struct sb_audit_page *page);            /* takes what fits */
void found_entry(struct sb_tui *t, const struct sb_audit_row *row);
int64_t found_want(const struct sb_tui *t);                               /* before which to look on; 0 the newest; -1: no more */
int64_t found_searched(const struct sb_tui *t);
void found_release(struct found *f);

/* ---- hunt.c ---- */
void hunt_start(struct sb_tui *t, int step); /* the searched text, beyond the entries in memory: 1 to older, -1 to newer ones */
void hunt_stop(struct sb_tui *t);
void hunt_page(struct sb_tui *t, const struct sb_audit_page *page);

/* ---- places.c ---- */
void place_note(struct sb_tui *t);                                        /* to be called before a jump */
void place_go(struct sb_tui *t, int by, struct sb_effects *fx);
void places_release(struct sb_tui *t);
void mark_toggle(struct sb_tui *t);
void mark_next(struct sb_tui *t);
void marks_clear(struct sb_tui *t, int pane);
bool marked(const struct sb_tui *t, int pane, const char *id);

/* ---- line.c ---- */
void line_init(struct line *l);
void line_release(struct line *l);
void line_set(struct line *l, const char *text);
bool line_type(struct line *l, uint32_t point);                       /* false: not a character that may be typed */
bool line_paste(struct line *l, const char *bytes, size_t n);         /* false: something was left out */
bool line_act(struct line *l, enum sb_action action);                 /* false: not an action on lines */
void line_show(const struct line *l, struct sb_page *p, int room, bool ascii, int *cursor); /* appends; cursor: column */

/* ---- format.c: short texts; cap is the buffer's size ---- */
#define TEXT_MAX 64
int64_t gap(int64_t from, int64_t to); /* to - from, as far as an int64_t goes: times come from outside */
int64_t ms_of(int64_t seconds);          /* the same for seconds as milliseconds */
void fmt_clock(char out[TEXT_MAX], int64_t ms);
void fmt_when(char out[TEXT_MAX], int64_t ms, int64_t now);
void fmt_opening(char out[TEXT_MAX], const char *local, int64_t left); /* "Thu 2026-11-26 22:00 (Europe/Berlin)" as "Thu 22:00 Berlin", with its date when it is far */
void fmt_left(char out[TEXT_MAX], int64_t ms);  /* a duration in one or two units, coarse */
void fmt_count(char out[TEXT_MAX], int64_t n);
void fmt_bytes(char out[TEXT_MAX], int64_t n);
void fmt_us(char out[TEXT_MAX], int64_t us);
void fmt_milli(char out[TEXT_MAX], int64_t milli, const char *unit);
void fmt_ppm(char out[TEXT_MAX], int64_t ppm);
void fmt_value(char out[TEXT_MAX], int64_t value, const char *unit);
void fmt_words(char out[TEXT_MAX], const char *name); /* awaiting_approval -> awaiting approval */
enum sb_role level_role(int level);
enum sb_role state_role(int state);

/* ---- effects.c ---- */
void fx_add(struct sb_effects *fx, enum sb_effect_kind kind, struct sb_message *ask, char *text);
int64_t fx_ask(struct sb_tui *t, struct sb_effects *fx, struct sb_message *m); /* numbers and posts it; 0: out of memory */
int64_t fx_ask_text(struct sb_tui *t, struct sb_effects *fx, int type, const char *text);

/* ---- tui.c ---- */
void say(struct sb_tui *t, bool bad, const char *fmt, ...) SB_PRINTF(3, 4);
bool names_veiled(struct sb_tui *t); /* true: and it was said that nothing is asked for by a name from here */
void set_text(char **slot, const char *text); /* out of memory: becomes NULL */
struct view *top_view(struct sb_tui *t);
const struct view *top_view_of(const struct sb_tui *t);
void view_open(struct sb_tui *t, enum view_kind kind, const char *id, struct sb_effects *fx);
void view_close(struct sb_tui *t);
void open_tab(struct sb_tui *t, enum tab tab); /* of the view in sight */
enum sb_context context_of(const struct sb_tui *t);
enum sb_context context_behind(const struct sb_tui *t); /* of the view, whatever lies over it */
const struct sb_page *page_in_focus(const struct sb_tui *t); /* what scrolling and searching are about */
bool is_watching(const struct sb_tui *t); /* a watch window is open */
const struct sb_card *card_in_focus(const struct sb_tui *t); /* of the view or pane; NULL */
void reading_reset(struct reading *r);
void reading_note(struct reading *r, const struct sb_page *p, size_t top, size_t rows);

/* ---- keys.c, news.c: what comes in ---- */
void take_key(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx);
void strip_show(struct sb_tui *t, bool now); /* the newest strip: now, or when it is its turn */
void take_news(struct sb_tui *t, struct sb_message *m, struct sb_effects *fx); /* takes m */

/* ---- move.c ---- */
bool move(struct sb_tui *t, enum sb_action action, struct sb_effects *fx);       /* by rows and pages; false: not such an action */
bool move_panes(struct sb_tui *t, enum sb_action action, struct sb_effects *fx); /* from pane to pane, and how they stand; the same */
void to_pane(struct sb_tui *t, int pane); /* gives it the keys, and notes the place that is left */
void show_link(struct sb_tui *t); /* the selected one of the opened page */
void select_link(struct sb_tui *t, int link); /* of the opened page, and shows it */

/* ---- slow.c ---- */
void slow_measured(struct sb_tui *t, int64_t ms, struct sb_effects *fx);
void slow_switch(struct sb_tui *t, struct sb_effects *fx);

/* ---- mouse.c ---- */
void mouse_key(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx);
void mouse_switch(struct sb_tui *t, bool on, struct sb_effects *fx);

/* ---- act.c, decide.c, confirm.c, edit.c, palette.c, search.c ---- */
void act(struct sb_tui *t, enum sb_action action, struct sb_effects *fx);
void suspend(struct sb_tui *t, struct sb_effects *fx);
/* Why the action cannot be done now, in words; false: it can. */
bool decision_refused(const struct sb_tui *t, enum sb_action action, const struct sb_card *c, char out[512]); /* the same for a given card */
bool refused(const struct sb_tui *t, enum sb_action action, char out[512]);
bool is_knob(enum sb_action action); /* of a step that goes in batches */
bool decision_ruled_out(const struct sb_tui *t, enum sb_action action, const struct sb_card *c, char out[512]); /* however much is read */
bool offered(const struct sb_tui *t, enum sb_action action); /* who sits here can do it to what is selected, once that is read */
void decide(struct sb_tui *t, enum sb_action action, struct sb_effects *fx);
void decide_with(struct sb_tui *t, int ask, const char *card, const char *reason, struct sb_effects *fx);
void confirm_open(struct sb_tui *t, enum confirm_for what, const struct sb_card *card, struct sb_effects *fx);
void confirm_close(struct sb_tui *t);
void confirm_key(struct sb_tui *t, const struct sb_key *key, enum sb_action action, struct sb_effects *fx);
void confirm_check(struct sb_tui *t); /* closes it when its card has changed */

/* ---- incident.c, incident_md.c ---- */
const struct sb_anomaly *anomaly_in_focus(const struct sb_tui *t);                    /* of the view or pane; NULL */
const struct sb_hush *said_of(const struct sb_tui *t, const char *anomaly);           /* what somebody thinks of it; NULL: nobody has said */
const char *blackout_scope(const struct sb_anomaly *a);
void remark_send(struct sb_tui *t, const char *id, const char *text, struct sb_effects *fx);
void blackout_send(struct sb_tui *t, const char *id, const char *text, struct sb_effects *fx);
bool act_on_anomaly(struct sb_tui *t, enum sb_action action, struct sb_effects *fx);  /* false: not such an action */
char *md_post_mortem(const struct sb_tui *t, const struct sb_anomaly *a);             /* NULL out of memory */
void view_hushes(const struct sb_tui *t, struct sb_page *p);
void view_recovery(const struct sb_tui *t, struct sb_page *p);
void view_schema(const struct sb_tui *t, const char *ns, struct sb_page *p);
void view_plan(const struct sb_tui *t, const char *case_id, struct sb_page *p);
void view_backup(const struct sb_tui *t, const char *id, struct sb_page *p);

void view_report(const struct sb_tui *t, struct sb_page *p);

/* ---- schema.c ---- */
bool act_on_schema(struct sb_tui *t, enum sb_action action, struct sb_effects *fx); /* false: not such an action */

/* ---- plan.c ---- */
bool act_on_plan(struct sb_tui *t, enum sb_action action, struct sb_effects *fx); /* false: not such an action */

/* ---- report.c ---- */
bool act_on_report(struct sb_tui *t, enum sb_action action, struct sb_effects *fx); /* false: not such an action */
void report_divide(struct sb_tui *t, const char *text, struct sb_effects *fx);     /* at a moment that was typed; empty: no more */

/* ---- doctor.c ---- */
bool act_on_doctor(struct sb_tui *t, enum sb_action action, struct sb_effects *fx); /* false: not such an action */
void doctor_take(struct sb_tui *t, struct sb_doctor *told);                         /* takes the content */
void view_doctor_title(const struct sb_tui *t, struct sb_page *p);
void view_doctor(const struct sb_tui *t, struct sb_page *p);

/* ---- recovery.c ---- */
bool act_on_recovery(struct sb_tui *t, enum sb_action action, struct sb_effects *fx);
const struct sb_recovery_backup *find_backup(const struct sb_tui *t, const char *id); /* NULL: it is not listed */
void open_backup(struct sb_tui *t, int link, struct sb_effects *fx);

void md(struct sb_str *out, const char *text); /* as plain text within Markdown */
void md_time(struct sb_str *out, int64_t ms);

/* ---- meeting.c, meeting_md.c ---- */
const struct agenda_item *meeting_item(const struct sb_tui *t); /* in sight; NULL: the agenda is empty */
const struct decision *meeting_decision(const struct sb_tui *t, const char *card); /* the last; NULL: none */
void meeting_fill(struct sb_tui *t);
void meeting_tick(struct sb_tui *t, int64_t wall);
void meeting_open(struct sb_tui *t, struct sb_effects *fx);
void meeting_leave(struct sb_tui *t, struct sb_effects *fx); /* writes the minutes, if something is in no file yet */
bool meeting_act(struct sb_tui *t, enum sb_action action, struct sb_effects *fx); /* false: not such an action */
void meeting_decided(struct sb_tui *t, const char *id, const char *text, struct sb_effects *fx);
void meeting_release(struct meeting *m);
char *md_minutes(const struct sb_tui *t); /* NULL out of memory */

/* ---- batch.c ---- */
bool batch_meant(const struct sb_tui *t);              /* approve means the marked cards, not the selected one */
bool batch_refused(const struct sb_tui *t, char out[512]);
bool batch_ruled_out(const struct sb_tui *t);          /* one of them cannot be approved by who sits here */
void batch_open(struct sb_tui *t, struct sb_effects *fx);
bool batch_holds(struct sb_tui *t);                    /* they are as they were shown; else says so and closes the question */
void batch_send(struct sb_tui *t, struct sb_effects *fx);
void batch_answer(struct sb_tui *t, int64_t seq, bool ok); /* to one of those that were sent; said when all are there */
void batch_release(struct confirm *q);
void pause_all(struct sb_tui *t, struct sb_effects *fx); /* whatever is marked or selected */

/* ---- edit.c and others ---- */
void edit_open(struct sb_tui *t, const struct sb_card *card, struct sb_effects *fx);
void edit_release(struct edit *e);
char *edit_plain(const char *text); /* Extended JSON as a person writes it, any other text as it is; NULL out of memory */
void edit_change(struct sb_tui *t, const char *value);
void edit_as_text(const struct sb_tui *t, struct sb_str *out);
void edit_from_text(struct sb_tui *t, const char *text);
char *plots_svg(const struct sb_anomaly *a); /* NULL out of memory */
void export_as(struct sb_tui *t, const char *form, struct sb_effects *fx);
size_t edit_changes(const struct edit *e);
struct sb_message *edit_message(const struct sb_tui *t);
void line_open(struct sb_tui *t, enum line_for what, const char *about, const char *text);
void line_changed(struct sb_tui *t, struct sb_effects *fx); /* by a key or a paste */
void line_submit(struct sb_tui *t, struct sb_effects *fx);
void palette_open(struct sb_tui *t);
size_t palette_rank(const char *typed, enum sb_action out[SB_ACTIONS]); /* all that can be done anywhere, the best first: how many */
size_t palette_matches(const struct sb_tui *t, enum sb_action out[SB_ACTIONS]);
void palette_submit(struct sb_tui *t, struct sb_effects *fx);
void search_go(struct sb_tui *t, int step, bool from_here);

/* ---- views: each makes a page ---- */
void view_header(const struct sb_tui *t, struct sb_page *p);
void view_strip(const struct sb_tui *t, struct sb_page *p, int lines);
int view_strip_lines(const struct sb_tui *t);
int view_strip_short(const struct sb_tui *t); /* of a cluster: without its members; 0: it is none */
void view_status(const struct sb_tui *t, struct sb_page *p);
void view_request(const struct sb_tui *t, struct sb_page *p, int *cursor);
void view_footer(const struct sb_tui *t, struct sb_page *p);
bool view_footer_key(struct sb_page *p, const char *keys, const char *label, int reserve); /* false: there is no room for it and `reserve` columns */
void view_pane_title(const struct sb_tui *t, int pane, struct sb_page *p);
void view_pane(const struct sb_tui *t, int pane, struct sb_page *p, size_t rows);
void view_detail_title(int pane, const char *id, bool stays, struct sb_page *p);
void view_detail(const struct sb_tui *t, struct sb_page *p);
void view_card_title(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p);
int view_tab_at(const struct sb_tui *t, const struct sb_card *c, enum tab tab, int x); /* the tab in this column of view_tabs, or -1 */
void view_tabs(const struct sb_tui *t, const struct sb_card *c, enum tab tab, struct sb_page *p);
void view_summary(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p);
void view_commands(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p);
void view_evidence(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p);
void view_policy(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p);
void view_rollback(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p);
void view_watch(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p);
void view_history(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p);
void view_handoffs(const struct sb_tui *t, const struct sb_card *card, struct sb_page *p);
void view_case(const struct sb_tui *t, const struct sb_case *c, struct sb_page *p);
void view_entries(const struct sb_tui *t, const char *card, const char *case_id, struct sb_page *p); /* of either, as far as they are loaded */
void view_anomaly(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_page *p);
void view_edit(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p);
void view_difference(struct sb_page *p, int left, const char *was, const char *now); /* two lines from column left on */
void view_edits(const struct sb_tui *t, const struct sb_card *c, int left, struct sb_page *p); /* begins in the present line */
void view_help(const struct sb_tui *t, enum sb_context context, struct sb_page *p);
/* The keys of a context under its name; `own`: only where the context itself gives an action its meaning. */
void view_keys(const struct sb_keymap *keymap, bool read_only, enum sb_context context, bool own, struct sb_page *p);
void view_messages(const struct sb_tui *t, struct sb_page *p);
void view_meeting_title(const struct sb_tui *t, struct sb_page *p);
void view_meeting(const struct sb_tui *t, struct sb_page *p, int rows);
void view_confirm(const struct sb_tui *t, struct sb_page *p);
void view_palette(const struct sb_tui *t, struct sb_page *p, size_t rows);
void view_facts(const struct sb_tui *t, const struct sb_evidence *e, size_t n, struct sb_page *p);
void view_label(struct sb_page *p, const char *label); /* begins a line with a label; text follows at LABEL */
void view_heading(struct sb_page *p, const char *text);
void view_badge(struct sb_page *p, const char *coverage);
#define LABEL 11

#endif
