/* SPDX-License-Identifier: Apache-2.0
 *
 * The plots of an anomaly as one SVG picture: each series with its usual band, and where the anomaly began. A picture of its own
 * and not of the screen: what is drawn there with eight levels has its whole height here. */
#include "state.h"

#include <signalbox/base/clock.h>
#include <signalbox/term/vis.h>

#include <inttypes.h>
#include <string.h>

#define WIDTH 720
#define HEIGHT 180 /* of one plot, with its heading */
#define LEFT 20
#define TOP 40     /* of the curve in it */
#define CURVE_W 680
#define CURVE_H 110

static void escaped(struct sb_str *out, const char *text)
{
    struct sb_str plain;
    sb_str_init(&plain);
    sb_vis_text(&plain, text ? text : "", 0);
    for (const char *p = plain.p; *p; p++) {
        const char *named = *p == '&' ? "&amp;" : *p == '<' ? "&lt;" : *p == '>' ? "&gt;" : *p == '"' ? "&quot;" : NULL;
        if (named)
            sb_str_adds(out, named);
        else
            sb_str_addc(out, *p);
    }
    sb_str_release(&plain);
}

static void words(struct sb_str *out, int x, int y, const char *anchor, const char *text)
{
    sb_str_addf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">", x, y, anchor);
    escaped(out, text);
    sb_str_adds(out, "</text>\n");
}

/* Height of a value over the lower edge, in hundredths of a pixel. */
static int64_t height(int64_t value, int64_t most)
{
    int64_t v = value < 0 ? 0 : value > most ? most : value;
    while (most > INT64_MAX / (100 * CURVE_H)) {
        most /= 2;
        v /= 2;
    }
    return v * 100 * CURVE_H / most;
}

static void at(struct sb_str *out, const char *name, int64_t hundredths)
{
    sb_str_addf(out, " %s=\"%" PRId64 ".%02" PRId64 "\"", name, hundredths / 100, hundredths % 100);
}

static int64_t column(size_t i, size_t n)
{
    return LEFT * 100 + (n > 1 ? (int64_t)i * CURVE_W * 100 / (int64_t)(n - 1) : 0);
}

/* One line for each stretch in which something was measured; a single reading is a dot. */
static void curve(struct sb_str *out, int64_t bottom, const int64_t *v, size_t n, int64_t most)
{
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && v[end] >= 0)
            end++;
        if (end == i + 1) {
            sb_str_adds(out, "<circle class=\"curve\" r=\"2\"");
            at(out, "cx", column(i, n));
            at(out, "cy", bottom * 100 - height(v[i], most));
            sb_str_adds(out, "/>\n");
        } else if (end > i) {
            sb_str_adds(out, "<polyline class=\"curve\" fill=\"none\" stroke=\"#0b5fa5\" stroke-width=\"1.5\" points=\"");
            for (size_t k = i; k < end; k++) {
                int64_t x = column(k, n), y = bottom * 100 - height(v[k], most);
                sb_str_addf(out, "%s%" PRId64 ".%02" PRId64 ",%" PRId64 ".%02" PRId64, k > i ? " " : "", x / 100, x % 100, y / 100, y % 100);
            }
            sb_str_adds(out, "\"/>\n");
        }
        i = end > i ? end : i + 1;
    }
}

static void one(const struct sb_plot *p, int top, struct sb_str *out)
{
    int64_t v[SB_PLOT_MOST], most = p->high > 0 ? p->high : 1, bottom = top + TOP + CURVE_H;
    size_t n = sb_plot_values(p, v);
    char value[TEXT_MAX], text[3 * TEXT_MAX], when[SB_TIME_LEN + 1];
    for (size_t i = 0; i < n; i++)
        most = v[i] > most ? v[i] : most;
    struct sb_str heading;
    sb_str_init(&heading);
    sb_str_addf(&heading, "%s of %s%s%s", p->metric ? p->metric : "", p->subject && p->subject[0] ? p->subject : "the deployment", p->shard ? " on " : "", p->shard ? p->shard : "");
    words(out, LEFT, top + 18, "start", heading.p);
    sb_str_release(&heading);
    fmt_value(value, most, p->unit);
    snprintf(text, sizeof text, "highest %s", value);
    words(out, LEFT + CURVE_W, top + 18, "end", text);
    int64_t high = height(p->high, most), low = height(p->low, most);
    sb_str_addf(out, "<rect class=\"band\" fill=\"#d9e6d3\" x=\"%d\" width=\"%d\"", LEFT, CURVE_W);
    at(out, "y", bottom * 100 - high);
    at(out, "height", high > low ? high - low : 0);
    sb_str_addf(out, "/>\n<rect fill=\"none\" stroke=\"#888888\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", LEFT, top + TOP, CURVE_W, CURVE_H);
    if (p->began >= 0 && (size_t)p->began < n) {
        int64_t x = column((size_t)p->began, n);
        sb_str_addf(out, "<line class=\"began\" stroke=\"#b00020\" stroke-dasharray=\"4 3\" y1=\"%d\" y2=\"%" PRId64 "\"", top + TOP, bottom);
        at(out, "x1", x);
        at(out, "x2", x);
        sb_str_adds(out, "/>\n");
    }
    curve(out, bottom, v, n, most);
    sb_time_format(when, p->from);
    words(out, LEFT, (int)bottom + 16, "start", when);
    snprintf(text, sizeof text, "%zu values, one in %" PRId64 " s; the band is what is usual, the dashed line where it began", n, p->step_ms / 1000);
    words(out, LEFT + CURVE_W, (int)bottom + 16, "end", text);
}

char *plots_svg(const struct sb_anomaly *a)
{
    struct sb_str out;
    sb_str_init(&out);
    int h = 40 + (int)(a->plots_n < 64 ? a->plots_n : 64) * HEIGHT;
    sb_str_addf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n<rect fill=\"#ffffff\" width=\"%d\" height=\"%d\"/>\n", WIDTH, h, WIDTH, h);
    struct sb_str title;
    sb_str_init(&title);
    sb_str_addf(&title, "%s: %s", a->id, a->title ? a->title : "");
    sb_str_adds(&out, "<title>");
    escaped(&out, title.p);
    sb_str_adds(&out, "</title>\n");
    words(&out, LEFT, 24, "start", title.p);
    sb_str_release(&title);
    for (size_t i = 0; i < a->plots_n && i < 64; i++)
        one(&a->plots[i], 40 + (int)i * HEIGHT, &out);
    sb_str_adds(&out, "</svg>\n");
    return sb_str_take(&out);
}
