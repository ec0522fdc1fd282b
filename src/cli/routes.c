/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/cli/classify.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/embed.h>
#include <signalbox/cli/routes.h>

#include <stdio.h>

const char *sb_routes_built_in(size_t *len)
{
    return sb_embedded("src/orchestrator/routes.data", len);
}

struct sb_routes *sb_routes_load(const char *name, int *status)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_problems problems, of_config; /* what is wrong with the config is told by who reads all of it */
    struct sb_config config = {0};
    struct sb_str own;
    struct sb_routes *r = NULL;
    size_t len;
    const char *text = sb_routes_built_in(&len);
    sb_problems_init(&problems);
    sb_problems_init(&of_config);
    sb_str_init(&own);
    int rc = name ? 0 : sb_config_load(&config, &of_config, &err);
    const char *path = name ? name : config.routes;
    if (rc == 0 && path)
        rc = sb_file_read_named(path, SB_CONF_MAX_BYTES, &own, &err);
    if (rc == 0)
        r = sb_routes_new(path ? own.p ? own.p : "" : NULL, own.len, path, text, len, &problems, &err);
    if (!r)
        *status = sb_complain(&err);
    if (r && problems.count) {
        *status = sb_usage_error("%s", problems.text.p);
        sb_routes_free(r);
        r = NULL;
    }
    sb_str_release(&own);
    sb_problems_release(&problems);
    sb_problems_release(&of_config);
    sb_config_release(&config);
    return r;
}

int sb_print_routes(void)
{
    size_t len;
    const char *text = sb_routes_built_in(&len);
    return fwrite(text, 1, len, stdout) < len; /* the end says that stdout is gone */
}

int sb_lint_requests(const char *intents, const char *routes)
{
    int status = 0;
    struct sb_intake *in = sb_intake_load(intents, &status);
    struct sb_routes *r = sb_routes_load(routes, &status);
    if (in && r)
        sb_print("intents and %zu routes: nothing is wrong in them\n", sb_routes_count(r));
    sb_intake_free(in);
    sb_routes_free(r);
    return status;
}
