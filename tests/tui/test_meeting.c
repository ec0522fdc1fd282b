/* SPDX-License-Identifier: Apache-2.0
 *
 * The meeting and the veil of a shown screen: no value of the deployment is seen, copied or exported in any view; minutes tell
 * every decision with who, why and the hash; a clock that jumps takes no time from anybody. */
#include "../../src/tui/state.h" /* which views there are, and which one is open */

#include "console.h"

#include <signalbox/base/hash.h>
#include <signalbox/base/rng.h>

#include <ctype.h>

static struct sb_keymap *keymap;
static const unsigned char key[SB_TUI_VEIL] = "not a random one";

/* The console of a presenter, with the meeting open. */
static void present(struct console *c, int w, int h)
{
    struct sb_err err = SB_ERR_INIT;
    console_open(c, keymap, w, h);
    sb_tui_free(c->tui);
    struct sb_tui_setup setup = {.keymap = keymap, .seat = {.who = (char *)"alice", .how = (char *)"console"}, .connecting = "xqzhost:48151623", .veil = key, .wall_ms = c->clock};
    c->tui = sb_tui_new(&setup, &err);
    assert_non_null(c->tui);
    sb_tui_start(c->tui, &c->fx);
    console_take(c);
    console_frame(c);
}

/* Every secret has a beginning that nothing of ours has: words, words with marks, numbers; and words of ours that are names
 * there, so that only having learned them veils them. */
static const char *const names_of_ours[] = {"wildcardProjection", "twentieth", "sentinels", "socketless"};

static char *secret(struct sb_rng *rng)
{
    static const char *const pieces[] = {"xqzmiller", "Xqz_4711", "xqzana@xqz.example", "48151623", "4815-1623-4815", "{\"xqzfield\": \"xqz\"}", "xqz\xC3\xA9lan", "x\xC3\xA9qz 48151623.48151623",
                                         "$xqzoperator", "48151623ms", "xqz.48151623", "C-000001", "speed up the collection", "38 times as long", "/* xqz */", "\x1B[31mxqz", "48151623xqz",
                                         "on 10.20.4.15:41000 since", "ip-10-20-4-15.xqz:41000", "10.20.4.15xqz", "read from 1.0.1.1"};
    struct sb_str s;
    sb_str_init(&s);
    uint64_t n = 1 + sb_rng_below(rng, 4);
    for (uint64_t i = 0; i < n; i++)
        sb_str_addf(&s, "%s%s", i ? " " : "", pieces[sb_rng_below(rng, SB_COUNT(pieces))]);
    if (sb_rng_below(rng, 3) == 0)
        sb_str_addf(&s, " %s", names_of_ours[sb_rng_below(rng, 3)]);
    char *text = sb_str_take(&s);
    assert_non_null(text);
    return text;
}

static char *secret_name(struct sb_rng *rng)
{
    char *text = sb_format("%s.xqz%s", names_of_ours[sb_rng_below(rng, 3)], names_of_ours[sb_rng_below(rng, 3)]);
    assert_non_null(text);
    return text;
}

static char *text_for(const struct sb_member *m, struct sb_rng *rng, int64_t number)
{
    if (strcmp(m->key, "id") == 0 || strcmp(m->key, "card") == 0)
        return sb_rng_below(rng, 4) ? sb_format("%c-%06lld", "CAK"[number % 3], (long long)(number % 9)) : secret(rng);
    if (strcmp(m->key, "case") == 0 || strcmp(m->key, "anomaly") == 0) /* of which there is one, mostly: else its page stays empty */
        return sb_rng_below(rng, 8) ? sb_format(m->key[0] == 'c' ? "K-%06d" : "A-%06d", (int)sb_rng_below(rng, 3) * 3 + (m->key[0] == 'c' ? 2 : 1)) : secret(rng);
    return strcmp(m->key, "ns") == 0 || strcmp(m->key, "namespaces") == 0 || strcmp(m->key, "subject") == 0 ? secret_name(rng) : secret(rng);
}

