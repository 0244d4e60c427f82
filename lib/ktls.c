// SPDX-License-Identifier: MIT
/*
 * ktls.c - handing TLS keys to the kernel
 *
 * Validate, derive, install, commit: the caller has derived and checked all
 * there is before ktls_install(KTLS_TX); nothing fallible may follow it.
 */
#include "ktls.h"

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

#include "record.h"
#include "sys.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* The kernel's crypto_info structs differ in sizes only (linux/tls.h). */
union crypto_info {
	struct tls_crypto_info info;
	struct tls12_crypto_info_aes_gcm_128 aes128gcm;
	struct tls12_crypto_info_aes_gcm_256 aes256gcm;
	struct tls12_crypto_info_chacha20_poly1305 chacha20poly1305;
};

static const struct kernel_cipher {
	uint16_t type;
	uint8_t size, iv, iv_bytes, key, salt, salt_bytes, seq;
} kernel_ciphers[AEAD_COUNT] = {
#define CIPHER(T, member)                                                      \
	{                                                                      \
		.type = TLS_CIPHER_##T,                                        \
		.size = sizeof(((union crypto_info *)0)->member),              \
		.iv = offsetof(union crypto_info, member.iv),                  \
		.iv_bytes = TLS_CIPHER_##T##_IV_SIZE,                          \
		.key = offsetof(union crypto_info, member.key),                \
		.salt = offsetof(union crypto_info, member.salt),              \
		.salt_bytes = TLS_CIPHER_##T##_SALT_SIZE,                      \
		.seq = offsetof(union crypto_info, member.rec_seq),            \
	}
	[AEAD_AES128GCM] = CIPHER(AES_GCM_128, aes128gcm),
	[AEAD_AES256GCM] = CIPHER(AES_GCM_256, aes256gcm),
	[AEAD_CHACHA20POLY1305] = CIPHER(CHACHA20_POLY1305, chacha20poly1305),
#undef CIPHER
};

int ktls_attach(int fd)
{
	if (sys_setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0)
		return -errno;
	return 0;
}

int ktls_install(int fd, enum ktls_direction direction,
		 const struct traffic_key *key)
{
	const struct kernel_cipher *c = &kernel_ciphers[key->aead];
	union crypto_info ci = {0};
	uint8_t *raw = (uint8_t *)&ci;
	uint64_t seq = key->seq;
	int i, ret;

	ci.info.version = key->version;
	ci.info.cipher_type = c->type;
	memcpy(raw + c->salt, key->iv, c->salt_bytes);
	memcpy(raw + c->iv, key->iv + c->salt_bytes, c->iv_bytes);
	memcpy(raw + c->key, key->key, crypto_key_bytes(key->aead));
	for (i = 7; i >= 0; i--, seq >>= 8)
		raw[c->seq + i] = (uint8_t)seq;
	ret = sys_setsockopt(fd, SOL_TLS,
			     direction == KTLS_TX ? TLS_TX : TLS_RX, &ci,
			     c->size);
	ret = ret < 0 ? -errno : 0;
	explicit_bzero(&ci, sizeof(ci));
	return ret;
}

/* One whole record of another type than data. */
static int send_record(int fd, uint8_t type, const void *body, size_t len)
{
	union {
		char buf[CMSG_SPACE(1)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)body, len};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(cmsg) = type;
	if (sys_sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

int ktls_send_alert(int fd, uint8_t level, uint8_t alert)
{
	const uint8_t body[2] = {level, alert};

	return send_record(fd, RECORD_ALERT, body, sizeof(body));
}

int ktls_send_key_update(int fd)
{
	const uint8_t body[5] = {HANDSHAKE_KEY_UPDATE, 0, 0, 1, 0};

	return send_record(fd, RECORD_HANDSHAKE, body, sizeof(body));
}

int ktls_records(int fd, enum ktls_direction direction,
		 const struct traffic_key *key, uint64_t *records)
{
	const struct kernel_cipher *c = &kernel_ciphers[key->aead];
	union crypto_info ci = {0};
	socklen_t len = c->size;
	int i, ret;

	ret = (int)sys_call(SYS_getsockopt, fd, SOL_TLS,
			   direction == KTLS_TX ? TLS_TX : TLS_RX, &ci, &len);
	ret = ret < 0 ? -errno : 0;
	*records = 0;
	for (i = 0; i < 8; i++)
		*records = *records << 8 | ((uint8_t *)&ci)[c->seq + i];
	explicit_bzero(&ci, sizeof(ci));
	return ret;
}

bool ktls_is_receiving(int fd)
{
	union crypto_info ci = {0};
	socklen_t len = sizeof(ci.info);
	/* net/tls/tls_main.c: the head alone can be asked for; EBUSY: no key */
	bool is = sys_call(SYS_getsockopt, fd, SOL_TLS, TLS_RX, &ci, &len) >= 0;

	explicit_bzero(&ci, sizeof(ci));
	return is;
}

/* Three times a whole record, with the kernel's overhead for it */
#define SNDBUF_MIN (128 * 1024)

void ktls_make_room(int fd)
{
	int sndbuf = SNDBUF_MIN, no_limit = INT32_MAX;
	int half = SNDBUF_MIN / 2; /* the kernel doubles it, socket(7) */
	socklen_t len = sizeof(sndbuf);

	sys_setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &no_limit,
		       sizeof(no_limit));
	sys_call(SYS_getsockopt, fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, &len);
	if (sndbuf < SNDBUF_MIN)
		sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
}

int ktls_recv(int fd, void *buf, size_t len, int flags, uint8_t *type)
{
	union {
		char buf[CMSG_SPACE(1)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {buf, len};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	n = sys_recvmsg(fd, &msg, flags);
	if (n < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	*type = RECORD_DATA;
	if (cmsg && cmsg->cmsg_level == SOL_TLS &&
	    cmsg->cmsg_type == TLS_GET_RECORD_TYPE)
		*type = *CMSG_DATA(cmsg);
	return (int)n;
}
