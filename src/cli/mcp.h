/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp.h - what the two files of `signalbox mcp` know of each other: the protocol (mcp.c) and the tools (mcp_tools.c).
 *
 * There is no tool that approves, edits, executes, rolls back or changes policy, and this process has no way to: it joins the
 * owner of the ledger from a read-only seat, reads the ledger, and never learns a connection string. Thread: the main thread's.
 */
#ifndef SIGNALBOX_CLI_MCP_H
#define SIGNALBOX_CLI_MCP_H

#include <jansson.h>
#include <signalbox/cli/link.h>

struct sb_mcp {
    const char *state_dir;
    struct sb_queue *news;
    struct sb_link *link;
    int64_t seq;  /* of the last ask */
    bool gone;    /* the owner has left: nothing can be proposed any more */
};

/* What tools/list tells: [{"name","description","inputSchema","annotations"}]. New, or NULL out of memory. */
json_t *sb_mcp_tools(void);

bool sb_mcp_has_tool(const char *name);

/* Calls one. New object with the result, or NULL with err: what was wrong with the arguments (SB_EUSAGE), or why it did not
 * work. */
json_t *sb_mcp_call(struct sb_mcp *m, const char *name, const json_t *arguments, struct sb_err *err);

/* Takes in and forgets what the owner told since. */
void sb_mcp_drain(struct sb_mcp *m);

#endif
