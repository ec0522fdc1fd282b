/* SPDX-License-Identifier: Apache-2.0
 *
 * getDiagnosticData: the newest sample of the diagnostic data, which a real server takes once a second. Here it is taken when it is
 * asked for. The sections that need a host are left out: there is none (no systemMetrics). */
#include "commands.h"

static void put_time(struct sim_call *c, const char *key)
{
    sim_w_date(c->reply, key, sim_now_ms(c->s));
}

/* One command's reply, between the moments at which it was asked and had answered. */
static int put_section(struct sim_call *c, const char *name, int (*command)(struct sim_call *))
{
    sim_w_doc(c->reply, name);
    put_time(c, "start");
    int rc = command(c);
    sim_w_f64(c->reply, "ok", 1);
    put_time(c, "end");
    sim_w_end(c->reply);
    return rc;
}

int sim_cmd_get_diagnostic_data(struct sim_call *c)
{
    sim_w_doc(c->reply, "data");
    put_time(c, "start");
    int rc = put_section(c, "serverStatus", sim_cmd_server_status);
    if (rc == 0)
        rc = put_section(c, "replSetGetStatus", sim_cmd_repl_get_status);
    put_time(c, "end");
    sim_w_end(c->reply);
    return rc;
}