static void fill(const struct sb_schema *s, void *record, struct sb_rng *rng, int depth)
{
    memset(record, 0, s->size);
    for (size_t k = 0; k < s->n; k++) {
        const struct sb_member *m = &s->member[k];
        void *at = (char *)record + m->offset;
        size_t *count = (size_t *)((char *)record + m->count_offset), want = sb_rng_below(rng, 3);
        switch (m->kind) {
        case SB_STR: *(char **)at = text_for(m, rng, (int64_t)sb_rng_below(rng, 9)); break;
        case SB_INT: case SB_TIME: *(int64_t *)at = (int64_t)sb_rng_below(rng, 900); break;
        case SB_BOOL: *(bool *)at = sb_rng_below(rng, 2); break;
        case SB_ENUM: *(int *)at = (int)sb_rng_below(rng, ((const struct sb_names *)m->sub)->n); break;
        case SB_JSON:
            *(json_t **)at = json_pack("{s:s, s:[s, I]}", "xqzkey", "xqzvalue", "list", "xqz", (json_int_t)48151623);
            assert_non_null(*(json_t **)at);
            break;
        case SB_REC: fill(m->sub, at, rng, depth + 1); break;
        case SB_STRS:
            for (size_t i = 0; i < want; i++) {
                char **slot = sb_list_push(at, count, sizeof *slot);
                assert_non_null(slot);
                *slot = text_for(m, rng, (int64_t)i);
            }
            break;
        case SB_RECS:
            for (size_t i = 0; i < want && depth < 4; i++) {
                void *one = sb_list_push(at, count, ((const struct sb_schema *)m->sub)->size);
                assert_non_null(one);
                fill(m->sub, one, rng, depth + 1);
            }
            break;
        }
    }
}

/* Neither a secret nor its beginning, in whatever case; cut texts show beginnings. */
static void assert_veiled(const char *text, const char *what, const char *after)
{
    static const char *const never[] = {"xqz", "48151", "\xC3\xA9", "wildcardProj", "twentieth", "sentinels", "10.20.4", "10-20-4", "1.0.1.1", ":41000"};
    for (size_t i = 0; text && i < SB_COUNT(never); i++) {
        const char *found = strcasestr(text, never[i]);
        if (found) /* a message is kept short: what stands around it */
            fail_msg("\"%s\" in %s after %s:\n%.600s", never[i], what, after, found - text > 200 ? found - 200 : text);
    }
}

/* Every kind of news there is, also one that is added after this was written. */
static int any_news(struct sb_rng *rng)
{
    int type;
    do
        type = SB_NEWS_WELCOME + (int)sb_rng_below(rng, SB_MESSAGE_TYPES - SB_NEWS_WELCOME);
    while (type == SB_NEWS_BYE); /* told once, at the end */
    return type;
}

static void tell(struct console *c, int type, struct sb_rng *rng)
{
    struct sb_message *m = sb_message_new(type, 0);
    assert_non_null(m);
    fill(sb_message_schema(m->type), m->body, rng, 0);
    if (m->type == SB_NEWS_REPLAY) { /* only one that was asked for is shown */
        const struct sb_message *last = NULL;
        for (size_t i = 0; i < c->asks; i++)
            last = c->ask[i]->type == SB_ASK_REPLAY ? c->ask[i] : last;
        m->seq = last ? last->seq : 0;
        ((struct sb_replay *)m->body)->at = c->clock;
    }
    if (m->type == SB_NEWS_REPORT || m->type == SB_NEWS_RECOVERY)
        *(m->type == SB_NEWS_REPORT ? &((struct sb_report_page *)m->body)->at : &((struct sb_recovery *)m->body)->at) = c->clock;
    if (m->type == SB_NEWS_CASE) { /* one that something belongs to */
        struct sb_case *of = m->body;
        free(of->id);
        of->id = sb_format("K-%06d", (int)(c->tui->cases_n % 3) * 3 + 2);
        char **card = SB_PUSH(of->cards);
        assert_non_null(card);
        *card = sb_format("C-%06d", (int)sb_rng_below(rng, 3) * 3);
    }
    if (m->type == SB_NEWS_PLAN) { /* the one that was asked for is shown */
        struct sb_plan_gates *gates = m->body;
        for (size_t i = 0; i < c->asks; i++)
            if (c->ask[i]->type == SB_ASK_PLAN) {
                free(gates->case_id);
                gates->case_id = sb_format("%s", ((const struct sb_text *)c->ask[i]->body)->text);
            }
    }
    if (m->type == SB_NEWS_CARD && sb_rng_below(rng, 2))
        ((struct sb_card *)m->body)->state = SB_AWAITING_APPROVAL;
    console_news(c, m);
}

