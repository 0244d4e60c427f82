/* SPDX-License-Identifier: MIT */
/*
 * crypto.h - the few calls of libcrypto that keys and records need
 *
 * libcrypto is opened at run time, not linked: inside a daemon a linked name
 * could bind to another OpenSSL that the program carries and exports (Node.js
 * does). The helper uses the same table, so there is one way only.
 */
#ifndef KTLSHIM_CRYPTO_H
#define KTLSHIM_CRYPTO_H

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stddef.h>
#include <stdint.h>

/* result, name, parameters */
#define CRYPTO_CALLS(X)                                                        \
	X(OSSL_LIB_CTX *, OSSL_LIB_CTX_new, (void))                            \
	X(EVP_CIPHER *, EVP_CIPHER_fetch,                                      \
	  (OSSL_LIB_CTX *, const char *, const char *))                        \
	X(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_new, (void))                        \
	X(void, EVP_CIPHER_CTX_free, (EVP_CIPHER_CTX *))                       \
	X(int, EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX *, int, int, void *))      \
	X(int, EVP_DecryptInit_ex2,                                            \
	  (EVP_CIPHER_CTX *, const EVP_CIPHER *, const unsigned char *,        \
	   const unsigned char *, const OSSL_PARAM *))                         \
	X(int, EVP_DecryptUpdate,                                              \
	  (EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *,    \
	   int))                                                               \
	X(int, EVP_DecryptFinal_ex, (EVP_CIPHER_CTX *, unsigned char *, int *)) \
	X(int, EVP_EncryptInit_ex2,                                            \
	  (EVP_CIPHER_CTX *, const EVP_CIPHER *, const unsigned char *,        \
	   const unsigned char *, const OSSL_PARAM *))                         \
	X(int, EVP_EncryptUpdate,                                              \
	  (EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *,    \
	   int))                                                               \
	X(int, EVP_EncryptFinal_ex, (EVP_CIPHER_CTX *, unsigned char *, int *)) \
	X(EVP_KDF *, EVP_KDF_fetch,                                            \
	  (OSSL_LIB_CTX *, const char *, const char *))                        \
	X(EVP_KDF_CTX *, EVP_KDF_CTX_new, (EVP_KDF *))                         \
	X(void, EVP_KDF_CTX_free, (EVP_KDF_CTX *))                             \
	X(int, EVP_KDF_derive,                                                 \
	  (EVP_KDF_CTX *, unsigned char *, size_t, const OSSL_PARAM[]))        \
	X(EVP_MD *, EVP_MD_fetch,                                              \
	  (OSSL_LIB_CTX *, const char *, const char *))                        \
	X(EVP_MD_CTX *, EVP_MD_CTX_new, (void))                                \
	X(void, EVP_MD_CTX_free, (EVP_MD_CTX *))                               \
	X(int, EVP_MD_CTX_copy_ex, (EVP_MD_CTX *, const EVP_MD_CTX *))         \
	X(int, EVP_DigestInit_ex2,                                             \
	  (EVP_MD_CTX *, const EVP_MD *, const OSSL_PARAM *))                  \
	X(int, EVP_DigestUpdate, (EVP_MD_CTX *, const void *, size_t))         \
	X(int, EVP_DigestFinal_ex,                                             \
	  (EVP_MD_CTX *, unsigned char *, unsigned int *))                     \
	X(OSSL_PARAM, OSSL_PARAM_construct_utf8_string,                        \
	  (const char *, char *, size_t))                                      \
	X(OSSL_PARAM, OSSL_PARAM_construct_octet_string,                       \
	  (const char *, void *, size_t))                                      \
	X(OSSL_PARAM, OSSL_PARAM_construct_end, (void))                        \
	X(void, OPENSSL_cleanse, (void *, size_t))

struct crypto_calls {
#define X(ret, name, args) ret(*name) args;
	CRYPTO_CALLS(X)
#undef X
};

/* The ciphers that kTLS offers and that TLS 1.2 and 1.3 use. */
enum aead {
	AEAD_AES128GCM,
	AEAD_AES256GCM,
	AEAD_CHACHA20POLY1305,
	AEAD_COUNT
};

/* The hashes of their cipher suites */
enum crypto_hash { CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_HASH_COUNT };

#define AEAD_KEY_BYTES_MAX 32
#define AEAD_IV_BYTES 12
#define AEAD_TAG_BYTES 16

struct crypto {
	struct crypto_calls call;
	EVP_CIPHER *aead[AEAD_COUNT];
	EVP_MD *hash[CRYPTO_HASH_COUNT];
	EVP_KDF *tls1_prf;
};

/** crypto - valid after crypto_open() has returned 0, never closed */
extern struct crypto crypto;

/**
 * crypto_open() - open libcrypto, fetch ciphers and key derivation once
 *
 * A library context of its own keeps the program's configuration and
 * providers out. Repeated calls cost nothing.
 *
 * Return: 0, -ENOENT (no libcrypto.so.3) or -ENOSYS (an algorithm is missing).
 */
int crypto_open(void);

/** crypto_atfork_child() - the thread that was opening it is not here */
void crypto_atfork_child(void);

/** crypto_hash_name() - a hash as libcrypto calls it */
char *crypto_hash_name(enum crypto_hash hash);

/** crypto_key_bytes() - length of a cipher's key */
size_t crypto_key_bytes(enum aead aead);

#endif
