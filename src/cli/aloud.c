/* SPDX-License-Identifier: Apache-2.0
 *
 * The console as lines of text, for a screen reader, a braille line, or a terminal that cannot place text. Every change that a
 * person wants to know of is announced once, in one line, the most important word first; nothing is drawn and nothing said
 * twice. */
#include <signalbox/base/array.h>
#include <signalbox/cli/card_text.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/console.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD_MOST 4000 /* bytes of one line that is typed */

/* What was last said of a card, an anomaly or a member. */
struct told {
    char *id, *state, *line;
};

struct aloud {
    struct sb_session *s;
    struct told *told;
    size_t told_n, told_cap;
    int64_t seq;
    bool over;
    char word[WORD_MOST];
    size_t word_n;
    bool too_long;
};

/* True when this state is news; line is what `list` says, NULL: it is in no list any more. */
static bool fresh(struct aloud *a, const char *id, const char *state, const char *line)
{
    size_t i = 0;
    while (i < a->told_n && !sb_streq(a->told[i].id, id))
        i++;
    if (i == a->told_n) {
        char *copy = sb_format("%s", id);
        if (!copy || SB_GROW(a->told, a->told_cap, i + 1)) {
            free(copy);
            return true; /* said twice rather than not at all */
        }
        a->told[a->told_n++] = (struct told){.id = copy};
    }
    bool news = !sb_streq(a->told[i].state, state);
    if (sb_str_set(&a->told[i].state, state) || sb_str_set(&a->told[i].line, line))
        return true;
    return news;
}

static void announce(struct aloud *a, const char *id, const char *state, bool listed, char *line)
{
    if (line && fresh(a, id, state, listed ? line : NULL))
        sb_print("%s\n", line);
    free(line);
    fflush(stdout);
}

static void words(const char *name, char out[64])
{
    snprintf(out, 64, "%s", name);
    for (char *p = out; *p; p++)
        *p = *p == '_' ? ' ' : *p;
}

static void card(struct aloud *a, const char *id, int state, int risk, const char *title)
{
    char text[64];
    words(sb_name(&sb_states, state), text);
    bool open = state != SB_DONE && state != SB_REJECTED && state != SB_EXPIRED && state != SB_SUPERSEDED && state != SB_ROLLED_BACK && state != SB_DENIED;
    announce(a, id, text, open, sb_format("Card %s, %s, risk %s: %s", id, text, sb_name(&sb_levels, risk), title ? title : ""));
}

static void anomaly(struct aloud *a, const struct sb_anomaly *n)
{
    char *state = sb_format("%s %s", n->to ? "over" : "going on", n->acked_by ? n->acked_by : "");
    if (!n->hushed)
        announce(a, n->id, state ? state : "", n->to == 0,
                 sb_format("Anomaly %s, %s, %s%s%s: %s", n->id, n->to ? "over" : "going on", sb_name(&sb_levels, n->severity), n->acked_by ? ", taken by " : "", n->acked_by ? n->acked_by : "",
                           n->title ? n->title : ""));
    free(state);
}

static void strip(struct aloud *a, const struct sb_strip *s)
{
    for (size_t i = 0; i < s->members_n; i++) {
        const struct sb_member_line *m = &s->members[i];
        char *state = sb_format("%s%s", m->state ? m->state : "UNKNOWN", m->healthy ? "" : ", not healthy");
        if (m->name && state)
            announce(a, m->name, state, true, sb_format("Member %s is %s", m->name, state));
        free(state);
    }
    announce(a, "", s->note ? s->note : "", false, s->note ? sb_format("Note: %s", s->note) : NULL);
}

static void welcome(const struct sb_welcome *w)
{
    sb_print("Connected to %s, %s%s%s. You are %s. help tells what can be asked.\n", w->deployment ? w->deployment : "?", w->environment == SB_ENV_PROD ? "PROD" : sb_name(&sb_environments, w->environment),
             w->simulated ? ", SIMULATED" : "", w->read_only ? ", read-only" : "", w->actor ? w->actor : "nobody known");
    fflush(stdout);
}