/* The keys of an action that has one key from here; NULL: it is not pressed. */
static const char *keys_of_any_action(const struct console *c, struct sb_rng *rng)
{
    enum sb_action a = (enum sb_action)(1 + sb_rng_below(rng, SB_ACTIONS - 1));
    const char *keys = a == SB_ACT_QUIT || a == SB_ACT_SUSPEND ? NULL : sb_keymap_keys(keymap, context_of(c->tui), a);
    return keys && !strchr(keys, ' ') ? keys : NULL;
}

struct seen {
    size_t of[VIEWS], full[VIEWS]; /* full: with more than a line that says that nothing has come */
    size_t written, copied, shown;
};

static void look(struct console *c, const char *after, struct seen *seen)
{
    const struct view *v = &c->tui->view[c->tui->views - 1];
    assert_veiled(screen(c), "the screen", after);
    assert_veiled(c->written, "what is written", after);
    assert_veiled(c->copied, "what is copied", after);
    seen->shown++;
    seen->of[v->kind]++;
    seen->full[v->kind] += c->tui->frame.body.row_n > 2 || v->kind == VIEW_PANES;
}

static void no_view_shows_a_value(void **state)
{
    (void)state;
    static const int sizes[][2] = {{80, 24}, {200, 60}, {120, 40}, {40, 10}};
    static const char *const tours[] = {
        "Right Enter 1 2 3 4 5 6 7 8 y Escape M", "Escape Escape 1 y Enter PageDown y M Escape c PageDown y Escape F6", "Escape Escape 2 y Enter 1 y 2 y 3 y 4 y 5 y 6 y 7 y 8 y W C-u j s o n Enter Escape F6",
        "Escape Escape 3 Enter A e u s Escape Escape F6", "Escape Escape 4 y Enter y Escape m y Escape B y Escape H W C-u j s o n Enter F6", "? End Escape", "Escape Escape 3 Space o O Space ' F6", "d Escape Left M",
        "Escape Escape z W C-u j s o n Enter z F6", "Escape F5 y Down X y Down y & x Enter o O y W C-u t e x t Enter Escape F6", "Escape < F5 y < Escape F6", "Escape V y Down Enter y Escape F6",
        "Escape Escape 2 P y PageDown y Enter Escape P F6", "Escape Escape 4 Enter c P y W C-u j s o n Enter Escape F6",
        "Escape % y d End y W C-u j s o n Enter Escape F6", "Escape Escape S y End y W C-u j s o n Enter Escape F6", "Escape ! y End y W C-u j s o n Enter Escape F6", "Escape Escape : d o c Escape F6",
        "Escape Escape 1 c y End y Enter Escape Escape 3 c y Escape 4 c y W C-u j s o n Enter Escape F6", "Escape Escape 2 c y End Escape 3 Enter c y Escape Escape F6",
    };
    struct sb_rng rng;
    struct seen seen = {.shown = 0};
    sb_rng_seed(&rng, 2611);
    for (int session = 0; session < 8; session++) {
        struct console c;
        present(&c, 80, 24);
        assert_veiled(screen(&c), "the screen", "the start");
        console_json(&c, "{\"type\":\"anomaly\",\"seq\":0,\"body\":{\"id\":\"A-000009\",\"title\":\"reads of sentinels\",\"detected_at\":\"2026-11-24T14:05:12.000Z\","
                         "\"namespaces\":[\"wildcardProjection.twentieth\",\"sentinels\"]}}"); /* a word of ours is a name once one record says so */
        for (int i = 0; i < 3; i++)
            tell(&c, SB_NEWS_CASE, &rng);
        for (int round = 0; round < 48; round++) {
            tell(&c, round < SB_MESSAGE_TYPES - SB_NEWS_WELCOME ? SB_NEWS_WELCOME + (round + session) % (SB_NEWS_BYE - SB_NEWS_WELCOME) : any_news(&rng), &rng);
            c.w = sizes[(size_t)round % SB_COUNT(sizes)][0];
            c.h = sizes[(size_t)round % SB_COUNT(sizes)][1];
            console_frame(&c);
            char tour[128];
            snprintf(tour, sizeof tour, "%s", tours[sb_rng_below(&rng, SB_COUNT(tours))]);
            char *rest = tour;
            for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
                press(&c, word);
                look(&c, word, &seen);
                if (c.tui->doctor.asked) /* he answers: else what he once said was put away */
                    tell(&c, SB_NEWS_DOCTOR, &rng);
            }
            for (int i = 0; i < 4; i++) {
                const char *keys = keys_of_any_action(&c, &rng);
                if (!keys)
                    continue;
                press(&c, keys);
                look(&c, keys, &seen);
                press(&c, "Escape");
            }
        }
        tell(&c, SB_NEWS_BYE, &rng);
        console_frame(&c);
        look(&c, "the end", &seen);
        seen.written += c.written != NULL;
        seen.copied += c.copied != NULL;
        for (size_t i = 0; i < c.asks; i++) /* by a pseudonym nothing is asked: a drill has no name in it */
            if (c.ask[i]->type == SB_ASK_REQUEST && !sb_streq(((const struct sb_text *)c.ask[i]->body)->text, "run a restore drill"))
                fail_msg("asked: %s", ((const struct sb_text *)c.ask[i]->body)->text);
        assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL) + asked(&c, SB_ASK_EDIT, NULL) + asked(&c, SB_ASK_LOOK, NULL) + asked(&c, SB_ASK_BLACKOUT, NULL) + asked(&c, SB_ASK_STAKE, NULL), 0);
        console_close(&c);
    }
    for (int kind = 0; kind < VIEWS; kind++) /* nobody edits on a shown screen; whatever else is added is to be walked through here */
        if (kind == VIEW_EDIT ? seen.of[kind] != 0 : seen.full[kind] < 8)
            fail_msg("the view with the number %d of enum view_kind was shown %zu times, %zu of them with something in it: it belongs into the tours above", kind, seen.of[kind], seen.full[kind]);
    assert_true(seen.shown > 2500 && seen.written > 6 && seen.copied > 6);
}

