// SPDX-License-Identifier: MIT
/*
 * inherit.c - what a program is given by the one that executes it
 */
#include "inherit.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>

#include "client.h"
#include "fdtab.h"
#include "ktls.h"
#include "libc.h"
#include "promote.h"
#include "settings.h"
#include "share.h"
#include "sock.h"
#include "stdio.h"
#include "sys.h"

#define STATE "KTLSHIM_STATE="
#define PRELOAD "LD_PRELOAD="
#define COPY_FD_MIN 512
#define STATE_BYTES (64 + INHERIT_SLOTS_MAX * 17)
/* Numbers that a child of vfork may have made without our hearing of it, and
 * where a local socket for passing descriptors is looked for */
#define LOW_NUMBERS 64

static char library[PATH_MAX]; /* "": not known, so nothing is put back */
static char *const *settings_env;

static bool upgraded_before;

void inherit_load(void)
{
	const struct conf_env *conf = settings();
	Dl_info info;

	if (!conf || !dladdr((void *)inherit_load, &info) ||
	    !realpath(info.dli_fname, library))
		library[0] = '\0';
	if (conf)
		settings_env = conf->vars;
}

/* ---- the environment */

static size_t count(char *const env[])
{
	size_t n = 0;

	while (env && env[n])
		n++;
	return n;
}

/* Does @env have the variable of @assignment, "NAME=..."? Return: its value. */
static const char *find(char *const env[], const char *assignment)
{
	size_t len = strcspn(assignment, "=") + 1;

	for (; env && *env; env++)
		if (!strncmp(*env, assignment, len))
			return *env + len;
	return NULL;
}

size_t inherit_env_max(char *const env[])
{
	return count(env) + CONF_ENV_MAX + INFO_ENV_MAX + 3;
}

size_t inherit_text_bytes(char *const env[])
{
	const char *preload = find(env, PRELOAD);

	return STATE_BYTES + INFO_ENV_BYTES + sizeof(PRELOAD) + sizeof(library) + 1 +
	       (preload ? strlen(preload) : 0);
}

static bool is_preloaded(const char *preload)
{
	const char *name = strrchr(library, '/') + 1;

	return preload && strstr(preload, name);
}

/* LD_PRELOAD and settings. @told: without what passes for what we tell.
 * Return: one behind the last. */
static char **put_back(char *const env[], char **out, char *text, bool told)
{
	const char *preload = find(env, PRELOAD);
	bool add = library[0] && !is_preloaded(preload) &&
		   !access(library, R_OK);
	char *const *ours;

	for (; env && *env; env++) {
		if (!strncmp(*env, STATE, sizeof(STATE) - 1) ||
		    (told && info_is_ours(*env)) ||
		    (add && !strncmp(*env, PRELOAD, sizeof(PRELOAD) - 1)))
			continue;
		*out++ = *env;
	}
	*out = NULL;
	if (!library[0])
		return out;
	if (add) {
		sprintf(text, PRELOAD "%s%s%s", preload ? preload : "",
			preload && *preload ? ":" : "", library);
		*out++ = text;
	}
	for (ours = settings_env; *ours; ours++)
		if (!find(env, *ours))
			*out++ = *ours;
	*out = NULL;
	return out;
}

/* ---- what goes along */

struct crossing {
	struct inherit *in;
	bool spawn;
	const void *actions; /* file actions of posix_spawn, or NULL */
	int n;	  /* sockets of ours, and local ones */
	int high; /* one past the highest number */
};

static bool is_cloexec(int fd)
{
	int flags = LIBC(fcntl)(fd, F_GETFD);

	return flags < 0 || flags & FD_CLOEXEC;
}

/* A new program's holder on a slot, once. */
static void hold_once(struct inherit *in, struct share_slot *slot)
{
	int i;

	for (i = 0; i < in->n_slots; i++)
		if (in->slots[i] == slot->cookie)
			return;
	if (in->n_slots == INHERIT_SLOTS_MAX)
		return; /* it will count it itself, a bit late */
	share_hold(slot);
	in->slots[in->n_slots++] = slot->cookie;
}

static void cross(struct crossing *c, int fd)
{
	c->n++;
	if (fd >= c->high)
		c->high = fd + 1;
}

