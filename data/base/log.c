/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log sink: see log.h. One write(2) a line, so lines of several processes never mix. */
#include "data/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static const struct {
    const char *name;
    const char *syslog;
} levels[] = {{"error", "<3>"}, {"warn", "<4>"}, {"info", "<6>"}, {"debug", "<7>"}};

static struct {
    char role[24];
    enum log_level threshold;
    bool journal;
} sink = {.role = "main", .threshold = LOG_LEVEL_INFO};

void log_setup(const char *role, enum log_level threshold)
{
    snprintf(sink.role, sizeof sink.role, "%s", role);
    sink.threshold = threshold;
    sink.journal = getenv("JOURNAL_STREAM") != NULL;
}

bool log_wants(enum log_level level)
{
    return level <= sink.threshold;
}

void log_event(enum log_level level, const char *event, const char *details, ...)
{
    if (!log_wants(level))
        return;
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof line, "%slevel=%s role=%s event=%s ",
                     sink.journal ? levels[level].syslog : "", levels[level].name, sink.role, event);
    size_t len = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    va_list args;
    va_start(args, details);
    n = vsnprintf(line + len, sizeof line - len, details, args);
    va_end(args);
    if (n > 0)
        len += (size_t)n < sizeof line - len ? (size_t)n : sizeof line - len - 1;
    while (len && line[len - 1] == ' ')
        len--;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    /* A log that cannot be written must not stop the service. */
    if (write(STDERR_FILENO, line, len) < 0)
        return;
}

const char *log_quote(struct bytes text, char *out, size_t cap)
{
    struct writer w = writer_of(out, cap - 2); /* the closing quote and the NUL */
    writer_u8(&w, '"');
    size_t kept = w.len;
    for (size_t i = 0; i < text.len && !w.full; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\')
            writer_put(&w, (char[]){'\\', (char)c}, 2);
        else if (c < 0x20 || c >= 0x7f)
            writer_printf(&w, "\\x%02x", c);
        else
            writer_u8(&w, c);
        if (!w.full)
            kept = w.len;
    }
    out[kept] = '"';
    out[kept + 1] = 0;
    return out;
}