/* What stays readable: the words of the program, ids, sizes of figures; and the same word is the same pseudonym in all views. */
static void the_same_word_has_the_same_pseudonym(void **state)
{
    (void)state;
    struct console c;
    present(&c, 120, 40);
    static const char *const recordings[] = {"01-connect", "03-calm", "04-anomaly", "05-card"};
    for (size_t i = 0; i < SB_COUNT(recordings); i++)
        console_play(&c, recordings[i]);
    assert_shows(&c, "C-000001");
    assert_shows(&c, "Create index");
    assert_not_shown(&c, "shop");
    assert_not_shown(&c, "status");
    const struct sb_card *card = sb_tui_card(c.tui, "C-000001");
    assert_non_null(card);
    char *target = sb_format("%s", card->target), *ns = sb_format("%s", card->evidence[0].ns);
    assert_string_equal(target, ns);
    assert_shows(&c, target);
    press(&c, "Escape 2 Enter");
    assert_shows(&c, target);
    press(&c, "Escape 3 Enter A");
    assert_shows(&c, "This screen shows pseudonyms");
    free(target);
    free(ns);
    console_close(&c);
}

/* In a sentence an address reads as it does in the strip; what the page of recovery calls its goals is ours, and teaches nothing. */
static void addresses_and_labels(void **state)
{
    (void)state;
    struct console c;
    present(&c, 200, 60);
    console_play(&c, "01-connect");
    console_json(&c, "{\"type\":\"strip\",\"seq\":0,\"body\":{\"at\":\"2026-11-24T14:05:12.000Z\",\"wall\":\"2026-11-24T14:05:12.000Z\",\"samples\":5,\"ledger_ok\":true,\"members\":["
                     "{\"name\":\"10.20.4.15:41000\",\"state\":\"PRIMARY\",\"healthy\":true,\"lag_s\":0,\"reads_per_s_milli\":7,\"writes_per_s_milli\":7,\"read_latency_us\":7,"
                     "\"write_latency_us\":7,\"connections\":7,\"queued\":7,\"cache_ppm\":7}]}}");
    console_json(&c, "{\"type\":\"notice\",\"seq\":0,\"body\":{\"severity\":\"high\",\"text\":\"read on 10.20.4.15:41000 at 14:05:12, 8.0.13-4 and 2026.11.5\"}}");
    char *sentence = sb_format("read on %s at 14:05:12, 8.0.13-4 and 2026.11.5", c.tui->strip.members[0].name);
    assert_null(strstr(sentence, "4100"));
    assert_shows(&c, sentence);
    free(sentence);
    console_json(&c, "{\"type\":\"recovery\",\"seq\":0,\"body\":{\"deployment\":\"shop\",\"at\":\"2026-11-24T14:05:02.000Z\",\"backups_all\":0,\"usable\":0,\"drills_all\":0,\"backups\":[],\"gaps\":[],"
                     "\"drills\":[],\"goals\":[{\"name\":\"backup age\",\"state\":\"missed\",\"value\":\"3 h 52 min\",\"note\":\"no backup can be used\"}],\"places\":[]}}");
    press(&c, "V");
    assert_shows(&c, "backup age");
    assert_shows(&c, "3 h 52 min");
    assert_shows(&c, "no backup can be used");
    console_close(&c);
}

