// SPDX-License-Identifier: MIT
/*
 * early_data.c - a client that sends 0-RTT data although the server never said
 * it might (RFC 8446 section 4.2.10)
 *
 *   early_data PORT CA BYTES
 *
 * To a server that echoes: a first connection for the ticket, then one with
 * BYTES of early data and "late" behind the handshake. Prints "resumed" or
 * "new", "accepted", "rejected" or "not sent", and what comes back.
 */
#include <arpa/inet.h>
#include <err.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SSL_SESSION *session;

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(session);
	session = s;
	return 1;
}

static void die(const char *what)
{
	unsigned long e = ERR_peek_error();
	const char *reason = ERR_reason_error_string(e);

	errx(1, "%s: %s", what, reason ? reason : "no reason");
}

static SSL *open_ssl(SSL_CTX *ctx, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((unsigned short)port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	SSL *ssl = SSL_new(ctx);

	if (fd < 0 || !ssl || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "connect");
	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	SSL_set_tlsext_host_name(ssl, "localhost");
	return ssl;
}

static void talk(SSL *ssl, const char *text, char *answer)
{
	int len = (int)strlen(text), have = 0, n;

	if (SSL_write(ssl, text, len) != len)
		die("write");
	for (; have < len; have += n) {
		n = SSL_read(ssl, answer + have, len - have);
		if (n <= 0)
			die("read");
	}
	answer[have] = '\0';
}

static void finish(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
}

int main(int argc, char **argv)
{
	static const char *const status[] = {"not sent", "rejected",
					     "accepted"};
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	static char data[1 << 16];
	char answer[8];
	size_t done, bytes;
	SSL *ssl;

	if (argc != 4 || (bytes = (size_t)atol(argv[3])) > sizeof(data))
		errx(2, "usage: early_data PORT CA BYTES");
	if (!ctx || !SSL_CTX_load_verify_file(ctx, argv[2]))
		die(argv[2]);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	ssl = open_ssl(ctx, atoi(argv[1]));
	talk(ssl, "1st", answer);
	finish(ssl);
	if (!session)
		errx(1, "no ticket");
	printf("allowed: %u\n", SSL_SESSION_get_max_early_data(session));
	SSL_SESSION_set_max_early_data(session, 1 << 20);
	ssl = open_ssl(ctx, atoi(argv[1]));
	SSL_set_session(ssl, session);
	if (SSL_write_early_data(ssl, data, bytes, &done) != 1)
		die("early");
	if (SSL_do_handshake(ssl) != 1)
		die("handshake");
	talk(ssl, "late", answer);
	printf("%s\n%s\n%s\n", SSL_session_reused(ssl) ? "resumed" : "new",
	       status[SSL_get_early_data_status(ssl)], answer);
	finish(ssl);
	SSL_SESSION_free(session);
	SSL_CTX_free(ctx);
	return 0;
}
