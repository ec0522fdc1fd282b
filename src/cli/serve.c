/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"
#include "serve_fleet.h"

#include <signalbox/cli/command.h>
#include <signalbox/cli/session.h>

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* What stands in the way, once each time it changes; *told is what was said last. */
static void tell(const char *note, const char *more, char **told)
{
    if (note && *note && !sb_streq(note, *told))
        sb_usage_error("%s%s", note, more);
    int ignored = sb_str_set(told, note); /* out of memory: it is said again */
    (void)ignored;
}

static void tell_strip(const struct sb_strip *strip, bool connected, char **told, char **ledger_told)
{
    if (strip->obstacle != SB_OBSTACLE_CONNECTING)
        tell(strip->note, connected ? "" : "; tried again every 2 s until it answers", told);
    tell(strip->ledger_ok ? NULL : strip->ledger_note, "", ledger_told);
}

/* True once it is known what is behind the connection string; said the first time. */
static bool tell_welcome(const struct sb_welcome *w, bool connected)
{
    bool known = w->deployment_id && *w->deployment_id;
    if (known && !connected)
        sb_usage_error("connected to %s%s: MongoDB %s, %s %s, environment %s", w->deployment, w->simulated ? " (SIMULATED)" : "", w->server_version,
                       w->set_name && *w->set_name ? "set" : "no replica set", w->set_name ? w->set_name : "", sb_name(&sb_environments, w->environment));
    return connected || known;
}

/* Tells on stderr what a person who looks at the log wants to know, until a signal comes. */
static void serve(struct sb_session *s, int signals, struct metrics_door *door, struct metrics *metrics)
{
    char *told = NULL, *ledger_told = NULL;
    bool connected = false;
    struct sb_queue *news = sb_session_news(s);
    for (;;) {
        struct pollfd fds[2 + SB_METRICS_FDS] = {{signals, POLLIN, 0}, {sb_queue_fd(news), POLLIN, 0}};
        int within = door ? sb_metrics_door_wants(door, fds + 2) : -1;
        if (poll(fds, door ? SB_COUNT(fds) : 2, within) < 0)
            continue;
        if (fds[0].revents)
            break;
        struct sb_mail mail;
        while (sb_queue_take(news, &mail)) {
            struct sb_message *m = mail.payload;
            if (metrics)
                sb_metrics_take(metrics, m);
            if (m->type == SB_NEWS_NOTICE)
                sb_usage_error("%s", ((const struct sb_notice *)m->body)->text);
            else if (m->type == SB_NEWS_WELCOME)
                connected = tell_welcome(m->body, connected);
            else if (m->type == SB_NEWS_STRIP)
                tell_strip(m->body, connected, &told, &ledger_told);
            sb_message_free(m);
        }
        if (door)
            sb_metrics_door_serve(door, metrics, fds + 2);
    }
    free(told);
    free(ledger_told);
}

int sb_cmd_serve(int argc, char **argv)
{
    const char *deployment = NULL, *uri_file = NULL, *policy = NULL, *address = NULL;
    bool fleet = false, of_fleet = false;
    const struct sb_option options[] = {{"--fleet", &fleet, NULL}, {"--of-fleet", &of_fleet, NULL}, {"--deployment", NULL, &deployment}, {"--uri-file", NULL, &uri_file}, {"--policy", NULL, &policy}, {"--metrics", NULL, &address}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("serve takes no other words (see: signalbox help serve)");
    if (fleet && (deployment || uri_file || address || of_fleet))
        return sb_usage_error("serve --fleet watches the deployments of the config, each with a serve of its own");
    struct sb_err err = SB_ERR_INIT;
    struct metrics *metrics = address ? sb_metrics_new() : NULL;
    struct metrics_door *door = metrics ? sb_metrics_door_open(address, &err) : NULL;
    if (address && !door) {
        if (err.code == SB_OK)
            sb_fail_nomem(&err);
        sb_metrics_free(metrics);
        return sb_complain(&err);
    }
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL); /* before any thread: signals come as reads here and nowhere else */
    int signals = signalfd(-1, &wanted, SFD_CLOEXEC);
    if (fleet) {
        int status = sb_serve_fleet(signals, policy);
        close(signals);
        return status;
    }
    struct sb_session *s = sb_session_open(&(struct sb_session_options){.of_fleet = of_fleet, .deployment = deployment, .uri_file = uri_file, .policy = policy, .recurring = true}, &err);
    if (s) {
        sb_session_ask(s, sb_message_hello(1, "serve", false));
        serve(s, signals, door, metrics);
    }
    sb_metrics_door_close(door);
    sb_metrics_free(metrics);
    close(signals);
    if (!s)
        return sb_complain(&err);
    sb_session_close(s, "a signal asked for it", 0);
    return 0;
}
