// SPDX-License-Identifier: MIT
/*
 * http.c - a plain HTTP request where TLS is spoken, and the answer to it
 *
 * RFC 9112 sections 3 and 5, as far as the answer needs it: the method, and
 * host and path for its URL. Host and path are the client's: what has a byte in
 * it that cannot be in a URL (a line's end would begin a header of the
 * client's choice) is taken for missing.
 */
#include "http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define METHOD_MAX 32
#define HOST_MAX 255

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t method_len(const char *data, size_t len)
{
	size_t n = 0;

	while (n < len && ((data[n] >= 'A' && data[n] <= 'Z') || data[n] == '-'))
		n++;
	return n;
}

bool http_may_begin(const char *data, size_t len)
{
	size_t n = method_len(data, len);

	return n == len ? n <= METHOD_MAX
			: n > 0 && n <= METHOD_MAX && data[n] == ' ';
}

/* The next line, without its end. false: it has none yet */
static bool next_line(struct http_text *rest, struct http_text *line)
{
	const char *end = memchr(rest->at, '\n', rest->len);

	if (!end)
		return false;
	line->at = rest->at;
	line->len = (size_t)(end - rest->at);
	rest->at += line->len + 1;
	rest->len -= line->len + 1;
	if (line->len && line->at[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* "host", "192.0.2.1:80", "[2001:db8::1]:80" */
static bool parse_host(struct http_request *r, const char *at, size_t len)
{
	bool six = len && *at == '[';
	size_t n = six, i;
	unsigned int port = 0;

	while (n < len && (is_alnum(at[n]) || at[n] == '.' ||
			   (six ? at[n] == ':' : at[n] == '-' || at[n] == '_')))
		n++;
	if (six && (n == len || at[n++] != ']'))
		return false;
	if (n <= 2 * (size_t)six || n > HOST_MAX || (n < len && at[n] != ':'))
		return false;
	for (i = n + 1; i < len; i++) {
		port = 10 * port + (unsigned int)(at[i] - '0');
		if (!is_digit(at[i]) || port > 65535)
			return false;
	}
	r->host = (struct http_text){at, n};
	r->port = port;
	return true;
}

static void find_host(struct http_request *r, struct http_text rest)
{
	static const char name[] = "host:";
	struct http_text line;
	bool found = false;

	while (next_line(&rest, &line) && line.len) {
		if (line.len < sizeof(name) - 1 ||
		    strncasecmp(line.at, name, sizeof(name) - 1))
			continue;
		line.at += sizeof(name) - 1;
		line.len -= sizeof(name) - 1;
		while (line.len && (*line.at == ' ' || *line.at == '\t')) {
			line.at++;
			line.len--;
		}
		while (line.len && (line.at[line.len - 1] == ' ' ||
				    line.at[line.len - 1] == '\t'))
			line.len--;
		/* two of them: nobody knows which is meant */
		if (found || !parse_host(r, line.at, line.len)) {
			r->host.len = 0;
			return;
		}
		found = true;
	}
}

/* "/path?query", or with "http://host" in front, which beats the header */
static void parse_target(struct http_request *r, const char *at, size_t len)
{
	static const char scheme[] = "http://";
	const char *slash;
	size_t i;

	if (len > sizeof(scheme) - 1 &&
	    !strncasecmp(at, scheme, sizeof(scheme) - 1)) {
		at += sizeof(scheme) - 1;
		len -= sizeof(scheme) - 1;
		slash = memchr(at, '/', len);
		r->host.len = 0;
		if (!slash || !parse_host(r, at, (size_t)(slash - at)))
			return;
		len -= (size_t)(slash - at);
		at = slash;
	}
	if (!len || *at != '/')
		return;
	for (i = 0; i < len; i++)
		if (at[i] <= ' ' || at[i] > '~')
			return;
	r->path = (struct http_text){at, len};
}

/* METHOD SP target SP HTTP/1.1 */
static bool parse_request(struct http_request *r, struct http_text line,
			  struct http_text *target)
{
	size_t n = method_len(line.at, line.len), m;
	const char *version;

	if (!n || n > METHOD_MAX || n == line.len || line.at[n] != ' ')
		return false;
	r->method = (struct http_text){line.at, n};
	m = line.len;
	while (m > n && line.at[m - 1] != ' ')
		m--;
	version = line.at + m;
	if (m < n + 3 || line.len - m != 8 || memcmp(version, "HTTP/", 5) ||
	    !is_digit(version[5]) || version[6] != '.' || !is_digit(version[7]))
		return false;
	*target = (struct http_text){line.at + n + 1, m - n - 2};
	return true;
}

static bool has_all_headers(struct http_text rest)
{
	struct http_text line;

	while (next_line(&rest, &line))
		if (!line.len)
			return true;
	return false;
}

enum http_verdict http_parse(struct http_request *r, const char *data,
			     size_t len, bool full)
{
	struct http_text rest = {data, len}, line, target;

	memset(r, 0, sizeof(*r));
	if (!next_line(&rest, &line))
		return !full && http_may_begin(data, len) ? HTTP_MORE
							  : HTTP_NONE;
	if (!parse_request(r, line, &target))
		return HTTP_NONE;
	if (!full && !has_all_headers(rest))
		return HTTP_MORE;
	find_host(r, rest);
	parse_target(r, target.at, target.len);
	return HTTP_REQUEST;
}

static bool is_method(const struct http_request *r, const char *name)
{
	return r->method.len == strlen(name) &&
	       !memcmp(r->method.at, name, r->method.len);
}

static int compose_url(char *out, size_t bytes, const struct http_request *r,
		       unsigned int port)
{
	char colon[16] = "";

	if (r->port)
		port = r->port;
	if (port != 443)
		snprintf(colon, sizeof(colon), ":%u", port);
	return snprintf(out, bytes, "https://%.*s%s%.*s", (int)r->host.len,
			r->host.at, colon, (int)r->path.len, r->path.at);
}

size_t http_answer(char *out, const struct http_request *r, unsigned int port,
		   bool redirect)
{
	static const char words[] =
		"This is a plain HTTP request, and the port speaks HTTPS";
	const char *status = "400 Bad Request";
	bool get = is_method(r, "GET"), head = is_method(r, "HEAD");
	char url[HTTP_ANSWER_BYTES - 512] = "";
	size_t len;
	int n;

	if (r->host.len && r->path.len &&
	    compose_url(url, sizeof(url), r, port) >= (int)sizeof(url))
		*url = '\0';
	redirect = redirect && *url;
	if (redirect) /* after 301 a browser would make a GET of anything */
		status = get || head ? "301 Moved Permanently"
				     : "308 Permanent Redirect";
	len = sizeof(words) + (!redirect && *url ? 2 + strlen(url) : 0);
	n = snprintf(out, HTTP_ANSWER_BYTES,
		     "HTTP/1.1 %s\r\n"
		     "%s%s%s"
		     "Content-Type: text/plain\r\n"
		     "X-Content-Type-Options: nosniff\r\n"
		     "Content-Length: %zu\r\n"
		     "Connection: close\r\n"
		     "\r\n",
		     status, redirect ? "Location: " : "", redirect ? url : "",
		     redirect ? "\r\n" : "", len);
	if (!head)
		n += snprintf(out + n, HTTP_ANSWER_BYTES - (size_t)n,
			      "%s%s%s\n", words, !redirect && *url ? ": " : "",
			      redirect ? "" : url);
	return (size_t)n;
}