/* A number that this process knows: it is counted already. */
static void cross_entry(struct crossing *c, struct entry *e, int fd)
{
	bool named = c->actions && e->spawning == c->actions;

	if (!e->slot || !fdtab_is_current(e, fd) || (is_cloexec(fd) && !named))
		return;
	if (e->kind == ENTRY_STREAM)
		promote_let_go((struct stream *)e, fd);
	if (c->spawn)
		hold_once(c->in, e->slot);
	cross(c, fd);
}

/* In a child of vfork the table is the parent's, the numbers are not. */
static void cross_in_vfork(struct crossing *c, int fd)
{
	struct share_slot *slot;
	struct entry *e;
	int i;

	if (is_cloexec(fd) || !(slot = share_find(fdtab_cookie(fd))))
		return;
	cross(c, fd);
	if (c->in->n_slots < INHERIT_SLOTS_MAX) {
		share_hold(slot);
		c->in->slots[c->in->n_slots++] = slot->cookie;
	}
	for (i = 0; i < fdtab_high(); i++) {
		e = fdtab_is_any(i) ? fdtab_get(i) : NULL;
		if (e && e->slot == slot && e->kind == ENTRY_STREAM)
			promote_let_go((struct stream *)e, fd);
		if (e)
			fdtab_put(e);
		if (e && e->slot == slot)
			break;
	}
}

