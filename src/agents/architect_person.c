/* SPDX-License-Identifier: Apache-2.0
 *
 * What is about a person: by the form of the values, else by the field's name. */
#include "architect.h"

#include <strings.h>

static const char *const kind_names[SB_TEXT_KINDS] = {
    [SB_TEXT_EMAIL] = "email", [SB_TEXT_PHONE] = "phone", [SB_TEXT_CARD] = "card number",
    [SB_TEXT_IBAN] = "iban", [SB_TEXT_IP] = "ip address", [SB_TEXT_NATIONAL_ID] = "national id",
};

/* From which share of a field's texts on their form is what the field is about. A checksum of 97 does not hold by chance; one of
 * ten does in every tenth text. */
static const struct {
    enum sb_text_kind kind;
    double share;
} personal_forms[] = {
    {SB_TEXT_IBAN, 0.01}, {SB_TEXT_EMAIL, 0.05}, {SB_TEXT_CARD, 0.5}, {SB_TEXT_NATIONAL_ID, 0.3}, {SB_TEXT_IP, 0.3}, {SB_TEXT_PHONE, 0.5},
};

/* Parts of names, in lower case without what is no letter, that tell what the field is about. */
static const struct {
    const char *part, *kind;
} personal_names[] = {
    {"email", "email"}, {"phone", "phone"}, {"mobilenumber", "phone"}, {"msisdn", "phone"}, {"iban", "iban"}, {"creditcard", "card number"},
    {"cardnumber", "card number"}, {"socialsecurity", "national id"}, {"passport", "national id"}, {"nationalid", "national id"},
    {"taxid", "national id"}, {"taxnumber", "national id"}, {"driverlicen", "national id"}, {"drivinglicen", "national id"}, {"firstname", "name"},
    {"lastname", "name"}, {"surname", "name"}, {"givenname", "name"}, {"familyname", "name"}, {"fullname", "name"}, {"maidenname", "name"},
    {"birthdate", "date of birth"}, {"birthday", "date of birth"}, {"dateofbirth", "date of birth"}, {"password", "secret"}, {"passwd", "secret"},
    {"apikey", "secret"}, {"accesstoken", "secret"}, {"refreshtoken", "secret"}, {"privatekey", "secret"}, {"streetaddress", "address"},
    {"street", "address"}, {"postalcode", "address"}, {"zipcode", "address"}, {"ipaddress", "ip address"}, {"remoteaddr", "ip address"},
    {"salary", "salary"}, {"religion", "religion"}, {"ethnicity", "ethnicity"},
};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

/* Is this one of the words that the name is made of (in customerSSN and customer_ssn, but not in className)? */
static bool has_word(const struct sb_seen_field *f, const char *word)
{
    size_t n = strlen(word);
    for (size_t from = 0; from < f->name_n;) {
        size_t to = from;
        while (to < f->name_n && is_letter(f->name[to]) && (to == from || is_upper(f->name[to]) == is_upper(f->name[to - 1]) || is_upper(f->name[to - 1])))
            to++;
        if (to - from == n && strncasecmp(f->name + from, word, n) == 0)
            return true;
        from = to > from ? to : from + 1;
    }
    return false;
}

static const char *kind_by_name(const struct sb_seen_field *f)
{
    char plain[64];
    size_t n = 0;
    for (size_t i = 0; i < f->name_n && n + 1 < sizeof plain; i++)
        if (is_letter(f->name[i]))
            plain[n++] = (char)(f->name[i] | 0x20);
    plain[n] = '\0';
    if (has_word(f, "dob"))
        return "date of birth";
    if (has_word(f, "ssn"))
        return "national id";
    for (size_t i = 0; i < SB_COUNT(personal_names); i++)
        if (strstr(plain, personal_names[i].part))
            return personal_names[i].kind;
    return NULL;
}

/* Values that can be of this kind: texts; a date of a birth; a number of what is numbered. */
static bool can_be(const struct sb_seen_types *types, const char *kind)
{
    bool number = strcmp(kind, "phone") == 0 || strcmp(kind, "card number") == 0 || strcmp(kind, "national id") == 0 || strcmp(kind, "salary") == 0;
    for (size_t i = 0; i < types->n; i++) {
        uint8_t type = types->item[i]->type;
        if (type == SB_BSON_STRING || (number && sb_bson_is_number(type)) || (type == SB_BSON_DATE && strcmp(kind, "date of birth") == 0) ||
            (type == SB_BSON_BINARY && strcmp(kind, "secret") == 0))
            return true;
    }
    return false;
}

static bool are_card_numbers(const struct sb_seen_types *types, char *why, size_t cap)
{
    char percent[16];
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if (sb_bson_is_number(t->type) && t->of.range && t->count >= SB_SCHEMA_MIN_TEXTS && t->of.range->cards * 2 >= t->count) {
            snprintf(why, cap, "personal data: card number (%s of the numbers, with a right check digit)", sb_schema_share(percent, t->of.range->cards, t->count));
            return true;
        }
    }
    return false;
}

const char *sb_schema_personal(const struct sb_seen_field *f, const struct sb_seen_types *types, char *why, size_t cap)
{
    char percent[16];
    const struct sb_seen_type *texts = sb_seen_type_in(types, SB_BSON_STRING);
    if (are_card_numbers(types, why, cap))
        return kind_names[SB_TEXT_CARD];
    for (size_t i = 0; texts && texts->of.text && i < SB_COUNT(personal_forms); i++) {
        uint64_t n = texts->of.text->kinds[personal_forms[i].kind];
        const char *kind = kind_names[personal_forms[i].kind];
        if (n && (double)n >= personal_forms[i].share * (double)texts->count) {
            snprintf(why, cap, "personal data: %s (%s of the texts)", kind, sb_schema_share(percent, n, texts->count));
            return kind;
        }
    }
    const char *kind = kind_by_name(f);
    if (!kind || !can_be(types, kind))
        return NULL;
    snprintf(why, cap, "personal data: %s, by its name", kind);
    return kind;
}
