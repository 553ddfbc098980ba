/*
 * log.c
 *		One line on stderr per problem; never a body, a password or a header value.
 */
#include "bridge/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void
log_line(const char *level, const char *fmt, ...)
{
	char line[1024], stamp[32];
	struct timespec now;
	struct tm utc;
	va_list args;
	int len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &utc);
	len = snprintf(line,
				   sizeof(line),
				   "%s.%03ld UTC [%d] %s:  ",
				   stamp,
				   now.tv_nsec / 1000000,
				   (int) getpid(),
				   level);
	va_start(args, fmt);
	len += vsnprintf(line + len, sizeof(line) - (size_t) len, fmt, args);
	va_end(args);
	if (len > (int) sizeof(line) - 2)
		len = (int) sizeof(line) - 2;
	/* messages of libpq and of senders may hold line breaks and worse */
	for (int i = 0; i < len; i++)
	{
		if ((unsigned char) line[i] < ' ')
			line[i] = ' ';
	}
	line[len] = '\n';
	/* one write per line, so that threads do not mix */
	if (write(STDERR_FILENO, line, (size_t) len + 1) < 0)
		return;
}
