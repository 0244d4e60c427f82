/* SPDX-License-Identifier: MIT */
/*
 * log.h - one line per event, to standard error, a file, syslog or the journal
 *
 * In a file every line begins with "ktlshim: ". Nothing is printed below the
 * chosen level. errno survives every call.
 */
#ifndef KTLSHIM_LOG_H
#define KTLSHIM_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_OFF,
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
	LOG_LEVEL_COUNT
};

/* The names users write, in the order of enum log_level. */
extern const char *const log_level_names[LOG_LEVEL_COUNT];

/**
 * log_open() - choose level and destination; may be called again
 * @level:  the last level that is printed
 * @dest:   an absolute path, "syslog", "journal", or NULL for standard error
 *
 * A service that does not keep up loses lines; nobody waits for it.
 *
 * Return: 0, or -errno when it cannot be opened (the old destination stays in
 * use).
 */
int log_open(enum log_level level, const char *dest);

/** log_is_service() - is @dest "syslog" or "journal"? */
bool log_is_service(const char *dest);

/** log_fd() - the descriptor that log lines go to; STDERR_FILENO or ours */
int log_fd(void);

/** log_line() - print one line; use the macros below */
void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** log_is_on() - is @level printed? */
bool log_is_on(enum log_level level);

/* What is not printed need not be put into words. */
#define log_at(level, ...)                                                     \
	(log_is_on(level) ? log_line(level, __VA_ARGS__) : (void)0)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
