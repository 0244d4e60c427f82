#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# death.bats - the helper's life, and what its death does to whom
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a process of its own
load ../helpers
load ../servers
setup_file() { common_setup_file; }

setup() {
	common_setup
	port=$(free_port)
}

teardown() { common_teardown; }

acceptor() { # HOW
	start_tls acceptor "$port" "$BUILD/tests/apps/acceptor" "$port" "$1"
}

# One connection to the acceptor: prints what it says.
hi() {
	timeout 10 openssl s_client -connect "127.0.0.1:$port" -quiet \
		-CAfile "$CERTS/ca.pem" -verify_return_error </dev/null \
		2>/dev/null
}

death() { # SCENARIO [ARGUMENT...]
	timeout 60 python3 -B "$TOP/tests/apps/death.py" "$port" "$helper" "$@"
}

kill_helper() {
	helper=$(helper_pid "$port")
	kill -9 "$helper"
	wait_gone "$helper" 5
}

port_closed() {
	! port_open "$port"
}

# Connections are refused, and not only left alone in a queue. After a kill the
# kernel lets go of what io_uring held a moment later.
refused() {
	local code=0
	wait_until 5 port_closed
	curl -sS --max-time 5 "https://localhost:$port/" \
		>"$DIR/curl.log" 2>&1 || code=$?
	[ "$code" -eq 7 ] # could not connect
}

cpu_ticks() { # PID...
	local pid sum=0
	for pid; do
		sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$pid/stat")))
	done
	echo "$sum"
}

# does_not_spin PID...: hardly any processor time in 2 s. One that spins would
# use 200 ticks, less on a busy machine; redis has its clock.
does_not_spin() {
	local before after
	before=$(cpu_ticks "$@")
	sleep 2 # what is measured
	after=$(cpu_ticks "$@")
	echo "$((after - before)) ticks in 2 s"
	# ThreadSanitizer's own thread works, too
	[ $((after - before)) -le $((SANITIZED ? 100 : 20)) ]
}

death_is_told() { # once per process that accepts
	wait_until 5 grep -q 'helper has died' "$DIR/ktlshim.log"
	[ "$(grep -c 'helper has died' "$DIR/ktlshim.log")" -le "${1:-1}" ]
}

# ---- its death

@test "a download and the requests after it" {
	server_nginx "$port" 127.0.0.1
	cp "$(random_file "$BULK")" "$DIR/www/bulk"
	chmod a+r "$DIR/www/bulk"
	helper=$(helper_pid "$port")
	death download /bulk "$DIR/www/bulk"
	assert_path
	refused
}

@test "a connection that is being read" {
	for how in block lt et dontwait recvmsg; do
		start_tls reader "$port" "$BUILD/tests/apps/reader" "$port"
		helper=$(helper_pid "$port")
		death reader "$how"
		wait_until 5 grep -q ' end=' "$DIR/reader.log"
		cat "$DIR/reader.log"
		if [ "$KTLSHIM_TEST_PATH" = direct ]; then
			grep -q 'bytes=100006 .* end=eof' "$DIR/reader.log"
		else
			# its last words may be lost, but it is no clean end
			grep -Eq 'bytes=[06] .* end=ECONNRESET again=ECONNRESET' \
				"$DIR/reader.log"
		fi
		kill "$PID"
		wait_gone "$PID" 5
	done
}

@test "writing to a relayed connection fails" {
	[ "$KTLSHIM_TEST_PATH" = relayed ] || skip "direct: it goes on"
	server_redis "$port" 127.0.0.1
	helper=$(helper_pid "$port")
	exec 8> >(timeout 20 openssl s_client -connect "127.0.0.1:$port" \
		-quiet >"$DIR/client.log" 2>&1 3>&-)
	echo PING >&8
	wait_until 5 grep -q PONG "$DIR/client.log"
	kill_helper
	exec 8>&-
	wait_until 5 grep -qiE 'unexpected eof|errno=104' "$DIR/client.log"
}

