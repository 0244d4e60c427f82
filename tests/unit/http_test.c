// SPDX-License-Identifier: MIT
/*
 * http_test.c - plain HTTP requests and their answers; hostile ones
 */
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "tap.h"

#define PORT 8443

static char answer[HTTP_ANSWER_BYTES + 1];

/* The answer to a whole request; empty: it is none. */
static const char *ask(const char *text, bool redirect)
{
	struct http_request r;
	size_t n = 0;

	if (http_parse(&r, text, strlen(text), true) == HTTP_REQUEST)
		n = http_answer(answer, &r, PORT, redirect);
	answer[n] = '\0';
	return answer;
}

static bool has(const char *text)
{
	return strstr(answer, text);
}

/* Is it sent to this URL; NULL: nowhere, with a 400? */
static void goes(const char *request, const char *url)
{
	char line[512], name[64];
	size_t i;

	snprintf(name, sizeof(name), "%s", request);
	for (i = 0; name[i]; i++)
		if (name[i] < ' ' || name[i] > '~')
			name[i] = '.';
	snprintf(line, sizeof(line), "\r\nLocation: %s\r\n", url ? url : "");
	ask(request, true);
	ok(url ? has(line) && !has(" 400 ")
	       : !strncmp(answer, "HTTP/1.1 400 ", 13) && !has("Location"),
	   "%s to %s", name, url ? url : "nowhere");
	if (!url)
		return;
	snprintf(line, sizeof(line), ": %s\n", url);
	ask(request, false);
	ok(has("HTTP/1.1 400 ") && !has("Location") && has(line),
	   "... in words");
}

