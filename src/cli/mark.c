/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/cli/command.h>
#include <signalbox/cli/session.h>

#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 5000 /* whether the deployment is a simulated one stands in the entry; a release does not wait for longer */

struct args {
    bool json, silenced;
    const char *deployment, *uri_file, *ns, *app, *blackout, *member, *lift, *text;
};

/* "30m", "2h", "1d": 0 is none. */
static int64_t span_of(const char *word)
{
    char *end;
    long n = strtol(word, &end, 10);
    int64_t unit = sb_streq(end, "m") ? 60000 : sb_streq(end, "h") ? 3600000 : sb_streq(end, "d") ? 86400000 : 0;
    return n > 0 && unit && n <= SB_HUSH_MOST_MS / unit ? n * unit : 0;
}

static struct sb_message *message_of(const struct args *a, struct sb_err *err)
{
    struct sb_message *m = sb_message_new(a->lift ? SB_ASK_LIFT : a->blackout ? SB_ASK_BLACKOUT : SB_ASK_MARK, 2);
    int rc = m ? 0 : -1;
    if (m && a->lift) {
        struct sb_remark_on *lift = m->body;
        rc = sb_str_set(&lift->id, a->lift) || sb_str_set(&lift->text, a->text);
    } else if (m && a->blackout) {
        struct sb_hush *h = m->body;
        h->until = sb_wall_ms() + span_of(a->blackout);
        rc = sb_str_set(&h->reason, a->text) || sb_str_set(&h->ns, a->ns) || sb_str_set(&h->member, a->member);
    } else if (m) {
        struct sb_marker *of = m->body;
        rc = sb_str_set(&of->text, a->text) || sb_str_set(&of->ns, a->ns) || sb_str_set(&of->app, a->app);
    }
    if (rc == 0)
        return m;
    sb_message_free(m);
    sb_fail_nomem(err);
    return NULL;
}

static int ask(struct sb_session *s, const struct args *a, struct sb_err *err)
{
    struct sb_message *m = message_of(a, err);
    if (!m)
        return sb_complain(err);
    sb_session_ask(s, m);
    int status = sb_session_told(s, 2, a->json, err);
    return status < 0 ? sb_complain(err) : status;
}

/* What is in force is told to a new seat before the strip, when there is anything. */
static int tell_silenced(struct sb_session *s, const struct args *a, struct sb_err *err)
{
    struct sb_hushes h = {0};
    bool all = false;
    for (int64_t until = sb_mono_ms() + SB_ANSWER_MS, left; !all && (left = until - sb_mono_ms()) > 0;) {
        struct sb_message *m = sb_session_wait(s, -1, -1, (int)left);
        if (!m)
            break;
        if (m->type == SB_NEWS_HUSHES) {
            sb_record_release(&sb_hushes_schema, &h);
            h = *(struct sb_hushes *)m->body;
            memset(m->body, 0, sizeof h);
        }
        all = m->type == SB_NEWS_STRIP;
        sb_message_free(m);
    }
    if (!all) {
        sb_fail(err, SB_EIO, "was not told what is silenced within %d s", SB_ANSWER_MS / 1000);
        return sb_complain(err);
    }
    if (a->json) {
        json_t *list = sb_record_to_json(&sb_hushes_schema, &h);
        sb_print_json(json_pack("{s:O?}", "silenced", json_object_get(list, "list")));
        json_decref(list);
    }
    for (size_t i = 0; i < h.list_n && !a->json; i++) {
        struct sb_str text;
        sb_str_init(&text);
        sb_hush_text(&h.list[i], &text);
        sb_print("%s\n", text.p);
        sb_str_release(&text);
    }
    if (!h.list_n && !a->json)
        sb_print("Nothing is silenced.\n");
    sb_record_release(&sb_hushes_schema, &h);
    return 0;
}

/* What does not go together; 0 or the exit status. */
static int check(const struct args *a, int words)
{
    if (a->silenced + (a->blackout != NULL) + (a->lift != NULL) > 1)
        return sb_usage_error("mark takes one of --blackout, --lift and --silenced");
    if (words != (a->silenced ? 0 : 1))
        return sb_usage_error(a->silenced ? "mark --silenced takes no text" : "mark takes one text in quotes (see: signalbox help mark)");
    if (a->blackout && !span_of(a->blackout))
        return sb_usage_error("a blackout lasts 30m, 2h or 1d, and a week at most: not %s", a->blackout);
    if (a->member && !a->blackout)
        return sb_usage_error("--member goes with --blackout");
    if (a->app && (a->blackout || a->lift))
        return sb_usage_error("--app is for marks: a blackout is of a collection or a member");
    return 0;
}

int sb_cmd_mark(int argc, char **argv)
{
    struct args a = {0};
    const struct sb_option options[] = {{"--json", &a.json, NULL}, {"--deployment", NULL, &a.deployment}, {"--uri-file", NULL, &a.uri_file}, {"--ns", NULL, &a.ns},
                                        {"--app", NULL, &a.app}, {"--blackout", NULL, &a.blackout}, {"--member", NULL, &a.member}, {"--lift", NULL, &a.lift},
                                        {"--silenced", &a.silenced, NULL}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    int status = words < 0 ? 2 : check(&a, words);
    if (status)
        return status;
    a.text = argv[1];
    struct sb_err err = SB_ERR_INIT;
    struct sb_session *s = sb_session_open(&(struct sb_session_options){.deployment = a.deployment, .uri_file = a.uri_file, .attach = true}, &err);
    if (!s)
        return sb_complain(&err);
    sb_session_ask(s, sb_message_hello(1, "cli", false));
    if (a.silenced) {
        status = tell_silenced(s, &a, &err);
    } else {
        if (sb_session_owns(s))
            sb_session_connected(s, CONNECT_MS);
        status = ask(s, &a, &err);
    }
    sb_session_close(s, a.silenced ? "what is silenced was told" : "the mark was made", status);
    return status;
}
