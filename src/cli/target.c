/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/cli/target.h>
#include <signalbox/mongo/server.h>

#include <stdlib.h>
#include <string.h>

void sb_target_init(struct sb_target *t)
{
    memset(t, 0, sizeof *t);
    sb_str_init(&t->uri);
    sb_str_init(&t->executor);
}

void sb_target_release(struct sb_target *t)
{
    explicit_bzero(t->uri.p, t->uri.len);
    explicit_bzero(t->executor.p, t->executor.len);
    sb_str_release(&t->uri);
    sb_str_release(&t->executor);
    free(t->name);
    sb_target_init(t);
}

static int find_described(struct sb_target *t, const struct sb_config_deployment *d, struct sb_err *err)
{
    t->described = d;
    t->environment = d->environment;
    t->environment_said = true;
    if (sb_str_set(&t->name, d->name))
        return sb_fail_nomem(err);
    if (!d->uri_file)
        return sb_fail(err, SB_EUSAGE, "the deployment %s has no uri_file in the config", d->name);
    t->uri_from = d->uri_file;
    t->executor_from = d->executor_uri_file;
    return sb_uri_from_file(d->uri_file, &t->uri, err) || (d->executor_uri_file && sb_uri_from_file(d->executor_uri_file, &t->executor, err)) ? -1 : 0;
}

int sb_target_find(struct sb_target *t, const struct sb_config *config, const char *deployment, const char *uri_file, struct sb_err *err)
{
    const struct sb_config_deployment *d = NULL;
    if (sb_str_set(&t->name, deployment ? deployment : "default"))
        return sb_fail_nomem(err);
    if (uri_file) {
        t->uri_from = uri_file;
        return sb_uri_from_file(uri_file, &t->uri, err);
    }
    if (deployment)
        d = sb_config_deployment(config, deployment);
    else if (config->deployments_n == 1)
        d = &config->deployments[0];
    if (d)
        return find_described(t, d, err);
    if (deployment)
        return sb_fail(err, SB_EUSAGE, "the config describes no deployment named %s", deployment);
    const char *env = getenv("SIGNALBOX_URI");
    if (!env || !*env)
        return sb_fail(err, SB_EUSAGE, "nothing to connect to: name a deployment of the config (--deployment), a file with a connection string (--uri-file), or set SIGNALBOX_URI");
    t->uri_from = "SIGNALBOX_URI";
    sb_str_adds(&t->uri, env);
    return sb_str_ok(&t->uri) ? 0 : sb_fail_nomem(err);
}
