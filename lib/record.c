// SPDX-License-Identifier: MIT
/*
 * record.c - TLS records, from bytes to bytes
 *
 * TLS 1.3 (RFC 8446 section 5.2): the nonce is the IV xor the sequence number,
 * the additional data is the header, the type is the last byte that is not
 * zero inside. TLS 1.2 (RFC 5288, RFC 7905): AES-GCM has an explicit nonce in
 * front of the body; the additional data is sequence number and header with
 * the plaintext's length.
 */
#include "record.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cipher.h"

#define EXPLICIT_NONCE_BYTES 8
#define AAD_BYTES_TLS12 13

int record_body_bytes(const uint8_t *header, size_t max)
{
	size_t len = (size_t)header[3] << 8 | header[4];

	if (header[0] < RECORD_CHANGE_CIPHER_SPEC || header[0] > RECORD_DATA ||
	    header[1] != 3 || len == 0)
		return -EBADMSG;
	if (len > max)
		return -EMSGSIZE;
	return (int)len;
}

static size_t explicit_nonce_bytes(const struct traffic_key *key)
{
	return key->version == TLS12 && key->aead != AEAD_CHACHA20POLY1305
		       ? EXPLICIT_NONCE_BYTES
		       : 0;
}

size_t record_overhead(const struct traffic_key *key)
{
	return RECORD_HEADER_BYTES + explicit_nonce_bytes(key) +
	       (key->version == TLS13) + AEAD_TAG_BYTES;
}

void record_protect(struct record_protection *p, const struct traffic_key *key)
{
	p->key = *key;
	p->cipher = cipher_new_id(key->aead);
}

void record_protect_fini(struct record_protection *p)
{
	cipher_forget(p->cipher, p->key.aead);
	p->cipher = 0;
	keys_wipe(&p->key);
}

int record_protect_update(struct record_protection *p)
{
	int ret = keys_update(&p->key);

	if (ret)
		return ret;
	cipher_forget(p->cipher, p->key.aead);
	p->cipher = cipher_new_id(p->key.aead);
	return 0;
}

static void put_u64(uint8_t *p, uint64_t v)
{
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static void make_nonce(const struct traffic_key *key, const uint8_t *body,
		       uint8_t *nonce)
{
	uint8_t seq[8];
	int i;

	memcpy(nonce, key->iv, AEAD_IV_BYTES);
	if (explicit_nonce_bytes(key)) {
		memcpy(nonce + 4, body, EXPLICIT_NONCE_BYTES);
		return;
	}
	put_u64(seq, key->seq);
	for (i = 0; i < 8; i++)
		nonce[4 + i] ^= seq[i];
}

static size_t make_aad(const struct traffic_key *key, const uint8_t *header,
		       size_t plain_bytes, uint8_t *aad)
{
	if (key->version == TLS13) {
		memcpy(aad, header, RECORD_HEADER_BYTES);
		return RECORD_HEADER_BYTES;
	}
	put_u64(aad, key->seq);
	memcpy(aad + 8, header, 3);
	aad[11] = (uint8_t)(plain_bytes >> 8);
	aad[12] = (uint8_t)plain_bytes;
	return AAD_BYTES_TLS12;
}

/* The first @split of @len bytes go to @to, the others stay where they are. */
static int decrypt(EVP_CIPHER_CTX *ctx, const uint8_t *nonce,
		   const uint8_t *aad, size_t aad_bytes, uint8_t *data,
		   size_t len, uint8_t *to, size_t split)
{
	const struct crypto_calls *c = &crypto.call;
	size_t rest = len - split;
	int n;

	if (c->EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) != 1 ||
	    c->EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)aad_bytes) != 1 ||
	    (split &&
	     c->EVP_DecryptUpdate(ctx, to, &n, data, (int)split) != 1) ||
	    (rest && c->EVP_DecryptUpdate(ctx, data + split, &n, data + split,
					  (int)rest) != 1) ||
	    c->EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES,
				   data + len) != 1 ||
	    c->EVP_DecryptFinal_ex(ctx, data + len, &n) != 1)
		return -EBADMSG;
	return 0;
}

/* RFC 8446 section 5.4: behind the data its type, then zeros. @last: the last
 * byte of all. The rest, in plain->data, is left zeroed. */
