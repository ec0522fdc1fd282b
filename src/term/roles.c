/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/term/roles.h>

#include <string.h>

const struct sb_role_info sb_roles[SB_ROLES] = {
#define INFO(id, name, letter, help) [SB_ROLE_##id] = {name, letter, help},
    SB_ROLE_TABLE(INFO)
#undef INFO
};

int sb_role_find(const char *name)
{
    for (int i = 0; i < SB_ROLES; i++)
        if (strcmp(sb_roles[i].name, name) == 0)
            return i;
    return -1;
}
