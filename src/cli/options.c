/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/cli/command.h>

#include <inttypes.h>
#include <string.h>

static const struct sb_option *find(const struct sb_option *options, size_t n, const char *word, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strcspn(options[i].name, "+") == len && memcmp(options[i].name, word, len) == 0)
            return &options[i];
    return NULL;
}

int sb_options_read(int argc, char **argv, const struct sb_option *options, size_t n)
{
    int words = 0;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "--") == 0) {
            for (i++; i < argc; i++)
                argv[1 + words++] = argv[i];
            break;
        }
        if (word[0] != '-' || word[1] == '\0') {
            argv[1 + words++] = word;
            continue;
        }
        size_t len = strcspn(word, "=");
        const struct sb_option *o = find(options, n, word, len);
        if (!o)
            return sb_usage_error("%s: unknown option %.*s (see: signalbox help %s)", argv[0], (int)len, word, argv[0]), -1;
        if (o->flag) {
            if (word[len])
                return sb_usage_error("%s: %s takes no value", argv[0], o->name), -1;
            *o->flag = true;
            continue;
        }
        if (!word[len] && i + 1 == argc)
            return sb_usage_error("%s: %s needs a value", argv[0], o->name), -1;
        const char **to = o->value;
        for (bool many = o->name[len] == '+'; many && *to; to++)
            if (to + 1 == o->value + SB_OPTION_TIMES)
                return sb_usage_error("%s: %.*s is given more than %d times", argv[0], (int)len, word, SB_OPTION_TIMES), -1;
        *to = word[len] ? word + len + 1 : argv[++i];
    }
    return words;
}

int sb_option_number(const char *command, const char *option, const char *word, int64_t least, int64_t most, int64_t *out)
{
    int64_t n;
    if (!word)
        return 0;
    if (sb_parse_i64(word, &n) == 0 && n >= least && n <= most) {
        *out = n;
        return 0;
    }
    if (most == INT64_MAX)
        sb_usage_error("%s: %s takes a whole number from %" PRId64 " on, not \"%s\"", command, option, least, word);
    else
        sb_usage_error("%s: %s takes a whole number between %" PRId64 " and %" PRId64 ", not \"%s\"", command, option, least, most, word);
    return -1;
}
