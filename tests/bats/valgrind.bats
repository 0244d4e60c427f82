#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# valgrind.bats - the helper under memcheck, over 200 mixed connections
#
# With the epoll loop memcheck sees every byte that comes in. What io_uring
# writes it does not, and would call uninitialised; so under io_uring it looks
# for everything else: what is freed, leaked, overrun, left open.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helpers
load ../servers
setup_file() { common_setup_file; }
teardown() { common_teardown; }

setup() {
	common_setup
	command -v valgrind >/dev/null || skip "no valgrind"
	export KTLSHIM_HANDSHAKE_TIMEOUT=2
	port=$(free_port)
}

# watch PROGRAM [OPTION...]: as the helper, with memcheck. It gets no PATH and
# only its own settings, so everything is written into a script.
watch() {
	local program=$1
	shift
	cat >"$DIR/helper" <<-EOF
	#!/bin/sh
	exec $(command -v valgrind) --tool=memcheck --leak-check=full \
		--show-leak-kinds=definite,indirect --track-fds=yes --vgdb=no \
		--log-file=$DIR/memcheck.txt --error-exitcode=99 $* $program
	EOF
	chmod +x "$DIR/helper"
	export KTLSHIM_HELPER=$DIR/helper
}

hostile() {
	timeout 60 python3 -B "$TOP/tests/apps/hostile.py" "$port" "$@"
}

s_client() { # OPTION...; standard input is sent
	timeout 20 openssl s_client -connect "127.0.0.1:$port" "$@" 2>/dev/null
}

get_by_s_client() {
	printf 'GET /index.txt HTTP/1.0\r\n\r\n' | s_client -quiet -ign_eof "$@"
}

# One command of s_client's for each thing it reads, hence the pauses.
commands() {
	local command
	for command; do
		sleep 0.2
		echo "$command"
	done
}

# 200 connections of every kind
mixed_connections() {
	local url=https://localhost:$port i n=0
	for i in $(seq 18); do
		tcurl --tlsv1.3 -o out13 "$url/index.txt"
		tcurl --tls-max 1.2 -o out12 "$url/index.txt"
		# relayed on any kernel: no AEAD
		tcurl --tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-SHA \
			-o outcbc "$url/index.txt"
		cmp out13 "$DIR/www/index.txt"
		cmp out12 "$DIR/www/index.txt"
		cmp outcbc "$DIR/www/index.txt"
		n=$((n + 3))
	done
	for i in 1 2 3 4; do
		tcurl -o bulk "$url/bulk"
		cmp bulk "$DIR/www/bulk"
		tcurl -T bulk "$url/upload/$i" -o /dev/null
		# one that goes away in the middle of its download
		curl -sk "$url/bulk" | head -c 1000 >/dev/null || true
		get_by_s_client -tls1_3 | grep -q hello
		get_by_s_client -tls1_2 | grep -q hello
		n=$((n + 5))
	done
	# new keys, asked for and not; renegotiation, which is refused
	commands k K k Q | s_client -tls1_3 >/dev/null || true
	commands R R Q | s_client -tls1_2 >/dev/null || true
	hostile attack 6 >/dev/null
	n=$((n + 2 + 6 * $(hostile kinds | wc -l)))
	echo "$n connections"
	[ "$n" -ge 200 ]
}

# What valgrind lists as open at the end, but for its own log, the helper's
# and the event loop itself, is left over.
left_open() {
	sed -n 's/^==[0-9]*== Open \(.*\)/\1/p' "$DIR/memcheck.txt" |
		grep -Ev 'memcheck.txt$|ktlshim.log$|descriptor [0-9]+:$'
}

n_unnamed() { # the event loop, the signals and the watch have no name
	grep -Ec '^==[0-9]*== Open file descriptor [0-9]+:( anon_inode.*)?$' \
		"$DIR/memcheck.txt"
}

watch_helper() { # [OPTION...]
	watch "$BUILD/ktlshim-helper" "$@"
	server_nginx "$port" 127.0.0.1
	head -c 1000000 /dev/urandom >"$DIR/www/bulk"
	chmod a+r "$DIR/www/bulk"
	helper=$(helper_pid "$port")
	# it is really valgrind that runs there
	[[ $(readlink "/proc/$helper/exe") == *memcheck* ]]
	# memcheck translates OpenSSL during the first handshake: half a second of
	# processor, which on a busy machine is more than the handshake's 2 s
	wait_until 30 tcurl -o /dev/null "https://localhost:$port/index.txt"
	mixed_connections
	[ "$(count_path "$KTLSHIM_TEST_PATH")" -ge 30 ]
	kill "$PID"
	wait_gone "$PID" 10
	wait_gone "$helper" 20
	head -n 40 "$DIR/memcheck.txt"
	sed -n '/FILE DESCRIPTORS/,$p' "$DIR/memcheck.txt"
	grep -q 'ERROR SUMMARY: 0 errors from 0 contexts' "$DIR/memcheck.txt"
	grep -q 'definitely lost: 0 bytes in 0 blocks' "$DIR/memcheck.txt" ||
		grep -q 'no leaks are possible' "$DIR/memcheck.txt"
	[ -z "$(left_open)" ]
	# and for each other worker: its event loop, and how to wake it; the main
	# one has to be woken then, too
	[ "$(n_unnamed)" -le $((KTLSHIM_WORKERS == 1 ? 3 : 2 + 2 * KTLSHIM_WORKERS)) ]
}

@test "memcheck, epoll: no error, no leak, no descriptor left open" {
	[ "$KTLSHIM_TEST_PATH" = relayed ] ||
		skip "the epoll loop is the same on both paths: done natively"
	export KTLSHIM_RING=epoll KTLSHIM_WORKERS=2
	# what the C library keeps for a thread that runs is "possibly lost"
	cat >thread.supp <<-'EOF'
	{
	   a thread
	   Memcheck:Leak
	   match-leak-kinds: possible
	   fun:calloc
	   ...
	   fun:_dl_allocate_tls
	   ...
	   fun:pthread_create@@GLIBC_2.34
	}
	EOF
	watch_helper --suppressions="$DIR/thread.supp"
}

@test "memcheck, io_uring: no wrong access, no leak, no descriptor left open" {
	# memcheck runs no other thread while one waits in io_uring_enter
	export KTLSHIM_RING=io_uring KTLSHIM_WORKERS=1
	watch_helper --undef-value-errors=no
}

@test "memcheck does find what is wrong" {
	cat >wrong.c <<-'EOF'
	#include <fcntl.h>
	#include <stdlib.h>
	#include <sys/socket.h>
	int main(void) {
		char *p = malloc(10);
		open("/dev/null", O_RDONLY);
		socket(AF_INET, SOCK_STREAM, 0);
		return p[3] ? (p = NULL, 1) : 0;
	}
	EOF
	gcc -g -o wrong wrong.c 2>/dev/null
	watch "$DIR/wrong"
	run "$DIR/helper"
	[ "$status" -eq 99 ]
	# what bats has open is there as well
	left_open | grep '/dev/null$'
	left_open | grep 'AF_INET socket'
}