static bool is_local_socket(int fd)
{
	socklen_t len = sizeof(int);
	int domain = 0;

	return !LIBC(getsockopt)(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
	       domain == AF_UNIX;
}

static void find_crossing(struct crossing *c)
{
	bool vforked = !fdtab_is_ours();
	struct entry *e;
	int fd;

	for (fd = 0; fd < LOW_NUMBERS || fd < fdtab_high(); fd++) {
		e = fdtab_is_any(fd) ? fdtab_get(fd) : NULL;
		if (vforked && (e || fd < LOW_NUMBERS))
			cross_in_vfork(c, fd);
		else if (e)
			cross_entry(c, e, fd);
		if (e)
			fdtab_put(e);
		else if (fd > STDERR_FILENO && fd < LOW_NUMBERS && !c->n &&
			 !is_cloexec(fd) && is_local_socket(fd))
			c->n++; /* 0 to 2 may be the journal's */
	}
}

static int copy_of(int fd)
{
	int copy = fd < 0 ? -1 : LIBC(fcntl)(fd, F_DUPFD, COPY_FD_MIN);

	/* a low RLIMIT_NOFILE */
	return fd < 0 || copy >= 0 ? copy : LIBC(fcntl)(fd, F_DUPFD, 3);
}

static void leave_all(struct inherit *in)
{
	struct share_slot *slot;
	uint64_t cookie;

	while (in->n_slots) {
		cookie = in->slots[--in->n_slots];
		slot = share_find(cookie);
		if (slot)
			share_leave(slot, cookie);
	}
}

/* Has this process, or one that executed it, upgraded a listener? */
static bool is_upgraded(void)
{
	return upgraded_before || client_fd() >= 0;
}

static void write_state(struct crossing *c, char *text)
{
	struct inherit *in = c->in;
	int i;

	text += sprintf(text, STATE);
	if (!c->n || share_fd() < 0) {
		strcpy(text, is_upgraded() ? "+" : "-");
		return;
	}
	in->table = copy_of(share_fd());
	in->control = copy_of(client_fd());
	if (in->table < 0) { /* it will not know that it holds anything */
		leave_all(in);
		strcpy(text, is_upgraded() ? "+" : "-");
		return;
	}
	text += sprintf(text, "%d,%d,%d,%s", in->table, in->control, c->high,
			c->spawn ? "" : "x");
	for (i = 0; i < in->n_slots; i++)
		text += sprintf(text, "%" PRIx64 ".", in->slots[i]);
}

void inherit_begin(struct inherit *in, char *const env[], char **out,
		   char *text, bool spawn, const void *actions)
{
	struct crossing c = {.in = in, .spawn = spawn, .actions = actions};
	char *state = text, *told = text + STATE_BYTES, **end;
	int saved = errno;
	struct share_slot *slot = info_slot(actions);
	uint64_t cookie = slot ? slot->cookie : 0;

	*in = (struct inherit){.table = -1, .control = -1};
	end = put_back(env, out, told + INFO_ENV_BYTES, slot);
	/* what was read is another's if it has gone meanwhile */
	if (slot && share_find(cookie) == slot)
		end = info_env(slot, end, told);
	if (slot && share_find(cookie) != slot)
		end = put_back(env, out, told + INFO_ENV_BYTES, slot);
	*end = NULL;
	if (library[0]) {
		find_crossing(&c);
		write_state(&c, state);
		end[0] = state;
		end[1] = NULL;
	}
	errno = saved;
}

void inherit_forget_actions(const void *actions)
{
	int saved = errno, fd;
	struct entry *e;

	info_forget_actions(actions);
	for (fd = 0; fd < fdtab_high(); fd++) {
		e = fdtab_is_any(fd) ? fdtab_get(fd) : NULL;
		if (e && e->spawning == actions)
			e->spawning = NULL;
		if (e)
			fdtab_put(e);
	}
	errno = saved;
}

void inherit_end(struct inherit *in, bool started)
{
	int saved = errno;

	if (!started)
		leave_all(in);
	if (in->table >= 0)
		sys_close(in->table);
	if (in->control >= 0)
		sys_close(in->control);
	errno = saved;
}

/* ---- and in the new program */

static bool is_control(int fd)
{
	socklen_t len = sizeof(int);
	int type = 0;

	return is_local_socket(fd) &&
	       !LIBC(getsockopt)(fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       type == SOCK_SEQPACKET;
}

/* Take what is said to be ours, if it is. */
static void take_own(int table, int control)
{
	if (table >= 0 && !share_attach(table)) {
		LIBC(fcntl)(table, F_SETFD, FD_CLOEXEC);
		fdtab_own(table);
	}
	if (control >= 0 && is_control(control)) {
		LIBC(fcntl)(control, F_SETFD, FD_CLOEXEC);
		client_attach(control);
	}
}

/* One of the holders that posix_spawn has left for @slot? Takes it. */
static bool take_held(struct inherit *in, const struct share_slot *slot)
{
	int i;

	for (i = 0; i < in->n_slots; i++)
		if (in->slots[i] == slot->cookie) {
			in->slots[i] = in->slots[--in->n_slots];
			return true;
		}
	return false;
}

static void adopt_numbers(struct inherit *in, int high, bool counted)
{
	struct share_slot *slot;
	int fd;

	for (fd = 0; fd < high; fd++) {
		slot = share_find(fdtab_cookie(fd));
		if (!slot || fdtab_is_any(fd))
			continue;
		sock_adopt_known(fd, !counted && !take_held(in, slot));
	}
	inherit_end(in, false); /* those that did not come here */
}

/* A daemon that runs a shell by system() cannot tell it anything. */
static void adopt_unknown(int fd)
{
	char ulp[16] = "";
	socklen_t len = sizeof(ulp);
	struct share_slot *slot;

	if (fdtab_is_any(fd) ||
	    LIBC(getsockopt)(fd, IPPROTO_TCP, TCP_ULP, ulp, &len) ||
	    strcmp(ulp, "tls") || share_open())
		return;
	slot = share_get(ENTRY_STREAM, fdtab_cookie(fd));
	if (!slot)
		return;
	share_set(slot, SHARE_ORPHAN | SHARE_RX_KERNEL);
	if (!ktls_is_receiving(fd))
		share_set(slot, SHARE_RX_DEAD); /* what comes is encrypted */
	if (sock_adopt_known(fd, false))
		share_free(slot, slot->cookie);
}

bool inherit_adopt(void)
{
	const char *state = getauxval(AT_SECURE) ? NULL
						 : getenv("KTLSHIM_STATE");
	struct inherit in = {.table = -1, .control = -1};
	int table = -1, control = -1, high = 0, used = 0, fd;

	if (state && sscanf(state, "%d,%d,%d,%n", &table, &control, &high,
			    &used) == 3) {
		bool counted = state[used] == 'x';
		const char *p = state + used;
		uint64_t cookie;

		take_own(table, control);
		while (!counted && in.n_slots < INHERIT_SLOTS_MAX &&
		       sscanf(p, "%" SCNx64 ".%n", &cookie, &used) == 1) {
			in.slots[in.n_slots++] = cookie;
			p += used;
		}
		adopt_numbers(&in, high < 0 ? 0 : high, counted);
	}
	upgraded_before = client_fd() >= 0 || (state && *state == '+');
	unsetenv("KTLSHIM_STATE");
	share_open();
	for (fd = 0; fd <= STDERR_FILENO; fd++)
		adopt_unknown(fd);
	if (fdtab_is_any(STDIN_FILENO))
		stdio_take_stdin();
	return upgraded_before;
}
