// SPDX-License-Identifier: MIT
/*
 * crypto.c - libcrypto, opened at run time
 *
 * RTLD_DEEPBIND makes libcrypto's own references prefer itself to whatever
 * the program exports under the same names; RTLD_LOCAL hides it from the
 * program. The sanitizers' runtimes refuse DEEPBIND: their builds do without.
 */
#include "crypto.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL)
#else
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)
#endif

struct crypto crypto;
static atomic_bool is_open;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const aead_names[AEAD_COUNT] = {
	[AEAD_AES128GCM] = "AES-128-GCM",
	[AEAD_AES256GCM] = "AES-256-GCM",
	[AEAD_CHACHA20POLY1305] = "ChaCha20-Poly1305",
};

size_t crypto_key_bytes(enum aead aead)
{
	return aead == AEAD_AES128GCM ? 16 : 32;
}

static int bind_calls(void *lib)
{
#define X(ret, name, args)                                                     \
	*(void **)&crypto.call.name = dlsym(lib, #name);                       \
	if (!crypto.call.name)                                                 \
		return -ENOENT;
	CRYPTO_CALLS(X)
#undef X
	return 0;
}

char *crypto_hash_name(enum crypto_hash hash)
{
	return hash == CRYPTO_SHA384 ? "SHA2-384" : "SHA2-256";
}

static int open_library(void)
{
	OSSL_LIB_CTX *ctx;
	void *lib;
	int i;

	lib = dlopen("libcrypto.so.3", OPEN_FLAGS);
	if (!lib || bind_calls(lib))
		return -ENOENT;
	ctx = crypto.call.OSSL_LIB_CTX_new();
	if (!ctx)
		return -ENOSYS;
	for (i = 0; i < AEAD_COUNT; i++) {
		crypto.aead[i] = crypto.call.EVP_CIPHER_fetch(
			ctx, aead_names[i], NULL);
		if (!crypto.aead[i])
			return -ENOSYS;
	}
	for (i = 0; i < CRYPTO_HASH_COUNT; i++) {
		crypto.hash[i] = crypto.call.EVP_MD_fetch(
			ctx, crypto_hash_name(i), NULL);
		if (!crypto.hash[i])
			return -ENOSYS;
	}
	crypto.tls1_prf = crypto.call.EVP_KDF_fetch(ctx, "TLS1-PRF", NULL);
	return crypto.tls1_prf ? 0 : -ENOSYS;
}

int crypto_open(void)
{
	int ret = 0;

	if (is_open)
		return 0;
	pthread_mutex_lock(&lock);
	if (!is_open)
		ret = open_library();
	is_open = !ret;
	pthread_mutex_unlock(&lock);
	return ret;
}

void crypto_atfork_child(void)
{
	pthread_mutex_init(&lock, NULL);
}
