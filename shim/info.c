// SPDX-License-Identifier: MIT
/*
 * info.c - what the daemon is told of a connection
 *
 * The variables are those of Apache's mod_ssl, where it has one.
 */
#include "info.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KTLSHIM_WEAK
#include "../include/ktlshim.h"
#include "hook.h"

/* Each that is set below; of the client none at all may be another's. */
static const char *const names[] = {
	"HTTPS=",	 "SSL_PROTOCOL=",      "SSL_CIPHER=",
	"SSL_TLS_SNI=",	 "SSL_ALPN_PROTOCOL=", "SSL_SESSION_RESUMED=",
	"SSL_CLIENT_",
};

bool info_is_ours(const char *assignment)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(assignment, names[i], strlen(names[i])))
			return true;
	return false;
}

struct env {
	char **out, *text;
};

static void set(struct env *env, const char *name, const char *value)
{
	if (!*value)
		return;
	*env->out++ = env->text;
	env->text += sprintf(env->text, "%s=%s", name, value) + 1;
}

static void set_client(struct env *env, const struct facts *f)
{
	char failed[sizeof("FAILED:") + sizeof(f->verify_text)];

	snprintf(failed, sizeof(failed), "FAILED:%s", f->verify_text);
	set(env, "SSL_CLIENT_VERIFY", !f->has_client ? "NONE"
				      : f->verify    ? failed
						     : "SUCCESS");
	set(env, "SSL_CLIENT_S_DN", f->subject);
	set(env, "SSL_CLIENT_S_DN_CN", f->common_name);
	set(env, "SSL_CLIENT_I_DN", f->issuer);
	set(env, "SSL_CLIENT_FINGERPRINT", f->fingerprint);
}

char **info_env(const struct share_slot *slot, char **out, char *text)
{
	struct env env = {out, text};
	struct facts f;

	set(&env, "HTTPS", "on");
	if (!share_get_facts(slot, &f))
		return env.out;
	set(&env, "SSL_PROTOCOL", f.version);
	set(&env, "SSL_CIPHER", f.cipher);
	set(&env, "SSL_TLS_SNI", facts_is_host(&f) ? f.sni : "");
	set(&env, "SSL_ALPN_PROTOCOL", f.alpn);
	set(&env, "SSL_SESSION_RESUMED", f.resumed ? "Resumed" : "Initial");
	set_client(&env, &f);
	return env.out;
}

/* What becomes 0 and 1, one more than the number; 0: what is there now */
static __thread struct {
	const void *actions;
	int from[2];
} spawning;

void info_will_spawn(const void *actions, int fd, int to)
{
	if (to != STDIN_FILENO && to != STDOUT_FILENO)
		return;
	if (spawning.actions != actions)
		spawning.from[0] = spawning.from[1] = 0;
	spawning.actions = actions;
	spawning.from[to] = fd + 1;
}

void info_forget_actions(const void *actions)
{
	if (spawning.actions == actions)
		spawning.actions = NULL;
}

/* In a child of vfork the table is the parent's, the numbers are not. */
static struct share_slot *slot_of(int fd)
{
	struct share_slot *slot;
	struct entry *e;

	if (!fdtab_is_ours())
		return share_find(fdtab_cookie(fd));
	e = fdtab_is_any(fd) ? sock_entry(fd) : NULL;
	slot = e ? e->slot : NULL;
	if (e)
		fdtab_put(e);
	return slot;
}

static struct share_slot *slot_on(int fd, bool crosses)
{
	struct share_slot *slot = slot_of(fd);

	/* an orphan is on the connection of who has told it already */
	if (!slot || share_is(slot, SHARE_ORPHAN) ||
	    (slot->kind != ENTRY_STREAM && slot->kind != ENTRY_RELAYED) ||
	    (!crosses && LIBC(fcntl)(fd, F_GETFD) & FD_CLOEXEC))
		return NULL;
	return slot;
}

struct share_slot *info_slot(const void *actions)
{
	const bool ours = actions && spawning.actions == actions;
	struct share_slot *slot = NULL;
	int n, from;

	for (n = 0; n < 2 && !slot; n++) {
		from = ours ? spawning.from[n] : 0;
		slot = slot_on(from ? from - 1 : n, from);
	}
	return slot;
}

/* The first version of struct ktlshim_info: nobody has a shorter one. */
#define INFO_FIRST_BYTES 3104
static_assert(sizeof(struct ktlshim_info) >= INFO_FIRST_BYTES, "it only grows");

#define COPY(to, from)                                                         \
	({                                                                     \
		static_assert(sizeof(from) <= sizeof(to), "it fits");          \
		memcpy(to, from, sizeof(from));                                \
	})

static void fill(struct ktlshim_info *info, const struct facts *f)
{
	*info = (struct ktlshim_info){
		.flags = (f->resumed ? KTLSHIM_RESUMED : 0) |
			 (f->asked ? KTLSHIM_ASKED : 0) |
			 (f->has_client ? KTLSHIM_CLIENT : 0),
		.client_verify = f->has_client ? f->verify : -1,
	};
	COPY(info->version, f->version);
	COPY(info->cipher, f->cipher);
	if (facts_is_host(f))
		COPY(info->server_name, f->sni);
	COPY(info->alpn, f->alpn);
	COPY(info->client_subject, f->subject);
	COPY(info->client_issuer, f->issuer);
	COPY(info->client_name, f->common_name);
	COPY(info->client_fingerprint, f->fingerprint);
	if (f->verify)
		COPY(info->client_error, f->verify_text);
}

EXPORT int ktlshim_info(int fd, struct ktlshim_info *out, size_t size)
{
	int saved = errno;
	struct entry *e = fdtab_is_any(fd) ? sock_entry(fd) : NULL;
	struct ktlshim_info info;
	struct facts f;
	bool known = e &&
		     (e->kind == ENTRY_STREAM || e->kind == ENTRY_RELAYED) &&
		     share_get_facts(e->slot, &f);

	if (known) {
		fill(&info, &f);
		info.flags |= e->kind == ENTRY_STREAM ? KTLSHIM_DIRECT : 0;
	}
	if (e)
		fdtab_put(e);
	errno = saved;
	if (known && size >= INFO_FIRST_BYTES) {
		memset(out, 0, size);
		memcpy(out, &info, size < sizeof(info) ? size : sizeof(info));
		return 0;
	}
	errno = known ? EINVAL : ENOTCONN;
	return -1;
}
