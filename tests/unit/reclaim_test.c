// SPDX-License-Identifier: MIT
/*
 * reclaim_test.c - which slots of the shared table are freed, and which never
 *
 * The helper is played here: what it answers, and what happens meanwhile.
 */
#include "../../shim/reclaim.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shim/client.h"
#include "../../shim/fdtab.h"
#include "../../shim/libc.h"
#include "../../shim/share.h"
#include "tap.h"

#define WATCHER 77

struct libc libc;

void libc_bind(void)
{
	libc.fcntl = fcntl;
}

int fdtab_move_up(int fd)
{
	return fd;
}

int fdtab_own(int fd)
{
	return fd < 0;
}

int client_fd(void)
{
	return 0;
}

static uint64_t alive; /* this cookie; all others are gone */
static uint64_t watcher = WATCHER;
static int asked;
static bool mixed;
static void (*meanwhile)(void);
static struct share_slot *one; /* the slot that a test is about */

uint64_t client_gone(const uint64_t *cookies, unsigned int n, uint32_t *gone)
{
	bool about_one = false;
	unsigned int i;

	asked += (int)n;
	*gone = 0;
	for (i = 0; i < n; i++) {
		mixed = mixed || HELD_SET(cookies[i]) != HELD_SET(cookies[0]);
		if (cookies[i] != alive)
			*gone |= UINT32_C(1) << i;
		about_one = about_one || (one && cookies[i] == one->cookie);
	}
	if (meanwhile && about_one)
		meanwhile();
	return watcher;
}

static uint64_t last_cookie = 1000;

static struct share_slot *get(int kind)
{
	struct share_slot *slot = share_get(kind, ++last_cookie);

	slot->watcher = WATCHER;
	return slot;
}

static void fill(int slots)
{
	while (share_state()->slots < slots)
		get(ENTRY_RELAYED);
}

/* Until a look is over, if there is one. */
static void look(void)
{
	int i;

	asked = 0;
	for (i = 0; i < 10000 && (!i || share_state()->look); i++)
		reclaim_some();
	meanwhile = NULL;
}

/* Is @one still there, for @cookie and with @n holders? */
static bool is_there(uint64_t cookie, uint32_t n)
{
	return share_find(cookie) == one && share_holders(one) == n;
}

static void check_marks(void)
{
	fill(RECLAIM_SLOTS_MIN - 1);
	look();
	ok(asked == 0, "below the mark nothing is asked");
	fill(RECLAIM_SLOTS_MIN);
	look();
	ok(asked == RECLAIM_SLOTS_MIN && share_state()->slots == 0,
	   "at the mark all are asked about, and freed");
	ok(!mixed, "a question is about one set");
	fill(RECLAIM_SLOTS_MIN);
	watcher = 0;
	look();
	watcher = WATCHER;
	ok(asked <= HELD_ASK_MAX &&
		   share_state()->slots == RECLAIM_SLOTS_MIN &&
		   !share_state()->look,
	   "no answer ends the look");
	fill(2 * RECLAIM_SLOTS_MIN - 1);
	look();
	ok(asked == 0, "... and the next is at twice as many");
	fill(2 * RECLAIM_SLOTS_MIN);
	look();
	ok(share_state()->slots == 0, "... which frees them");
}

static void check_chunks(void)
{
	unsigned int i;

	for (i = 0; i < RECLAIM_CHUNKS_MIN; i++) {
		one = get(ENTRY_STREAM);
		memset(&one->stream.rx, 1, sizeof(one->stream.rx));
		share_put(one, SHARE_PLAIN, (const uint8_t *)"secret", 6);
	}
	look();
	ok(!share_any_bytes() && !share_state()->slots,
	   "chunks are free again");
	for (i = 0; i < sizeof(one->stream.rx.key); i++)
		if (one->stream.rx.key[i])
			break;
	ok(i == sizeof(one->stream.rx.key), "... and the keys are wiped");
}

static void hold(void)
{
	share_hold(one);
	meanwhile = NULL;
}

static void leave(void)
{
	share_leave(one, one->cookie);
	meanwhile = NULL;
}

static void take_again(void)
{
	share_free(one, one->cookie);
	while (share_get(ENTRY_RELAYED, last_cookie + 1) != one)
		;
	one->watcher = WATCHER;
	meanwhile = NULL;
}

/* One of many, and a look. Return: its cookie. */
static uint64_t look_at_one(void (*then)(void), unsigned int holders,
			    uint32_t locked_by)
{
	uint64_t cookie;
	unsigned int i;

	one = get(ENTRY_RELAYED);
	cookie = last_cookie;
	one->lock.word = locked_by;
	for (i = 1; i < holders; i++)
		share_hold(one);
	fill(RECLAIM_SLOTS_MIN);
	meanwhile = then;
	look();
	return cookie;
}

static void clear(void)
{
	alive = 0;
	one->lock.word = 0;
	one->watcher = WATCHER;
	fill(RECLAIM_SLOTS_MIN);
	look();
}

static uint32_t dead_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return (uint32_t)pid;
}

static void check_one(void)
{
	uint64_t cookie;

	alive = last_cookie + 1;
	cookie = look_at_one(NULL, 3, 0);
	ok(is_there(cookie, 3) && share_state()->slots == 1,
	   "an open socket's slot stays, and no other");
	clear();
	ok(!share_find(cookie), "... until it is closed, with 3 holders");
	cookie = look_at_one(hold, 1, 0);
	ok(is_there(cookie, 2), "one holder more meanwhile: it stays");
	clear();
	cookie = look_at_one(leave, 2, 0);
	ok(is_there(cookie, 1), "one less meanwhile: it stays");
	clear();
	look_at_one(take_again, 1, 0);
	ok(is_there(last_cookie + 1, 1), "another's meanwhile: it stays");
	last_cookie++;
	clear();
	cookie = look_at_one(NULL, 1, 1);
	ok(is_there(cookie, 1), "locked by somebody who lives: it stays");
	clear();
	cookie = look_at_one(NULL, 1, dead_process());
	ok(!share_find(cookie), "locked by the dead: it is freed");
	one = get(ENTRY_LISTENER);
	one->watcher = WATCHER + 1;
	fill(RECLAIM_SLOTS_MIN);
	look();
	ok(share_holders(one) == 1, "another helper's: it stays");
	clear();
}

static void check_late(void)
{
	uint64_t old = look_at_one(NULL, 1, 0), new;

	new = ++last_cookie;
	while (share_get(ENTRY_RELAYED, new) != one)
		;
	ok(!share_leave(one, old) && is_there(new, 1),
	   "who had it before does not count down");
	share_free(one, old);
	ok(is_there(new, 1), "... and does not free it");
	ok(!share_retake(one, old) && share_leave(one, new),
	   "... nor take it back");
	share_free(one, new);
	ok(!share_find(new), "who has it does");
}

int main(void)
{
	libc_bind();
	if (share_open())
		return 1;
	check_marks();
	check_chunks();
	check_one();
	check_late();
	return tap_done();
}