static void news(struct aloud *a, struct sb_message *m)
{
    switch (m->type) {
    case SB_NEWS_WELCOME: welcome(m->body); break;
    case SB_NEWS_STRIP: strip(a, m->body); break;
    case SB_NEWS_ANOMALY: anomaly(a, m->body); break;
    case SB_NEWS_CARD: {
        const struct sb_card *c = m->body;
        if (m->seq) /* it was asked for */
            sb_card_print(c);
        else
            card(a, c->id, c->state, c->risk, c->title);
        break;
    }
    case SB_NEWS_CARDS: {
        const struct sb_card_rows *r = m->body;
        for (size_t i = 0; i < r->rows_n; i++)
            card(a, r->rows[i].id, r->rows[i].state, r->rows[i].risk, r->rows[i].title);
        break;
    }
    case SB_NEWS_NOTICE: sb_print("Notice: %s\n", ((const struct sb_notice *)m->body)->text); break;
    case SB_NEWS_ANSWER: {
        const struct sb_answer *answer = m->body;
        if (answer->text && answer->text[0])
            sb_print("%s: %s\n", answer->ok ? "Answer" : "Refused", answer->text);
        break;
    }
    case SB_NEWS_BYE:
        sb_print("Ended: %s\n", ((const struct sb_text *)m->body)->text ? ((const struct sb_text *)m->body)->text : "the orchestrator has gone");
        a->over = true;
        break;
    default: break;
    }
    fflush(stdout);
}

static void list(const struct aloud *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->told_n; i++)
        if (a->told[i].line) {
            sb_print("%s\n", a->told[i].line);
            n++;
        }
    if (!n)
        sb_print("Nothing is known yet.\n");
}

static void typed(struct aloud *a, char *line)
{
    char *rest = line + strcspn(line, " ");
    if (*rest)
        *rest++ = '\0';
    if (sb_streq(line, "quit"))
        a->over = true;
    else if (sb_streq(line, "list"))
        list(a);
    else if (sb_streq(line, "show") && *rest)
        sb_session_ask(a->s, sb_message_text(SB_ASK_CARD, ++a->seq, rest));
    else if (sb_streq(line, "take") && *rest)
        sb_session_ask(a->s, sb_message_text(SB_ASK_ACK, ++a->seq, rest));
    else if (sb_streq(line, "ask") && *rest)
        sb_session_ask(a->s, sb_message_text(SB_ASK_REQUEST, ++a->seq, rest));
    else if (line[0])
        sb_print("list: what there is. show ID: a card, whole. take ID: an anomaly is yours. ask TEXT: a request. quit. Decisions: signalbox cards.\n");
    fflush(stdout);
}

/* False: there is no more input, and so nobody. */
static bool read_words(struct aloud *a)
{
    char bytes[1024];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    for (ssize_t i = 0; i < n && !a->over; i++) {
        if (bytes[i] != '\n') {
            a->too_long = a->word_n == WORD_MOST - 1;
            if (!a->too_long)
                a->word[a->word_n++] = bytes[i];
            continue;
        }
        a->word[a->word_n] = '\0';
        if (a->too_long || memchr(a->word, '\0', a->word_n) || !sb_utf8_valid(a->word, a->word_n))
            sb_print("Refused: that is no line of text, or too long.\n");
        else
            typed(a, a->word);
        a->word_n = 0;
        a->too_long = false;
    }
    return n > 0;
}

static void release(struct aloud *a)
{
    for (size_t i = 0; i < a->told_n; i++) {
        free(a->told[i].id);
        free(a->told[i].state);
        free(a->told[i].line);
    }
    free(a->told);
}

int sb_console_aloud(const struct sb_session_options *o)
{
    struct sb_err err = SB_ERR_INIT;
    struct aloud a = {.seq = 1};
    struct sb_mail mail;
    a.s = sb_session_open(o, &err);
    if (!a.s)
        return sb_complain(&err);
    sb_session_ask(a.s, sb_message_hello(1, "console", o->read_only));
    while (!a.over) {
        struct pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {sb_queue_fd(sb_session_news(a.s)), POLLIN, 0}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        while (!a.over && sb_queue_take(sb_session_news(a.s), &mail))
            if (mail.payload) {
                news(&a, mail.payload);
                sb_message_free(mail.payload);
            }
        if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && !read_words(&a))
            break;
    }
    release(&a);
    sb_session_close(a.s, "the person left", 0);
    return 0;
}
