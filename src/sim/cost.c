/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/compiler.h>
#include <signalbox/sim/cost.h>

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    double value;
    size_t offset;
} table[] = {
#define SIM_COST_ROW(name, value, meaning) {#name, value, offsetof(struct sim_costs, name)},
    SIM_COSTS(SIM_COST_ROW)
#undef SIM_COST_ROW
};

static double *at(struct sim_costs *c, size_t i)
{
    return (double *)((char *)c + table[i].offset);
}

void sim_costs_default(struct sim_costs *c)
{
    for (size_t i = 0; i < SB_COUNT(table); i++)
        *at(c, i) = table[i].value;
}

double *sim_costs_at(struct sim_costs *c, const char *name)
{
    for (size_t i = 0; i < SB_COUNT(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return at(c, i);
    return NULL;
}

bool sim_costs_set(struct sim_costs *c, const char *name, double value)
{
    double *place = sim_costs_at(c, name);
    if (place)
        *place = value;
    return place != NULL;
}

double sim_cost_of(const struct sim_costs *c, const struct sim_work *w)
{
    double us = c->command_us;
    us += (double)w->keys * c->key_us;
    us += (double)w->docs * c->doc_us + (double)w->doc_bytes * c->doc_byte_us;
    us += (double)w->returned * c->return_us + (double)w->returned_bytes * c->return_byte_us;
    if (w->sorted > 1)
        us += (double)w->sorted * log2((double)w->sorted) * c->sort_row_us;
    us += (double)w->pipeline_rows * c->pipeline_row_us;
    us += (double)w->keys_written * c->key_write_us;
    us += (double)w->docs_written * c->doc_write_us + (double)w->bytes_written * c->byte_write_us;
    return us;
}

double sim_cost_spread(const struct sim_costs *c, struct sb_rng *rng)
{
    /* Box and Muller's transform of two uniform numbers into a normal one */
    double u = 1 - sb_rng_unit(rng), v = sb_rng_unit(rng);
    return exp(c->spread * sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v));
}