/* What is typed is seen while it is typed; the messages do not keep it. */
static void what_was_asked_is_not_repeated(void **state)
{
    (void)state;
    struct console c;
    const struct sb_text *request = NULL;
    present(&c, 80, 24);
    console_play(&c, "01-connect");
    press(&c, "n");
    type_text(&c, "is xqzid slow for xqz.orders?");
    press(&c, "Enter");
    assert_int_equal(asked(&c, SB_ASK_REQUEST, (const void **)&request), 1);
    assert_string_equal(request->text, "is xqzid slow for xqz.orders?");
    assert_shows(&c, "Asked.");
    assert_veiled(screen(&c), "the screen", "a request");
    press(&c, "m");
    assert_shows(&c, "Asked.");
    assert_veiled(screen(&c), "the messages", "a request");
    console_close(&c);
}

static void six_cards(struct console *c)
{
    for (int i = 1; i <= 6; i++) {
        char line[300];
        snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-%06d\",\"title\":\"Create index number_%d on shop.orders\",\"state\":\"awaiting_approval\"}}", i, i);
        console_json(c, line);
    }
}

static void the_minutes_tell_every_decision(void **state)
{
    (void)state;
    static const char *const decisions[6][2] = {{"approved by Ann, Ben: ", "tried out on staging"}, {"rejected by Cleo: ", "too large at noon"}, {"deferred by Dora: ", "the window is on Thursday"},
                                                {"approved by Ann: ", "it serves *two* shapes"}, {"approved by Ben: ", "second look"}, {"rejected by Ann, Cleo: ", "the other one does"}};
    struct console c;
    present(&c, 80, 24);
    console_play(&c, "01-connect");
    six_cards(&c);
    assert_shows(&c, "card 1 of 6");
    for (int i = 0; i < 6; i++) {
        const struct sb_remark_on *note = NULL;
        press(&c, "d C-u");
        type_text(&c, decisions[i][0]);
        type_text(&c, decisions[i][1]);
        press(&c, "Enter");
        assert_shows(&c, "Written down");
        assert_int_equal(asked(&c, SB_ASK_REMARK, (const void **)&note), (size_t)i + 1);
        assert_non_null(strstr(note->text, decisions[i][1]));
        press(&c, "Right");
    }
    press(&c, "M");
    assert_non_null(c.written);
    assert_null(strstr(c.written, "shop"));
    for (int i = 0; i < 6; i++) {
        char id[16], names[64];
        snprintf(id, sizeof id, "### C-%06d", i + 1);
        const char *part = strstr(c.written, id), *next = part ? strstr(part + 1, "###") : NULL;
        char *one = part ? sb_strdup_n(part, next ? (size_t)(next - part) : strlen(part)) : NULL;
        snprintf(id, sizeof id, "C-%06d", i + 1);
        const char *hash = sb_tui_card(c.tui, id)->hash, *by = strstr(decisions[i][0], " by ") + 4;
        snprintf(names, sizeof names, "- By: %.*s\n", (int)strcspn(by, ":"), by);
        assert_non_null(one);
        if (decisions[i][0][0] == 'a' && !strstr(one, " --target NAME`, with the name of the card's target for NAME\n")) /* prod wants it, and here it is a pseudonym */
            fail_msg("the minutes of %s do not say that the target's name is wanted:\n%s", id, one);
        if (!strstr(one, names) || !strstr(one, hash) || strncmp(strstr(one, "- Decision: ") + 12, decisions[i][0], 8) != 0 || (i != 3 && !strstr(one, decisions[i][1])))
            fail_msg("the minutes of %s lack something:\n%s", id, one);
        free(one);
    }
    assert_non_null(strstr(c.written, "serves \\*two\\* shapes")); /* as text, not as markup */
    char *line = strstr(c.written, "\nSHA-256"), hex[SB_HEX_LEN + 1];
    assert_non_null(line);
    struct sb_hash hash;
    sb_hash_bytes(&hash, c.written, (size_t)(line - c.written), NULL);
    sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
    assert_non_null(strstr(line, hex));
    console_close(&c);
}

