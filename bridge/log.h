/*
 * log.h
 *		One line on stderr per problem; never a body, a password or a header value.
 */
#ifndef BRIDGE_LOG_H
#define BRIDGE_LOG_H

extern void log_line(const char *level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_info(...)  log_line("LOG", __VA_ARGS__)
#define log_error(...) log_line("ERROR", __VA_ARGS__)

#endif
