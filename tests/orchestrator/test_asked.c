/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request says of an index beside its key is on the card, in the command and in what is approved; and what it leaves open is
 * asked back, never dropped. */
#include "lab.h"

static const struct {
    const char *request;
    const char *options; /* in the command; NULL: there is no card */
    const char *says;    /* on the card, or in the answer */
} rows[] = {
    {"create a unique index on shop.orders {customer_id: 1, _id: 1}", "\"unique\" : true", "asked for this index"}, /* proved by _id */
    {"create a unique index on shop.orders {customer_id: 1}", NULL, " there more than once, in "},
    {"create a unique index on shop.orders {customer_id: 1, total: 1}", NULL, " there more than once, in "},
    {"create a unique index on shop.orders {created_at: 1, email: 1, total: 1}", "\"unique\" : true", "asked for this index"},
    {"create a unique index on shop.orders {customer_id: 1} where {_id: {$lt: 2}}", "\"partialFilterExpression\"", "asked for this index"}, /* one document is in it */
    {"create an index on shop.orders {created_at: 1, email: 1} where {total: {$gt: 100}}", "\"partialFilterExpression\" : { \"total\" : { \"$gt\"", "asked for this index"},
    {"create a sparse index on shop.orders {email: 1}", "\"sparse\" : true", "documents without its fields are not in it"},
    {"create an index on shop.orders {created_at: -1} and let documents expire after 30 days", "\"expireAfterSeconds\" : { \"$numberInt\" : \"2592000\" }", "deletes each document 2592000 s after"},
    {"create a hidden index on shop.orders {total: -1}", "\"hidden\" : true", "asked for this index"},
    {"create an index on shop.orders {created_at: 1, email: 1, total: 1} which is unique", NULL, "C-"}, /* it is there already */
    {"create an index on shop.orders {created_at: 1, email: 1, total: 1}", NULL, "with the options { \"unique\" : true } and not { }"},
    {"create a unique index on shop.orders {total: 1}", NULL, "total_1; it is not unique"},
    {"create a unique index on shop.orders", NULL, "On which field is the index to be?"},
    {"create a ttl index on shop.orders {email: -1}", NULL, "not said after how long"},
    {"create an index on shop.orders {email: 1} {total: 1}", NULL, "two keys"},
};

static void what_is_asked_for_is_on_the_card(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = "tests/e2e/what-if.scenario"};
    lab_open(&l, &o);
    lab_propose(&l, "create an index on shop.orders {email: 1, total: 1}", SB_AWAITING_APPROVAL); /* connected */
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        if (l.have_card)
            sb_card_release(&l.card);
        l.have_card = false;
        int rc = lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, rows[i].request));
        for (int k = 0; k < 50 && rows[i].options && rc == 0 && !l.have_card; k++)
            lab_take(&l, &l.alice, 0, 100);
        if (rows[i].options && (rc || !l.have_card || !strstr(l.card.steps[0].action, rows[i].options) || !strstr(l.card.why, rows[i].says)))
            fail_msg("%s: %s; %s; %s", rows[i].request, l.answer, l.have_card ? l.card.steps[0].action : "no card", l.have_card ? l.card.why : "");
        if (!rows[i].options && !strstr(l.answer, rows[i].says))
            fail_msg("%s: %s", rows[i].request, l.answer);
    }
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_asked_for_is_on_the_card)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
