/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/tui/action.h>

#include <string.h>

const struct sb_action_info sb_actions[SB_ACTIONS] = {
    [SB_ACT_NONE] = {"", "", "", 0, 0},
#define INFO(id, name, label, contexts, flags, help) [SB_ACT_##id] = {name, label, help, contexts, flags},
    SB_ACTION_TABLE(INFO)
#undef INFO
};

const struct sb_context_info sb_contexts[SB_CONTEXTS] = {
#define INFO(id, name, parent, help) [SB_IN_##id] = {name, help, SB_IN_##parent},
    SB_CONTEXT_TABLE(INFO)
#undef INFO
};

enum sb_action sb_action_find(const char *name)
{
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++)
        if (strcmp(sb_actions[a].name, name) == 0)
            return (enum sb_action)a;
    return SB_ACT_NONE;
}

enum sb_context sb_context_find(const char *name)
{
    for (int c = 0; c < SB_CONTEXTS; c++)
        if (strcmp(sb_contexts[c].name, name) == 0)
            return (enum sb_context)c;
    return SB_IN_NONE;
}

bool sb_action_applies(enum sb_action action, enum sb_context context)
{
    for (; context != SB_IN_NONE; context = sb_contexts[context].parent)
        if (sb_actions[action].contexts & 1u << context)
            return true;
    return false;
}