static void a_decision_needs_its_three_parts(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "approved", "approved by Ann", "approved by : reason", "approved by Ann:", "approved by Ann:  ", "agreed by Ann: yes", "by Ann: yes", "approved  by Ann: yes"};
    struct console c;
    present(&c, 80, 24);
    console_play(&c, "01-connect");
    press(&c, "d");
    assert_shows(&c, "There is no card on the agenda");
    six_cards(&c);
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        press(&c, "d C-u");
        type_text(&c, wrong[i]);
        press(&c, "Enter");
        assert_shows(&c, "Nothing was written down");
    }
    assert_int_equal(asked(&c, SB_ASK_REMARK, NULL), 0);
    press(&c, "q"); /* nothing to write */
    assert_null(c.written);
    assert_int_equal(c.quits, 1);
    console_close(&c);
}

/* A decision about a card that changes afterwards, or is decided twice; and minutes nobody exported are written at the end. */
static void what_changes_afterwards_is_told(void **state)
{
    (void)state;
    struct console c;
    present(&c, 80, 24);
    console_play(&c, "01-connect");
    six_cards(&c);
    press(&c, "d");
    type_text(&c, "Ann: first");
    press(&c, "Enter d");
    type_text(&c, "Ben: second");
    press(&c, "Enter");
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-000001\",\"revision\":2,\"title\":\"Another\",\"state\":\"awaiting_approval\"}}");
    press(&c, "q");
    assert_int_equal(c.quits, 1);
    assert_non_null(c.written);
    assert_non_null(strstr(c.written, "Decided again below"));
    assert_non_null(strstr(c.written, "it is revision 2 now"));
    assert_non_null(strstr(c.written, "C-000002, C-000003"));
    console_close(&c);
}

static void tick(struct console *c, int64_t ms)
{
    c->clock += ms;
    struct sb_tui_event event = {.kind = SB_TUI_TICK, .wall_ms = c->clock};
    sb_tui_update(c->tui, &event, &c->fx);
    console_take(c);
    console_frame(c);
}

static void a_clock_that_jumps_takes_no_time(void **state)
{
    (void)state;
    struct console c;
    present(&c, 80, 24);
    console_play(&c, "01-connect");
    six_cards(&c);
    for (int i = 0; i < 60; i++)
        tick(&c, 1000);
    assert_shows(&c, "04:00 left");
    tick(&c, 3600000);
    assert_shows(&c, "The clock was set");
    press(&c, "Escape");
    assert_shows(&c, "04:00 left");
    tick(&c, -7200000);
    press(&c, "Escape");
    assert_shows(&c, "04:00 left");
    press(&c, "+");
    assert_shows(&c, "05:00 left");
    press(&c, "Right");
    assert_shows(&c, "card 2 of 6"); /* with a clock of its own */
    assert_shows(&c, "05:00 left");
    for (int i = 0; i < 301; i++)
        tick(&c, 1000);
    assert_shows(&c, "+00:01 over time");
    console_close(&c);
}

int main(void)
{
    keymap = keymap_of("default");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_view_shows_a_value),
        cmocka_unit_test(the_same_word_has_the_same_pseudonym),
        cmocka_unit_test(addresses_and_labels),
        cmocka_unit_test(what_was_asked_is_not_repeated),
        cmocka_unit_test(the_minutes_tell_every_decision),
        cmocka_unit_test(a_decision_needs_its_three_parts),
        cmocka_unit_test(what_changes_afterwards_is_told),
        cmocka_unit_test(a_clock_that_jumps_takes_no_time),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sb_keymap_free(keymap);
    return rc;
}