static int find_type(struct record_plain *plain, uint8_t last)
{
	plain->type = last;
	plain->len--;
	while (!plain->type && plain->len) {
		plain->type = plain->data[--plain->len];
		plain->data[plain->len] = 0;
	}
	return plain->type ? 0 : -EPROTO;
}

int record_open(struct record_protection *p, uint8_t *record, size_t len,
		uint8_t *to, struct record_plain *plain)
{
	const struct traffic_key *key = &p->key;
	size_t skip = RECORD_HEADER_BYTES + explicit_nonce_bytes(key);
	uint8_t nonce[AEAD_IV_BYTES], aad[AAD_BYTES_TLS12];
	uint8_t *body = record + skip;
	bool has_type = key->version == TLS13;
	size_t aad_bytes, split;
	struct cipher *cipher;
	int ret;

	if (has_type && record[0] != RECORD_DATA)
		return -EPROTO;
	if (len < skip + AEAD_TAG_BYTES)
		return -EBADMSG;
	len -= skip + AEAD_TAG_BYTES;
	split = to && len ? len - has_type : 0;
	make_nonce(key, record + RECORD_HEADER_BYTES, nonce);
	aad_bytes = make_aad(key, record, len, aad);
	cipher = cipher_get(p->cipher, key, false);
	if (!cipher)
		return -ENOMEM;
	ret = decrypt(cipher_ctx(cipher), nonce, aad, aad_bytes, body, len, to,
		      split);
	cipher_put(cipher);
	if (ret) {
		if (split)
			memset(to, 0, split);
		return ret;
	}
	*plain = (struct record_plain){split ? to : body, len, record[0]};
	if (has_type && (!len || find_type(plain, body[len - 1])))
		return -EPROTO;
	if (plain->len > RECORD_PLAIN_MAX)
		return -EMSGSIZE;
	p->key.seq++;
	return 0;
}

/* In TLS 1.3 the type is the last byte inside. Return: bytes, or 0 */
static size_t encrypt(EVP_CIPHER_CTX *ctx, const uint8_t *nonce,
		      const uint8_t *aad, size_t aad_bytes, const uint8_t *data,
		      size_t len, const uint8_t *type, uint8_t *out)
{
	const struct crypto_calls *c = &crypto.call;
	int n, total = 0;

	if (c->EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) != 1 ||
	    c->EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_bytes) != 1)
		return 0;
	if (len && c->EVP_EncryptUpdate(ctx, out, &total, data, (int)len) != 1)
		return 0;
	if (type && c->EVP_EncryptUpdate(ctx, out + total, &n, type, 1) != 1)
		return 0;
	total += type ? n : 0;
	if (c->EVP_EncryptFinal_ex(ctx, out + total, &n) != 1 ||
	    c->EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES,
				   out + total) != 1)
		return 0;
	return (size_t)total + AEAD_TAG_BYTES;
}

/* RFC 5288 section 3: never the same twice; it goes with the record. */
static void put_explicit_nonce(struct traffic_key *key, uint8_t *out)
{
	int i;

	memcpy(out, key->iv + 4, EXPLICIT_NONCE_BYTES);
	for (i = AEAD_IV_BYTES - 1; i >= 4 && ++key->iv[i] == 0; i--)
		;
}

size_t record_seal(struct record_protection *p, uint8_t type, const void *data,
		   size_t len, uint8_t *out)
{
	struct traffic_key *key = &p->key;
	size_t over = record_overhead(key), skip = explicit_nonce_bytes(key), n;
	uint8_t nonce[AEAD_IV_BYTES], aad[AAD_BYTES_TLS12];
	bool inside = key->version == TLS13;
	uint8_t *body = out + RECORD_HEADER_BYTES;
	size_t bytes = over - RECORD_HEADER_BYTES + len;
	struct cipher *cipher = cipher_get(p->cipher, key, true);

	if (!cipher)
		return 0;
	out[0] = inside ? RECORD_DATA : type;
	out[1] = 3;
	out[2] = 3;
	out[3] = (uint8_t)(bytes >> 8);
	out[4] = (uint8_t)bytes;
	if (skip)
		put_explicit_nonce(key, body);
	make_nonce(key, body, nonce);
	n = make_aad(key, out, len, aad);
	n = encrypt(cipher_ctx(cipher), nonce, aad, n, data, len,
		    inside ? &type : NULL, body + skip);
	cipher_put(cipher);
	key->seq++;
	return n ? RECORD_HEADER_BYTES + skip + n : 0;
}
