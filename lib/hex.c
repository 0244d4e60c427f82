// SPDX-License-Identifier: MIT
/*
 * hex.c - a sprintf() for OpenSSL that is fast at hexadecimal digits (helper)
 *
 * OpenSSL 3.0 tells secrets by a line of text only (tls.c), and prints each byte
 * of its five lines with sprintf("%02x"): 285,000 instructions in a handshake,
 * a tenth of it. A symbol of the program goes before one of libc's.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* As libc's: Linux Standard Base Core, 13.5, __sprintf_chk */
__attribute__((visibility("default"))) int
__sprintf_chk(char *out, int flag, size_t size, const char *format, ...);

int __sprintf_chk(char *out, int flag, size_t size, const char *format, ...)
{
	static const char digits[] = "0123456789abcdef";
	unsigned int value;
	va_list args;
	int n;

	(void)flag;
	/* not strcmp(), which costs as much as all the rest of it */
	if (format[0] == '%' && format[1] == '0' && format[2] == '2' &&
	    format[3] == 'x' && !format[4] && size > 2) {
		va_start(args, format);
		value = va_arg(args, unsigned int);
		va_end(args);
		if (value <= 0xff) {
			out[0] = digits[value >> 4];
			out[1] = digits[value & 15];
			out[2] = '\0';
			return 2;
		}
	}
	va_start(args, format);
	n = vsnprintf(out, size, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n >= size)
		abort(); /* it would not fit, as in libc's */
	return n;
}
