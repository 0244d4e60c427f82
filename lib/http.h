/* SPDX-License-Identifier: MIT */
/*
 * http.h - a plain HTTP request where TLS is spoken, and the answer to it
 *
 * Bytes in, bytes out. All that the answer repeats of the request was checked.
 */
#ifndef KTLSHIM_HTTP_H
#define KTLSHIM_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_ANSWER_BYTES 5120 /* for requests of up to 4096 */

enum http_verdict {
	HTTP_MORE,    /* it may become one */
	HTTP_NONE,    /* this is no request */
	HTTP_REQUEST, /* struct http_request is set */
};

/* Parts of the request, not terminated */
struct http_text {
	const char *at;
	size_t len;
};

struct http_request {
	struct http_text method;
	struct http_text host; /* len 0: missing, or nothing for a URL */
	unsigned int port;     /* that the client named with it; 0: none */
	struct http_text path; /* with the query; len 0 as for host */
};

/**
 * http_parse() - is that a request, and what for?
 * @full: more will not be shown: judge by what is there
 */
enum http_verdict http_parse(struct http_request *r, const char *data,
			     size_t len, bool full);

/** http_may_begin() - could a request begin so? */
bool http_may_begin(const char *data, size_t len);

/**
 * http_answer() - the response that sends the client to https
 * @out: HTTP_ANSWER_BYTES
 * @port: our own, for a client that names none
 * @redirect: by a redirection, where there is a URL; else in words
 *
 * Return: its length.
 */
size_t http_answer(char *out, const struct http_request *r, unsigned int port,
		   bool redirect);

#endif
