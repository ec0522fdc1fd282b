/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/cli/command.h>
#include <signalbox/cli/session.h>

#define ANSWER_MS 30000
#define CONNECT_MS 5000 /* whether the deployment is a simulated one stands in the entry; a release does not wait for longer */

static struct sb_message *mark(struct sb_session *s, const char *text, const char *ns, const char *app, struct sb_err *err)
{
    struct sb_message *m = sb_message_new(SB_ASK_MARK, 2);
    struct sb_marker *of = m ? m->body : NULL;
    if (!of || sb_str_set(&of->text, text) || sb_str_set(&of->ns, ns) || sb_str_set(&of->app, app)) {
        sb_message_free(m);
        sb_fail_nomem(err);
        return NULL;
    }
    sb_session_ask(s, m);
    m = sb_session_wait(s, SB_NEWS_ANSWER, 2, ANSWER_MS);
    if (!m)
        sb_fail(err, SB_EIO, "no answer came within %d s", ANSWER_MS / 1000);
    return m;
}

int sb_cmd_mark(int argc, char **argv)
{
    bool json = false;
    const char *deployment = NULL, *uri_file = NULL, *ns = NULL, *app = NULL;
    const struct sb_option options[] = {{"--json", &json, NULL}, {"--deployment", NULL, &deployment}, {"--uri-file", NULL, &uri_file}, {"--ns", NULL, &ns}, {"--app", NULL, &app}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words != 1)
        return sb_usage_error("mark takes one text in quotes (see: signalbox help mark)");
    struct sb_err err = SB_ERR_INIT;
    struct sb_session *s = sb_session_open(&(struct sb_session_options){.deployment = deployment, .uri_file = uri_file, .attach = true}, &err);
    if (!s)
        return sb_complain(&err);
    sb_session_ask(s, sb_message_hello(1, "cli", false));
    if (sb_session_owns(s))
        sb_session_connected(s, CONNECT_MS);
    struct sb_message *m = mark(s, argv[1], ns, app, &err);
    int status = m ? 0 : sb_complain(&err);
    if (m) {
        const struct sb_answer *a = m->body;
        status = a->ok ? 0 : (int)a->status;
        if (json)
            sb_print_json(json_pack("{s:b,s:s}", "ok", a->ok, "answer", a->text));
        else if (a->ok)
            sb_print("%s\n", a->text);
        else
            sb_usage_error("%s", a->text);
        sb_message_free(m);
    }
    sb_session_close(s, "the mark was made", status);
    return status;
}
