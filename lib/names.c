// SPDX-License-Identifier: MIT
/*
 * names.c - which certificates serve a host name?
 */
#include "names.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOST_BYTES 256 /* of DNS: 253 */

/* Lower case and without the dot at the end. False: too long for a name. */
static bool normalize(char *out, const char *host)
{
	size_t n = strlen(host), i;

	if (n && host[n - 1] == '.')
		n--;
	if (!n || n >= HOST_BYTES)
		return false;
	for (i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)host[i]);
	out[n] = '\0';
	return true;
}

struct adding {
	struct names *names;
	struct cert *cert;
	int type;
	int error;
};

static int add(void *arg, const char *host)
{
	struct adding *a = arg;
	struct names *names = a->names;
	char text[HOST_BYTES];
	struct name *more;

	if (!normalize(text, host))
		return 0;
	if ((names->n & (names->n - 1)) == 0) {
		more = reallocarray(names->list, names->n ? 2 * names->n : 1,
				    sizeof(*more));
		if (!more)
			return a->error = -ENOMEM;
		names->list = more;
	}
	more = &names->list[names->n];
	*more = (struct name){.host = strdup(text)};
	if (!more->host)
		return a->error = -ENOMEM;
	more->certs[a->type] = a->cert;
	more->order = names->n++;
	return 0;
}

static int by_host(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->host,
		      ((const struct name *)b)->host);
}

static int by_host_and_order(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int ret = by_host(a, b);

	return ret ? ret : x->order < y->order ? -1 : x->order > y->order;
}

/* Entries of the same name become one; they are in the settings' order. */
static void merge(struct names *names)
{
	struct name *to = names->list, *from;
	int i;

	for (from = to + 1; from < names->list + names->n; from++) {
		if (strcmp(to->host, from->host)) {
			*++to = *from;
			continue;
		}
		for (i = 0; i < CERT_TYPES; i++)
			if (!to->certs[i])
				to->certs[i] = from->certs[i];
		free(from->host);
	}
	names->n = (size_t)(to + 1 - names->list);
}

int names_open(struct names *names, const struct certset *certs)
{
	struct adding a = {.names = names};
	size_t i;

	*names = (struct names){0};
	for (i = 0; i < certs->n && !a.error; i++) {
		a.cert = certs->list[i];
		a.type = cert_type(a.cert);
		cert_names(a.cert, add, &a);
	}
	if (a.error) {
		names_close(names);
		return a.error;
	}
	if (names->n) {
		qsort(names->list, names->n, sizeof(*names->list),
		      by_host_and_order);
		merge(names);
	}
	return 0;
}

void names_close(struct names *names)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		free(names->list[i].host);
	free(names->list);
	*names = (struct names){0};
}

static const struct name *find(const struct names *names, char *host)
{
	const struct name key = {.host = host};

	return names->n ? bsearch(&key, names->list, names->n, sizeof(key),
				  by_host)
			: NULL;
}

const struct name *names_find(const struct names *names, const char *host)
{
	const struct name *found;
	char text[HOST_BYTES], *dot;

	if (!normalize(text, host))
		return NULL;
	found = find(names, text);
	dot = strchr(text, '.');
	if (found || !dot || dot == text)
		return found;
	*--dot = '*';
	return find(names, dot);
}