static void check_urls(void)
{
	goes("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
	     "https://a.example:8443/");
	goes("GET /p?q=1&r=%20 HTTP/1.0\nhOsT:\ta.example:80 \n\n",
	     "https://a.example:80/p?q=1&r=%20");
	goes("GET / HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
	     "https://a.example/");
	goes("GET / HTTP/1.1\r\nX: y\r\nHost: [2001:db8::1]:9\r\n\r\n",
	     "https://[2001:db8::1]:9/");
	goes("GET //b.example/x HTTP/1.1\r\nHost: a\r\n\r\n",
	     "https://a:8443//b.example/x");
	goes("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "https://b:8443/x");
	goes("GET http://b:81/ HTTP/1.1\r\nHost: a:82\r\n\r\n",
	     "https://b:81/");
}

static void check_hostile(void)
{
	goes("GET / HTTP/1.1\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost:\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nHost: []\r\n\r\n", NULL);
	goes("GET / HTTP/1.1\r\nX: y\r\n\r\nHost: a\r\n\r\n", NULL);
	goes("GET /\rLocation:x HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
	goes("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
	goes("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
	goes("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
	goes("GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
	goes("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
	goes("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
	goes("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
	goes("PRI * HTTP/2.0\r\n\r\n", NULL);
}

static void check_methods(void)
{
	ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true);
	ok(has("HTTP/1.1 301 "), "GET: 301");
	ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true);
	ok(has("HTTP/1.1 301 ") && !has("This is"), "HEAD: 301, no body");
	ask("POST / HTTP/1.1\r\nHost: a\r\n\r\n", true);
	ok(has("HTTP/1.1 308 "), "POST: 308, it stays one");
	ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", false);
	ok(atoi(strstr(answer, "Length: ") + 8) ==
		   (int)strlen(strstr(answer, "\r\n\r\n") + 4),
	   "400: the body is as long as it says");
	ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", true);
	ok(atoi(strstr(answer, "Length: ") + 8) ==
		   (int)strlen(strstr(answer, "\r\n\r\n") + 4),
	   "301: so it is");
}

static enum http_verdict parse(const char *text, bool full)
{
	struct http_request r;

	return http_parse(&r, text, strlen(text), full);
}

static void check_parts(void)
{
	static const char whole[] = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_request r;
	size_t i;

	for (i = 0; i < sizeof(whole) - 1; i++)
		if (http_parse(&r, whole, i, false) != HTTP_MORE)
			break;
	ok(i == sizeof(whole) - 1, "each piece wants more");
	ok(parse(whole, false) == HTTP_REQUEST, "until it is whole");
	ok(parse("GET /", true) == HTTP_NONE, "none without its first line");
	ok(parse("GET / HTTP/1.1\r\nHost: a\r\nCookie: ", true) == HTTP_REQUEST,
	   "the rest is not wanted where no more is shown");
	ok(parse("EHLO a.example\r\n", false) == HTTP_NONE, "SMTP is none");
	ok(parse("USER x\r\n", false) == HTTP_NONE, "nor is FTP");
	ok(parse("PING\r\n", false) == HTTP_NONE, "nor is redis");
	ok(parse("GET /\r\n", false) == HTTP_NONE, "nor is HTTP/0.9");
	ok(parse("GET / HTTP/1.1x\r\n\r\n", false) == HTTP_NONE, "nor this");
	ok(parse("get / HTTP/1.1\r\n\r\n", false) == HTTP_NONE,
	   "methods have capitals");
	ok(parse(" GET / HTTP/1.1\r\n\r\n", false) == HTTP_NONE, "a space");
	ok(parse("", false) == HTTP_MORE && http_may_begin("", 0), "nothing");
	ok(http_may_begin("GET /", 5) && http_may_begin("OPTIO", 5) &&
		   !http_may_begin("SSH-2.0", 7) && !http_may_begin("*1\r\n$", 5) &&
		   !http_may_begin("\x16\x03\x01", 3),
	   "what may begin one");
}

/* Headers: printable lines, none but ours. */
static bool is_clean(size_t n)
{
	static const char *const names[] = {
		"HTTP/1.1 ", "Location: https://", "Content-Type: text/plain",
		"X-Content-Type-Options: nosniff", "Content-Length: ",
		"Connection: close"};
	char *line = answer, *end;
	size_t i, count = 0;

	answer[n] = '\0';
	if (strlen(answer) != n)
		return false;
	for (; (end = strstr(line, "\r\n")) && end > line; line = end + 2) {
		for (i = 0; i < 6; i++)
			if (!strncmp(line, names[i], strlen(names[i])))
				break;
		if (i == 6 || ++count > 6)
			return false;
		for (; line < end; line++)
			if (*line < ' ' || *line > '~')
				return false;
	}
	return end;
}

/* A seed of its own: a failure comes again. */
static uint32_t next_random(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

static const char *const parts[] = {
	"GET ", "POST ", "/", "http://", " HTTP/1.1", "\r\n", "\n", "\r", "Host:",
	"host: a", ":80", "[::1]", "[", "]", "\r\n\r\n", "x", "@", "%0d%0a", "\0",
	"\xff", "Location: evil", " ", "\t", ":", "//", "?q=1"};

static size_t make_request(char *out, size_t most)
{
	const char *part;
	size_t n = 0, k;

	if (next_random() % 4)
		n = (size_t)sprintf(out, "GET /p HTTP/1.1\r\nHost: a.b:1\r\n\r\n");
	for (k = next_random() % 12; k; k--) {
		part = parts[next_random() % (sizeof(parts) / sizeof(*parts))];
		if (n + strlen(part) > most)
			break;
		if (next_random() % 2 || !n) {
			memcpy(out + n, part, strlen(part));
			n += strlen(part);
		} else {
			out[next_random() % n] = *part;
		}
	}
	return n;
}

static void check_random(void)
{
	char text[512], *exact;
	unsigned int i, found = 0, bad = 0;
	struct http_request r;
	size_t n;

	for (i = 0; i < 200000; i++) {
		n = make_request(text, sizeof(text) - 64);
		/* so that AddressSanitizer sees one byte too far */
		exact = malloc(n ? n : 1);
		memcpy(exact, text, n);
		if (http_parse(&r, exact, n, i % 2) == HTTP_REQUEST) {
			found++;
			bad += !is_clean(http_answer(answer, &r, PORT, i % 3));
		}
		free(exact);
	}
	ok(found > 1000 && !bad,
	   "random requests: %u of %u are answered, no answer has more headers "
	   "than ours", found, i);
}

static void check_longest(void)
{
	static char text[4096];
	struct http_request r;
	size_t n;

	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	memcpy(text + sizeof(text) - 32, " HTTP/1.1\r\nHost: aaaaaaaaaaa\r\n\r\n", 32);
	ok(http_parse(&r, text, sizeof(text), true) == HTTP_REQUEST,
	   "the longest is a request");
	n = http_answer(answer, &r, PORT, true);
	ok(is_clean(n) && has("Location: "), "it is redirected");
	n = http_answer(answer, &r, PORT, false);
	ok(n < HTTP_ANSWER_BYTES && is_clean(n) && has("aaa\n"), "in words");
}

int main(void)
{
	check_urls();
	check_hostile();
	check_methods();
	check_parts();
	check_random();
	check_longest();
	return tap_done();
}
