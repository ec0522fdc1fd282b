/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/cli/command.h>

#include <string.h>

static const struct sb_option *find(const struct sb_option *options, size_t n, const char *word, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, word, len) == 0)
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
        } else if (word[len]) {
            *o->value = word + len + 1;
        } else if (i + 1 < argc) {
            *o->value = argv[++i];
        } else {
            return sb_usage_error("%s: %s needs a value", argv[0], o->name), -1;
        }
    }
    return words;
}
