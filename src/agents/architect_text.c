/* SPDX-License-Identifier: Apache-2.0
 *
 * What a text is, by its form: dates and numbers that should not be texts, and what is about a person. */
#include "architect.h"

#include <arpa/inet.h>

#define MAX_TEXT 254 /* of an address of electronic mail; what is longer is prose */

struct classes {
    size_t digits, letters, at, dots, colons, dashes, slashes, spaces, brackets, pluses, others;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static struct classes classify(const char *p, size_t n)
{
    struct classes c = {0};
    for (size_t i = 0; i < n; i++) {
        if (is_digit(p[i]))
            c.digits++;
        else if (is_letter(p[i]))
            c.letters++;
        else
            switch (p[i]) {
            case '@': c.at++; break;
            case '.': c.dots++; break;
            case ':': c.colons++; break;
            case '-': c.dashes++; break;
            case '/': c.slashes++; break;
            case ' ': c.spaces++; break;
            case '(': case ')': c.brackets++; break;
            case '+': c.pluses++; break;
            default: c.others++; break;
            }
    }
    return c;
}

/* Does the text have this form? d a digit, h a hexadecimal one, anything else itself. */
static bool has_form(const char *p, size_t n, const char *form)
{
    for (size_t i = 0; form[i]; i++)
        if (i == n || (form[i] == 'd' ? !is_digit(p[i]) : form[i] == 'h' ? !is_hex(p[i]) : p[i] != form[i]))
            return false;
    return true;
}

static int two(const char *p)
{
    return (p[0] - '0') * 10 + p[1] - '0';
}

static bool day_and_month(int day, int month)
{
    return day >= 1 && day <= 31 && month >= 1 && month <= 12;
}

/* A day, alone or with a time behind it: 2026-11-23, 2026-11-23T09:05:10Z, 2026/11/23, 23.11.2026, 11/23/2026. */
static bool is_date(const char *p, size_t n)
{
    if (n < 10 || n > 40)
        return false;
    if (has_form(p, n, "dddd-dd-dd") || has_form(p, n, "dddd/dd/dd"))
        return day_and_month(two(p + 8), two(p + 5)) && (n == 10 || p[10] == 'T' || p[10] == ' ');
    if (n == 10 && has_form(p, n, "dd.dd.dddd"))
        return day_and_month(two(p), two(p + 3));
    return n == 10 && has_form(p, n, "dd/dd/dddd") && (day_and_month(two(p), two(p + 3)) || day_and_month(two(p + 3), two(p)));
}

/* A number as one writes it. With a nought in front it is a code (of a place, of an article) and has to stay a text. */
static bool is_number(const char *p, size_t n, const struct classes *c)
{
    if (n > 40 || c->digits == 0 || c->digits + c->letters + c->dots + c->dashes + c->pluses != n)
        return false;
    size_t i = p[0] == '-' || p[0] == '+', from = i;
    while (i < n && is_digit(p[i]))
        i++;
    if (i == from || (i - from > 1 && p[from] == '0'))
        return false;
    if (i < n && p[i] == '.')
        for (from = ++i; i < n && is_digit(p[i]);)
            i++;
    if (i < n && i > from && (p[i] == 'e' || p[i] == 'E')) {
        i++;
        i += i < n && (p[i] == '-' || p[i] == '+');
        for (from = i; i < n && is_digit(p[i]);)
            i++;
    }
    return i == n && i > from;
}

static bool is_email(const char *p, size_t n, const struct classes *c)
{
    const char *at = memchr(p, '@', n), *end = p + n, *dot = NULL;
    if (c->at != 1 || c->spaces || at == p)
        return false;
    for (const char *q = p; q < at; q++)
        if (!is_letter(*q) && !is_digit(*q) && !memchr(".!#$%&'*+/=?^_`{|}~-", *q, 20) && (unsigned char)*q < 0x80)
            return false;
    for (const char *q = at + 1; q < end; q++) {
        if (*q == '.')
            dot = q;
        else if (!is_letter(*q) && !is_digit(*q) && *q != '-' && (unsigned char)*q < 0x80)
            return false;
    }
    return dot && dot > at + 1 && end - dot > 2;
}

static bool is_card(const char *p, size_t n, const struct classes *c)
{
    unsigned sum = 0, place = 0;
    char first = 0;
    if (c->digits < 13 || c->digits > 19 || c->digits + c->spaces + c->dashes != n)
        return false;
    for (size_t i = n; i-- > 0;) {
        if (!is_digit(p[i]))
            continue;
        unsigned digit = (unsigned)(p[i] - '0');
        sum += place++ % 2 == 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
        first = p[i];
    }
    return sum % 10 == 0 && first >= '2' && first <= '6';
}

/* ISO 13616: two letters, two digits, up to 30 letters and digits; rearranged, the remainder by 97 is 1. */
static bool is_iban(const char *p, size_t n, const struct classes *c)
{
    char text[34];
    size_t length = 0;
    unsigned rest = 0;
    if (c->digits + c->letters + c->spaces != n || n < 15 || !is_letter(p[0]) || !is_letter(p[1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (p[i] != ' ') {
            if (length == sizeof text)
                return false;
            text[length++] = p[i];
        }
    if (length < 15 || !is_digit(text[2]) || !is_digit(text[3]))
        return false;
    for (size_t i = 0; i < length; i++) {
        char ch = text[(i + 4) % length];
        if (is_digit(ch))
            rest = (rest * 10 + (unsigned)(ch - '0')) % 97;
        else
            rest = (rest * 100 + (unsigned)((ch | 0x20) - 'a') + 10) % 97;
    }
    return rest == 1;
}

static bool is_ip(const char *p, size_t n, const struct classes *c)
{
    char text[46];
    unsigned char address[16];
    if (n >= sizeof text || n < 3 || !(c->dots == 3 || c->colons >= 2))
        return false;
    memcpy(text, p, n);
    text[n] = '\0';
    return inet_pton(c->colons ? AF_INET6 : AF_INET, text, address) == 1;
}

/* The number of the United States' social security; of other countries' the field's name tells. */
static bool is_national_id(const char *p, size_t n)
{
    return n == 11 && has_form(p, n, "ddd-dd-dddd") && memcmp(p, "000", 3) != 0 && p[0] != '9';
}

/* With its country in front, in brackets, with the nought that one dials at home, or as in North America. */
static bool is_phone(const char *p, size_t n, const struct classes *c)
{
    if (c->digits < 8 || c->digits > 15 || c->digits + c->spaces + c->dashes + c->dots + c->brackets + c->slashes + c->pluses != n || c->pluses > 1)
        return false;
    if (p[0] == '+')
        return true;
    if (n == 12 && (has_form(p, n, "ddd-ddd-dddd") || has_form(p, n, "ddd.ddd.dddd") || has_form(p, n, "ddd ddd dddd")))
        return true;
    return c->pluses == 0 && (p[0] == '(' || (p[0] == '0' && c->spaces + c->dashes + c->slashes >= 1 && c->dots == 0));
}

static bool is_url(const char *p, size_t n)
{
    return (n > 7 && memcmp(p, "http://", 7) == 0) || (n > 8 && memcmp(p, "https://", 8) == 0);
}

unsigned sb_text_kinds(const char *p, size_t n)
{
    if (n == 0 || n > MAX_TEXT)
        return 0;
    unsigned kinds = 0;
    struct classes c = classify(p, n);
    if (c.digits == n || c.digits >= 6) {
        kinds |= is_card(p, n, &c) ? 1u << SB_TEXT_CARD : 0;
        kinds |= is_date(p, n) ? 1u << SB_TEXT_DATE : 0;
        kinds |= is_national_id(p, n) ? 1u << SB_TEXT_NATIONAL_ID : 0;
    }
    if (p[0] != '+' || c.digits < 8) /* such a one is dialled */
        kinds |= is_number(p, n, &c) ? 1u << SB_TEXT_NUMBER : 0;
    if (c.at == 1)
        kinds |= is_email(p, n, &c) ? 1u << SB_TEXT_EMAIL : 0;
    if (c.letters >= 2 && c.digits >= 4)
        kinds |= is_iban(p, n, &c) ? 1u << SB_TEXT_IBAN : 0;
    kinds |= is_ip(p, n, &c) ? 1u << SB_TEXT_IP : 0;
    kinds |= n == 36 && has_form(p, n, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh") ? 1u << SB_TEXT_UUID : 0;
    kinds |= c.colons && c.slashes >= 2 && is_url(p, n) ? 1u << SB_TEXT_URL : 0;
    kinds |= n == 24 && has_form(p, n, "hhhhhhhhhhhhhhhhhhhhhhhh") ? 1u << SB_TEXT_OBJECT_ID : 0;
    if (!kinds)
        kinds |= is_phone(p, n, &c) ? 1u << SB_TEXT_PHONE : 0;
    return kinds;
}
