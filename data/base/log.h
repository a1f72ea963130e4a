/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log sink: one event a line on stderr, key=value.
 *
 *   level=warn role=worker/0 event=upstream.dead server=192.0.2.1:53
 *
 * Rules: never a client's address, never a queried name. Bytes from outside go through log_quote. Control
 * characters in a line become '?', so one event can never look like two. Under systemd lines carry "<N>". */
#ifndef POLYNYA_BASE_LOG_H
#define POLYNYA_BASE_LOG_H

#include "data/base/bytes.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* role is copied. Both may be called again after fork. */
void log_setup(const char *role, enum log_level threshold);
bool log_wants(enum log_level level);
/* details is printf text of " key=value" pairs without a leading space; "" for none. */
void log_event(enum log_level level, const char *event, const char *details, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_event(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                                       \
    do {                                                                                                     \
        if (log_wants(LOG_LEVEL_DEBUG))                                                                      \
            log_event(LOG_LEVEL_DEBUG, __VA_ARGS__);                                                         \
    } while (0)

/* "text" in quotes, '"' and '\' escaped, non-printables as \xNN, cut to fit cap; returns out. */
const char *log_quote(struct bytes text, char *out, size_t cap);

#endif
