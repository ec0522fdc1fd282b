/* SPDX-License-Identifier: Apache-2.0
 *
 * card_text.h - a card as plain text and as JSON, for `ask`, `cards` and the tour.
 */
#ifndef SIGNALBOX_CLI_CARD_TEXT_H
#define SIGNALBOX_CLI_CARD_TEXT_H

#include <jansson.h>
#include <signalbox/model/card.h>

/* All of it, to stdout, sanitized. */
void sb_card_print(const struct sb_card *c);

/* Parts, for those who tell a story around them. */
void sb_card_print_contract(const struct sb_card *c);
void sb_card_print_policy(const struct sb_card *c);
void sb_card_print_report(const struct sb_card *c);

/* One line of a list. */
void sb_card_print_line(const struct sb_card *c);

/* The card's record; one about an index has its ADVICE (INTERFACE, the JSON of digest) under "advice", beside what is hashed.
 * A new object, or NULL out of memory. */
json_t *sb_card_json(const struct sb_card *c);

/* Canonical Extended JSON as plain JSON, in its order: {"a": {"$numberInt": "1"}} is {"a": 1}. NULL: it is none. */
json_t *sb_plain_json(const char *text);

/* A key as people read it, {a: 1, b.c: -1, d: "hashed"}, as an object; what is not of this form stays out. */
json_t *sb_key_json(const char *shown);

#endif
