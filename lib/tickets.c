// SPDX-License-Identifier: MIT
/*
 * tickets.c - the keys that session tickets are encrypted with
 */
#include "tickets.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "conf.h"

#define KEY_BYTES sizeof(struct ticket_key)
static_assert(KEY_BYTES == 80, "the file's form");

#define HOW "; openssl rand -out FILE 80 makes one"

/* ---- from a file */

static int refuse(int err, char *why, const char *where, const char *path,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static int refuse(int err, char *why, const char *where, const char *path,
		  const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(why, CONF_WHY_BYTES, "%.180s: %.180s ", where, path);
	va_start(ap, fmt);
	vsnprintf(why + n, CONF_WHY_BYTES - (size_t)n, fmt, ap);
	va_end(ap);
	return -err;
}

/* Base64, hexadecimal, PEM: not a byte of it is random enough */
static bool is_text(const uint8_t *p, size_t n)
{
	while (n && ((*p >= ' ' && *p <= '~') || (*p >= '\t' && *p <= '\r')))
		p++, n--;
	return !n;
}

static bool is_same_byte(const uint8_t *p, size_t n)
{
	return !memcmp(p, p + 1, n - 1);
}

static int check(const struct ticket_keys *keys, const char *where,
		 const char *path, char *why)
{
	const struct ticket_key *k = keys->list, *end = k + keys->n, *other;

	for (; k < end; k++) {
		if (is_text((const uint8_t *)k, KEY_BYTES))
			return refuse(EINVAL, why, where, path,
				      "holds text; "
				      "want keys of %zu random bytes each" HOW,
				      KEY_BYTES);
		if (is_same_byte((const uint8_t *)k, KEY_BYTES))
			return refuse(EINVAL, why, where, path,
				      "is not random: "
				      "all bytes of key %td are the same" HOW,
				      k - keys->list + 1);
		for (other = keys->list; other < k; other++)
			if (!memcmp(other->name, k->name, sizeof(k->name)))
				return refuse(EINVAL, why, where, path,
					      "has "
					      "key %td twice, as key %td, too",
					      other - keys->list + 1,
					      k - keys->list + 1);
	}
	return 0;
}

static int read_fd(struct ticket_keys *keys, int fd, const char *where,
		   const char *path, char *why)
{
	uint8_t *at = (uint8_t *)keys->list;
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return refuse(S_ISDIR(st.st_mode) ? EISDIR : EINVAL, why, where,
			      path,
			      "is not a regular file; want one with keys "
			      "of %zu random bytes each" HOW,
			      KEY_BYTES);
	if (!st.st_size || st.st_size % (off_t)KEY_BYTES ||
	    st.st_size > (off_t)sizeof(keys->list))
		return refuse(EINVAL, why, where, path,
			      "has %jd bytes; want "
			      "1 to %d keys of %zu random bytes each" HOW,
			      (intmax_t)st.st_size, TICKET_KEYS_MAX, KEY_BYTES);
	/* one that is cut off just now is short */
	if (read(fd, at, (size_t)st.st_size) != st.st_size)
		return refuse(EIO, why, where, path, "cannot be read");
	keys->n = (size_t)st.st_size / KEY_BYTES;
	return check(keys, where, path, why);
}

int tickets_read(struct ticket_keys **out, const char *where, const char *path,
		 char *why)
{
	/* O_NONBLOCK: a FIFO must not hold us up before it is refused */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err = errno, ret;

	*out = NULL;
	if (fd < 0)
		return refuse(err, why, where, path,
			      "cannot be read: %s (as "
			      "uid %u); want a file with keys of %zu random "
			      "bytes each" HOW,
			      strerror(err), (unsigned int)geteuid(),
			      KEY_BYTES);
	*out = OPENSSL_zalloc(sizeof(**out));
	ret = *out ? read_fd(*out, fd, where, path, why)
		   : refuse(ENOMEM, why, where, path,
			    "cannot be read: out of "
			    "memory");
	close(fd);
	if (ret) {
		tickets_free(*out);
		*out = NULL;
	}
	return ret;
}

void tickets_free(struct ticket_keys *keys)
{
	OPENSSL_clear_free(keys, sizeof(*keys));
}

/* ---- our own, and which are used */

static struct own {
	struct ticket_key key;
	uint64_t made_s;
	bool is_there;
} own[2]; /* the newest first */

static const struct ticket_keys *file; /* NULL: our own */
static uint64_t lifetime;

static void wipe(struct own *o)
{
	OPENSSL_cleanse(o, sizeof(*o));
	o->is_there = false;
}

void tickets_use(const struct ticket_keys *keys, unsigned int lifetime_s)
{
	file = keys;
	lifetime = lifetime_s;
	if (file) {
		wipe(&own[0]);
		wipe(&own[1]);
	}
}

uint64_t tickets_forget(uint64_t now_s)
{
	uint64_t next = file ? 0 : lifetime, age;
	struct own *o;

	for (o = own; o < own + 2; o++) {
		age = now_s - o->made_s;
		if (o->is_there && age >= 2 * lifetime)
			wipe(o);
		if (o->is_there && 2 * lifetime - age < next)
			next = 2 * lifetime - age;
	}
	return next;
}

const struct ticket_key *tickets_newest(uint64_t now_s)
{
	struct own fresh = {.made_s = now_s, .is_there = true};

	if (file)
		return &file->list[0];
	tickets_forget(now_s);
	if (own[0].is_there && now_s - own[0].made_s < lifetime)
		return &own[0].key;
	if (RAND_priv_bytes((uint8_t *)&fresh.key, KEY_BYTES) != 1)
		return NULL;
	if (own[0].is_there)
		own[1] = own[0];
	own[0] = fresh;
	wipe(&fresh);
	return &own[0].key;
}

const struct ticket_key *tickets_find(const uint8_t *name, uint64_t now_s,
				      bool *newest)
{
	const struct ticket_key *k;
	size_t i, n = file ? file->n : 2;

	tickets_forget(now_s);
	for (i = 0; i < n; i++) {
		k = file ? &file->list[i] : &own[i].key;
		if (!file && !own[i].is_there)
			continue;
		if (memcmp(k->name, name, sizeof(k->name)))
			continue;
		*newest = i == 0 && (file || now_s - own[0].made_s < lifetime);
		return k;
	}
	return NULL;
}
