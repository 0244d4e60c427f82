#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sockets.bats - what the daemon gets from accept is as good as a TCP socket
#
# tests/apps/sockopts asks it everything, once with a plain client and without
# the library, once with a TLS client and with it. The answers must be the same.
# shellcheck disable=SC2154,SC2153 # DIR, BUILD, TOP, PID come from ../helpers
load ../helpers

setup_file() { common_setup_file; }
setup() { common_setup; }
teardown() { common_teardown; }

# answers plain|tls PART HOW ADDRESS HOST: into the file plain or tls
answers() {
	local kind=$1 part=$2 how=$3 address=$4 host=$5 with=start
	[ "$kind" = plain ] || with=start_tls
	port=$(free_port)
	"$with" "$kind" "$port" "$BUILD/tests/apps/sockopts" "$port" "$address" \
		"$how" "$part" || return 1
	timeout 60 python3 -B "$TOP/tests/apps/sockopts.py" "$port" "$kind" \
		"$host" "$DIR/$kind.log" || return 1
	wait_gone "$PID" 10 || return 1
	# not the same: the helper has set TCP_NODELAY, or a response would wait
	# behind the handshake's last flight; a local socket has no SO_REUSEADDR and
	# no POLLERR; an option that does not exist has one error
	sed '/^TCP_NODELAY: /d; /^SO_REUSEADDR: /d; /^9999 = 1: /d; /^poll: /d' \
		"$DIR/$kind.log" >"$kind"
	grep -qx 'done' "$kind"
}

# same PART [HOW [ADDRESS [HOST]]]: the answers of both are the same
same() {
	set -- "$1" "${2:-here}" "${3:-127.0.0.1}" "${4:-127.0.0.1}"
	echo "$@"
	answers plain "$@" && answers tls "$@" && diff -u plain tls && assert_path
}

# every_way PART: by accept's own number and by all that it can become. Shows
# all differences, not only the first.
every_way() {
	local how bad=0
	for how in here dup dup2 fork exec; do
		same "$1" "$how" || bad=1
	done
	[ "$bad" -eq 0 ]
}

@test "getpeername, getsockname: IPv4" {
	every_way names
}

@test "getpeername, getsockname: IPv6" {
	same names here ::1 ::1
	same names exec ::1 ::1
	same names fork :: ::1
}

@test "getpeername, getsockname: IPv4 on a listener for IPv6" {
	same names here :: 127.0.0.1
	same names exec :: 127.0.0.1
	same names dup :: 127.0.0.1
}

@test "getsockopt, setsockopt: IPv4" {
	every_way options
}

@test "getsockopt, setsockopt: IPv6" {
	same options here ::1 ::1
	same options here :: 127.0.0.1
	same options exec :: ::1
}

@test "wrong arguments of those are errors, nothing worse" {
	same misuse
	same misuse exec
}

@test "a number that was closed behind our back has its own options" {
	same reused
	same reused exec
}

@test "what a socket refuses, and sends: isatty, lseek, listen, flags of send" {
	every_way calls
}

@test "flags and calls that receive; SO_RCVTIMEO, SO_SNDTIMEO; the end" {
	every_way receive
}

@test "when both sides have shut down" {
	every_way ended
}

@test "EPIPE and SIGPIPE after shutdown(SHUT_WR), by every call that writes" {
	every_way epipe
}

@test "EPIPE and SIGPIPE after the client's reset, read or not" {
	every_way resetw
	every_way reset
}

# keepalive_is PATTERN: the keepalive timer of the one connection to PORT, as
# `ss` shows it on the server's side: "keepalive,83min,0". As long as something
# is not acknowledged it shows the timer that sends that again.
keepalive_is() {
	ss -Htno state established "sport = :$port" |
		grep "timer:(keepalive,$1"
}

@test "the keepalive timer is the client's socket's" {
	for how in here exec; do
		port=$(free_port)
		start_tls tls "$port" "$BUILD/tests/apps/sockopts" "$port" \
			127.0.0.1 "$how" keepalive
		python3 -B "$TOP/tests/apps/sockopts.py" "$port" tls 127.0.0.1 \
			"$DIR/tls.log" 3>&- &
		PIDS+=($!)
		wait_until 10 grep -qx waiting tls.log
		wait_until 10 keepalive_is '8[0-9]min'
		kill "${PIDS[-1]}"
	done
	assert_path
}

@test "what TLS cannot do is refused: SO_ZEROCOPY, MSG_OOB, another ULP" {
	for how in here exec; do
		answers tls refused "$how" 127.0.0.1 127.0.0.1
		grep 'SO_ZEROCOPY.*: EOPNOTSUPP' tls
		grep 'MSG_OOB.*: EOPNOTSUPP' tls
		grep 'TCP_ULP.*: E' tls
	done
	assert_path
}
