/*
 * log.h — levelled lines for people and machines, on standard error.
 *
 * A line is a message and key=value pairs. Values are escaped, so that bytes from outside can
 * neither break a line nor colour a terminal. Nothing secret is ever handed to this file.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_pair {
    const char *key;
    enum { LOG_STR, LOG_INT } kind;
    struct str text;
    int64_t number;
};

#define LOG_S(k, v) ((struct log_pair){.key = (k), .kind = LOG_STR, .text = (v)})
#define LOG_C(k, v) LOG_S(k, str_of(v))
#define LOG_N(k, v) ((struct log_pair){.key = (k), .kind = LOG_INT, .number = (int64_t)(v)})

void log_setup(enum log_level level, enum log_format format); /* before any thread starts */
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *message, const struct log_pair *pairs,
               size_t count);

/* log_line(LOG_INFO, "listening", LOG_C("host", host), LOG_N("port", port)); */
#define log_line(level, message, ...)                                                              \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct log_pair log_pairs_[] = {{0}, ##__VA_ARGS__};                             \
            log_write((level), (message), log_pairs_ + 1, COUNT_OF(log_pairs_) - 1);               \
        }                                                                                          \
    } while (0)

#endif