@test "no spinning: accept with block, poll, select, epoll, epollet" {
	pids=()
	for how in block poll select epoll epollet; do
		port=$(free_port)
		start_tls "$how" "$port" "$BUILD/tests/apps/acceptor" \
			"$port" "$how"
		pids+=("$PID")
		[ "$(hi)" = hi ]
		kill_helper
		refused
		wait_until 5 grep -q "helper has died: port $port" \
			"$DIR/ktlshim.log"
	done
	does_not_spin "${pids[@]}"
	death_is_told 5
	# told once, and the loop went back to waiting
	for how in block poll select epoll epollet; do
		[ "$(grep -c '^accept: ' "$DIR/$how.log")" -le 1 ]
	done
}

@test "no spinning: three threads in accept" {
	acceptor threads
	[ "$(hi)" = hi ]
	kill_helper
	refused
	death_is_told
	does_not_spin "$PID"
}

# The first thread that notices is held up between two steps of what it does.
@test "no spinning: three threads in accept, one of them slow" {
	cat >slow.c <<-EOF
	#define _GNU_SOURCE
	#include <fcntl.h>
	#include <stdatomic.h>
	#include <sys/syscall.h>
	#include <unistd.h>
	int dup3(int from, int to, int flags)
	{
		static atomic_int calls;
		int ret = syscall(SYS_dup3, from, to, flags);
		if (++calls == 2) /* the first was for listen() */
			usleep(500000);
		return ret;
	}
	EOF
	gcc -shared -fPIC -o slow.so slow.c
	start acceptor "$port" env LD_PRELOAD="$LIB:$DIR/slow.so" \
		"$BUILD/tests/apps/acceptor" "$port" threads
	[ "$(hi)" = hi ]
	kill_helper
	refused
	death_is_told
	sleep 1 # it has gone on
	does_not_spin "$PID"
	[ "$(grep -c '^accept: ' "$DIR/acceptor.log")" -le 3 ]
}

@test "no spinning: python http.server" {
	server_python "$port" 127.0.0.1
	kill_helper
	refused
	death_is_told
	does_not_spin "$PID"
	kill -0 "$PID"
}

@test "no spinning: nginx, two workers" {
	server_nginx "$port" 127.0.0.1
	tcurl -o /dev/null "https://localhost:$port/index.txt"
	kill_helper
	refused
	death_is_told 3
	# shellcheck disable=SC2046 # several
	does_not_spin "$PID" $(pgrep -P "$PID")
	# it can still be told to end
	kill "$PID"
	wait_gone "$PID" 5
}

@test "no spinning: redis" {
	server_redis "$port" 127.0.0.1
	kill_helper
	refused
	death_is_told
	does_not_spin "$PID"
	kill "$PID"
	wait_gone "$PID" 5
}

port_shut() {
	! port_open "$port"
}

@test "after its death a restarted daemon gets another one" {
	acceptor epoll
	kill_helper
	# io_uring lets go of the killed helper's socket a moment later
	wait_until 5 port_shut
	kill "$PID"
	wait_gone "$PID" 5
	acceptor epoll
	[ "$(hi)" = hi ]
}

# ---- its life

@test "it is not the daemon's child, and in its own session" {
	acceptor block
	helper=$(helper_pid "$port")
	grep -q '^children: ECHILD sigchld: 0$' "$DIR/acceptor.log"
	read -r ppid pgrp session < <(awk '{ print $4, $5, $6 }' \
		"/proc/$helper/stat")
	[ "$ppid" -ne "$PID" ]
	# shellcheck disable=SC2034
	read -r _ daemon_session < <(awk '{ print $5, $6 }' "/proc/$PID/stat")
	[ "$session" -ne "$daemon_session" ]
	[ "$pgrp" -ne "$(awk '{ print $5 }' "/proc/$PID/stat")" ]
	# nobody to wait for it, and no terminal
	[ "$(awk '{ print $7 }' "/proc/$helper/stat")" -eq 0 ]
	[ ! -s "/proc/$PID/task/$PID/children" ]
}

