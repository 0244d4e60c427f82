// SPDX-License-Identifier: MIT
/*
 * reading.c - a file of certificates, keys or the like, read into memory
 */
#include "reading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#define FILE_BYTES_MAX (16 * 1024 * 1024)

/* Every failure leaves through here: the sentence, and an empty queue. */
int refuse(int err, const struct reading *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(r->why, CONF_WHY_BYTES, PATH_FMT ": ", r->where);
	va_start(ap, fmt);
	vsnprintf(r->why + n, CONF_WHY_BYTES - (size_t)n, fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return -err;
}

const char *openssl_reason(void)
{
	unsigned long err = ERR_peek_error();
	const char *text;

	if (ERR_SYSTEM_ERROR(err))
		return strerror(ERR_GET_REASON(err));
	text = err ? ERR_reason_error_string(err) : NULL;
	return text ? text : "OpenSSL gives no reason";
}

static const char *who(void)
{
	static char text[48];

	snprintf(text, sizeof(text), "; the helper runs as uid %u",
		 (unsigned int)geteuid());
	return text;
}

void reading_close(struct contents *c)
{
	BIO_free(c->bio);
	OPENSSL_clear_free(c->text, c->bytes);
}

static int read_fd(struct contents *c, int fd, size_t bytes)
{
	ssize_t n = 1;

	/* at once: OpenSSL would ask for each byte of a line by itself */
	c->text = OPENSSL_malloc(bytes + 1);
	while (c->text && n > 0 && c->bytes < bytes) {
		n = read(fd, c->text + c->bytes, bytes - c->bytes);
		c->bytes += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		return errno;
	if (c->text)
		c->bio = BIO_new_mem_buf(c->text, (int)c->bytes);
	return c->bio ? 0 : ENOMEM;
}

/* Return: 0, or -errno. */
int reading_open(const struct reading *r, struct contents *c)
{
	/* O_NONBLOCK: a FIFO must not hold us up before it is refused */
	int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err = errno;
	struct stat st;

	*c = (struct contents){0};
	if (fd < 0)
		return refuse(err, r, "cannot read %s " PATH_FMT ": %s%s",
			      r->what, r->path, strerror(err),
			      err == EACCES || err == EPERM ? who() : "");
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		err = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return refuse(err, r,
			      "%s " PATH_FMT " is not a regular file "
			      "but %s; want a %s file",
			      r->what, r->path,
			      err == EISDIR ? "a directory"
					    : "a device or a pipe",
			      r->form);
	}
	*r->id = file_id_of(&st);
	err = st.st_size > FILE_BYTES_MAX ? EFBIG
					  : read_fd(c, fd, (size_t)st.st_size);
	close(fd);
	if (!err)
		return 0;
	reading_close(c);
	return refuse(err, r, "cannot read %s " PATH_FMT ": %s", r->what,
		      r->path, strerror(err));
}

bool reading_is_at_end(void)
{
	unsigned long err = ERR_peek_last_error();

	return ERR_GET_LIB(err) == ERR_LIB_PEM &&
	       ERR_GET_REASON(err) == PEM_R_NO_START_LINE;
}