@test "it holds none of the daemon's descriptors" {
	echo secret >"$DIR/held"
	start acceptor "$port" bash -c '
		exec 7<held 8>>held 9<held 33<held
		exec "$@"' x "$KTLSHIM" run -- \
		"$BUILD/tests/apps/acceptor" "$port" block
	helper=$(helper_pid "$port")
	ls -l "/proc/$PID/fd" "/proc/$helper/fd"
	# the daemon does hold them: the test can fail
	[ "$(find "/proc/$PID/fd" -lname '*/held' | wc -l)" -eq 4 ]
	[ "$(find "/proc/$helper/fd" -lname '*/held' | wc -l)" -eq 0 ]
	# nor its place in the file system, which could not be unmounted
	[ "$(readlink "/proc/$helper/cwd")" = / ]
}

@test "it ends with the daemon: SIGTERM, kill -9, io_uring, epoll" {
	for KTLSHIM_RING in io_uring epoll; do
		export KTLSHIM_RING
		for sig in TERM KILL; do
			acceptor block
			[ "$(hi)" = hi ]
			helper=$(helper_pid "$port")
			kill "-$sig" "$PID"
			wait_gone "$helper" 5
			wait_until 5 port_closed
		done
	done
}

@test "signals that end a session do not end it" {
	acceptor block
	helper=$(helper_pid "$port")
	for sig in TERM INT HUP QUIT USR1 USR2 PIPE; do
		kill "-$sig" "$helper"
	done
	[ "$(hi)" = hi ]
	[ "$(helper_pid "$port")" = "$helper" ]
}

@test "the daemon closes its listener and goes on: the port is closed" {
	acceptor block
	[ "$(hi)" = hi ]
	kill -USR1 "$PID"
	wait_until 5 port_closed
	refused
	kill -0 "$PID"
}

@test "the daemon closes its listener and opens it again at once" {
	LD_PRELOAD=$LIB timeout 60 /usr/bin/python3 - "$port" <<-'EOF'
	import socket, sys
	for i in range(30):
	    s = socket.socket()
	    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	    s.bind(("127.0.0.1", int(sys.argv[1])))
	    s.listen(5)
	    s.close()
	EOF
}

@test "it lives as long as a forked worker holds the listener" {
	acceptor fork
	helper=$(helper_pid "$port")
	wait_until 5 grep -q '^worker: ' "$DIR/acceptor.log"
	wait_gone "$PID" 5
	worker=$(sed -n 's/^worker: //p' "$DIR/acceptor.log")
	PIDS+=("$worker")
	for _ in 1 2 3; do
		[ "$(hi)" = hi ]
	done
	[ "$(helper_pid "$port")" = "$helper" ]
	kill "$worker"
	wait_gone "$helper" 5
	wait_until 5 port_closed
}

@test "a client's connection ends when the daemon is killed" {
	start_tls reader "$port" "$BUILD/tests/apps/reader" "$port"
	helper=$(helper_pid "$port")
	exec 8> >(
		timeout 20 openssl s_client -connect "127.0.0.1:$port" \
			-quiet >"$DIR/client.log" 2>&1 3>&-
		echo ended >"$DIR/ended"
	)
	echo "block 100" >&8
	wait_until 5 grep -q '^ok' "$DIR/client.log"
	kill -9 "$PID"
	wait_until 5 client_ended
	if [ "$KTLSHIM_TEST_PATH" = direct ]; then
		# without close_notify: cut off, not ended
		grep -qiE 'unexpected eof|errno=104' "$DIR/client.log"
	fi
	exec 8>&-
	wait_gone "$helper" 7
}

client_ended() { # s_client may wait for its input after it has said so
	grep -qsiE 'unexpected eof|errno=104|ended' "$DIR/client.log" \
		"$DIR/ended"
}
