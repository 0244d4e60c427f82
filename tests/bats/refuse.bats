#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# refuse.bats - what is wrong makes bind or listen fail, with one line why
#
# With bare LD_PRELOAD, for `ktlshim run` looks before it starts anything. And
# what is not to be upgraded is left alone.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helpers

setup_file() {
	common_setup_file
	openssl ecparam -name prime256v1 -genkey -noout \
		-out "$CERTS/other.key" 2>/dev/null
}

setup() {
	common_setup
	port=$(free_port)
	export KTLSHIM_LOG=warn
}

teardown() {
	common_teardown
	[ -z "${OPEN:-}" ] || rm -r "$OPEN"
}

port_closed() {
	! port_open "$port"
}

# refused WHERE TEXT [PORT]: acceptor's bind or listen fails, one line on
# standard error says TEXT, and nobody listens while the program still runs
refused() {
	local where=$1 text=$2 at=${3:-$port} lines
	rm -f "$DIR/out.log" # a left-over would look like the answer
	LD_PRELOAD=$LIB "$BUILD/tests/apps/acceptor" "$at" block \
		>"$DIR/out.log" 2>"$DIR/err.log" 3>&- </dev/null &
	PIDS+=("$!")
	wait_until 20 test -s "$DIR/out.log"
	cat "$DIR/out.log" "$DIR/err.log"
	grep -qE "^$where: E[A-Z]+$" "$DIR/out.log"
	lines=$(grep -c '^ktlshim: ' "$DIR/err.log")
	[ "$lines" -eq 1 ]
	[ "$(wc -l <"$DIR/err.log")" -eq 1 ]
	grep -qF -- "$text" "$DIR/err.log"
	nothing_listens "$!"
	kill "$!"
}

# nothing_listens PID: neither it nor a helper of this test's holds a port
nothing_listens() {
	local pid
	! ss -Hltnp | grep "pid=$1," || return 1
	for pid in $(helpers_of_test); do
		! ss -Hltnp | grep "pid=$pid," || return 1
	done
}

# Helpers by what is in their environment, for they have no parent.
helpers_of_test() {
	local pid
	for pid in $(pgrep -x ktlshim-helper); do
		! grep -qsaF "$BATS_RUN_TMPDIR" "/proc/$pid/environ" ||
			echo "$pid"
	done
}

# python_refused TEXT: the same with a real server, which ends
python_refused() {
	local code=0
	LD_PRELOAD=$LIB timeout 20 /usr/bin/python3 -m http.server \
		--bind 127.0.0.1 "$port" >"$DIR/python.log" 2>&1 || code=$?
	cat "$DIR/python.log"
	[ "$code" -eq 1 ]
	[ "$(grep -c '^ktlshim: ' "$DIR/python.log")" -eq 1 ]
	grep -qF -- "$1" "$DIR/python.log"
	grep -qE 'socket.bind|server_bind|server_activate' "$DIR/python.log"
	port_closed
}

# both TEXT: with the port named in bind, and with port 0 found at listen
both() {
	refused bind "$1"
	refused listen "$1" 0
	python_refused "$1"
}

@test "certificate: no such file, a directory, no PEM, empty" {
	export KTLSHIM_CERT=$DIR/none.pem
	both "$DIR/none.pem"
	for bad in "$DIR" /bin/true /dev/null; do
		export KTLSHIM_CERT=$bad
		refused bind "$bad"
	done
}

@test "key: no such file, of another certificate, no PEM" {
	export KTLSHIM_KEY=$DIR/none.key
	both "$DIR/none.key"
	export KTLSHIM_KEY=$CERTS/other.key
	both "$CERTS/other.key"
	export KTLSHIM_KEY=$CERTS/ca.pem
	refused bind "$CERTS/ca.pem"
}

@test "key: not readable for the daemon's user" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
	# bats keeps its directory to itself
	OPEN=$(mktemp -d /tmp/ktlshim-refuse.XXXXXX)
	chmod 755 "$OPEN"
	cp "$CERTS/ca.pem" "$OPEN/ca.pem"
	cp "$CERTS/key.pem" "$OPEN/secret.key"
	chmod 644 "$OPEN/ca.pem"
	chmod 600 "$OPEN/secret.key"
	export KTLSHIM_CERT=$OPEN/ca.pem KTLSHIM_KEY=$OPEN/secret.key
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		test -x "$BUILD/ktlshim-helper" ||
		skip "nobody cannot execute what is in $BUILD"
	setpriv --reuid=65534 --regid=65534 --clear-groups env \
		LD_PRELOAD="$LIB" "$BUILD/tests/apps/acceptor" "$port" block \
		>"$DIR/out.log" 2>"$DIR/err.log" 3>&- </dev/null &
	PIDS+=("$!")
	wait_until 20 test -s "$DIR/out.log"
	cat "$DIR/out.log" "$DIR/err.log"
	grep -q '^bind: E' "$DIR/out.log"
	[ "$(grep -c '^ktlshim: ' "$DIR/err.log")" -eq 1 ]
	grep -q 'secret.key.*Permission denied' "$DIR/err.log"
	port_closed
	kill "$!"
}

@test "certificate or key not named at all" {
	unset KTLSHIM_CERT
	both "KTLSHIM_CERT is not set"
	export KTLSHIM_CERT=$CERTS/ca.pem
	unset KTLSHIM_KEY
	both "KTLSHIM_CERT: certificate $CERTS/ca.pem has no private key"
}

@test "bad values" {
	for bad in 0 65536 "$port,x" ","; do
		KTLSHIM_PORTS=$bad refused bind KTLSHIM_PORTS
	done
	KTLSHIM_PORTS=x both KTLSHIM_PORTS
	KTLSHIM_KTLS=OFF refused bind KTLSHIM_KTLS
	KTLSHIM_RING=fast refused bind KTLSHIM_RING
	KTLSHIM_WORKERS=0 refused bind KTLSHIM_WORKERS
	for bad in loud info:relative; do
		KTLSHIM_LOG=$bad refused bind KTLSHIM_LOG
	done
	KTLSHIM_HANDSHAKE_TIMEOUT=0 refused bind KTLSHIM_HANDSHAKE_TIMEOUT
	KTLSHIM_HANDSHAKES_MAX=1k refused bind KTLSHIM_HANDSHAKES_MAX
}

@test "helper: not there, a directory, not executable" {
	export KTLSHIM_HELPER=/nonexistent
	both "cannot start the helper /nonexistent: No such file"
	cp "$BUILD/ktlshim-helper" "$DIR/helper"
	chmod 644 "$DIR/helper"
	export KTLSHIM_HELPER=$DIR/helper
	both "cannot start the helper $DIR/helper: Permission denied"
	KTLSHIM_HELPER=$DIR refused bind "cannot start the helper $DIR: "
}

@test "helper: ends at once, says nonsense, is no program" {
	export KTLSHIM_HELPER=/bin/false
	both "the helper did not start"
	printf '#!/bin/sh\nsleep 0.1; echo nonsense >&3\n' >"$DIR/talker"
	chmod +x "$DIR/talker"
	KTLSHIM_HELPER=$DIR/talker refused bind "the helper did not start"
	echo nonsense >"$DIR/text"
	chmod +x "$DIR/text"
	KTLSHIM_HELPER=$DIR/text refused bind "cannot start the helper"
}

@test "the helper dies between bind and listen: another one takes over" {
	export KTLSHIM_LOG=info:$DIR/ktlshim.log
	mkfifo "$DIR/go"
	LD_PRELOAD=$LIB /usr/bin/python3 - "$port" 3>&- >"$DIR/out.log" 2>&1 \
		<<-EOF &
	import socket, sys
	s = socket.socket()
	s.bind(("127.0.0.1", int(sys.argv[1])))
	print("bound", flush=True)
	open("$DIR/go").read()
	s.listen(5)
	c, _ = s.accept()
	c.send(b"hi\n")
	EOF
	PIDS+=("$!")
	wait_until 10 grep -q bound "$DIR/out.log"
	helper=$(helpers_of_test)
	kill -9 "$helper"
	wait_gone "$helper" 5
	echo >"$DIR/go"
	wait_until 10 port_open "$port"
	[ "$(hi)" = hi ]
	[ "$(helpers_of_test)" != "$helper" ]
}

@test "KTLSHIM_KTLS=require without kTLS in the kernel" {
	has_ktls && skip "this kernel has kTLS"
	export KTLSHIM_KTLS=require
	both "KTLSHIM_KTLS: require, but this kernel has no kTLS"
}

@test "KTLSHIM_KTLS=require with kTLS in the kernel" {
	has_ktls || skip "this kernel has no kTLS"
	export KTLSHIM_KTLS=require KTLSHIM_LOG=info:$DIR/ktlshim.log
	start_tls acceptor "$port" "$BUILD/tests/apps/acceptor" "$port" block
	[ "$(hi)" = hi ]
	assert_path
	# a cipher that the kernel does not have: no connection, and why
	# (-quiet: else it ends with its own input, maybe before it is refused)
	timeout 10 openssl s_client -connect "127.0.0.1:$port" -tls1_2 -cipher \
		ECDHE-ECDSA-AES128-SHA -quiet </dev/null >out 2>client.log || true
	[ ! -s out ]
	wait_until 10 grep -q 'refused: ktls = require, but ' ktlshim.log
	[ "$(hi)" = hi ]
}

# One connection to the acceptor: prints what it says.
hi() {
	timeout 10 openssl s_client -connect "127.0.0.1:$port" -quiet \
		-CAfile "$CERTS/ca.pem" -verify_return_error </dev/null \
		2>/dev/null
}

@test "a port in use: the daemon's own error, and no line of ours" {
	start plain "$port" env -u LD_PRELOAD "$BUILD/tests/apps/acceptor" \
		"$port" block
	LD_PRELOAD=$LIB "$BUILD/tests/apps/acceptor" "$port" block \
		>"$DIR/out.log" 2>"$DIR/err.log" 3>&- </dev/null &
	PIDS+=("$!")
	wait_until 20 test -s "$DIR/out.log"
	[ "$(cat "$DIR/out.log")" = "bind: EADDRINUSE" ]
	[ ! -s "$DIR/err.log" ]
	nothing_listens "$!"
	kill "$!"
	# the other one is what it was
	[ "$(head -c 3 <"/dev/tcp/127.0.0.1/$port")" = hi ]
}

@test "a port in use by another upgraded daemon" {
	start_tls first "$port" "$BUILD/tests/apps/acceptor" "$port" block
	LD_PRELOAD=$LIB "$BUILD/tests/apps/acceptor" "$port" block \
		>"$DIR/out.log" 2>"$DIR/err.log" 3>&- </dev/null &
	PIDS+=("$!")
	wait_until 20 test -s "$DIR/out.log"
	[ "$(cat "$DIR/out.log")" = "bind: EADDRINUSE" ]
	[ ! -s "$DIR/err.log" ]
	kill "$!"
	[ "$(hi)" = hi ]
}

@test "a daemon that is refused and corrected in the same place works" {
	KTLSHIM_KEY=$CERTS/other.key refused bind "$CERTS/other.key"
	start_tls acceptor "$port" "$BUILD/tests/apps/acceptor" "$port" block
	[ "$(hi)" = hi ]
}

@test "KTLSHIM_LOG=off says nothing, and refuses all the same" {
	KTLSHIM_LOG=off KTLSHIM_KEY=$CERTS/other.key LD_PRELOAD=$LIB \
		"$BUILD/tests/apps/acceptor" "$port" block \
		>"$DIR/out.log" 2>"$DIR/err.log" 3>&- </dev/null &
	PIDS+=("$!")
	wait_until 20 test -s "$DIR/out.log"
	grep -q '^bind: E' "$DIR/out.log"
	[ ! -s "$DIR/err.log" ]
	kill "$!"
}

# plain_server: a program under the shim whose sockets are not to be touched;
# $1 is the port of a plaintext server that it may call
plain_server() {
	LD_PRELOAD=$LIB timeout 30 /usr/bin/python3 - "$@" <<-'EOF'
	import os, socket, sys, threading
	a, b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), None
	a.bind(("127.0.0.1", 0))
	b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	b.sendto(b"udp", a.getsockname())
	assert a.recv(10) == b"udp"
	for kind in socket.SOCK_STREAM, socket.SOCK_SEQPACKET:
	    s = socket.socket(socket.AF_UNIX, kind)
	    s.bind("\0ktlshim-test-%d-%d" % (os.getpid(), kind))
	    s.listen(3)
	    c = socket.socket(socket.AF_UNIX, kind)
	    c.connect(s.getsockname())
	    d, _ = s.accept()
	    d.send(b"unix")
	    assert c.recv(10) == b"unix"
	    d.close()
	    assert c.recv(10) == b""
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	assert s.getpeername()[1] == int(sys.argv[1])
	assert s.recv(3) == b"hi\n", "outgoing"
	assert s.recv(3) == b""
	l, r = socket.socketpair()
	l.send(b"pair")
	assert r.recv(4) == b"pair"
	# a source port of one's own choice is no listener
	s = socket.socket()
	s.bind(("127.0.0.1", 0))
	s.connect(("127.0.0.1", int(sys.argv[1])))
	assert s.recv(3) == b"hi\n", "bound outgoing"
	print("untouched")
	EOF
}

@test "UDP, unix and outgoing sockets are untouched, and start no helper" {
	start plain "$port" "$BUILD/tests/apps/acceptor" "$port" block
	[ "$(plain_server "$port")" = untouched ]
	# not even a helper that cannot start is a reason to fail
	[ "$(KTLSHIM_HELPER=/bin/false plain_server "$port")" = untouched ]
	# nor settings that are wrong
	[ "$(KTLSHIM_CERT='' plain_server "$port")" = untouched ]
}

@test "ports that are not named stay plaintext, and start no helper" {
	export KTLSHIM_PORTS=1,$((port == 65535 ? 2 : port + 1))
	export KTLSHIM_HELPER=/bin/false # nobody may want it
	start plain "$port" env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$port" block
	[ "$(head -c 3 <"/dev/tcp/127.0.0.1/$port")" = hi ]
	[ ! -s "$DIR/err.log" ]
}

@test "one port named, one not, in one program" {
	other=$(free_port)
	export KTLSHIM_PORTS=$port KTLSHIM_LOG=info:$DIR/ktlshim.log
	mkdir "$DIR/nginx"
	cat >"$DIR/nginx.conf" <<-EOF
	daemon off; pid $DIR/nginx/pid; user root;
	error_log $DIR/nginx.error.log;
	events { }
	http { access_log off;
		server { listen 127.0.0.1:$port; location / { return 200 "one\n"; } }
		server { listen 127.0.0.1:$other; location / { return 200 "two\n"; } }
	}
	EOF
	start_tls nginx "$port" nginx -p "$DIR/nginx" -c "$DIR/nginx.conf"
	[ "$(tcurl "https://localhost:$port/")" = one ]
	[ "$(curl -sS --max-time 10 "http://127.0.0.1:$other/")" = two ]
	# and neither speaks the other's language
	if curl -sS --fail --max-time 10 "http://127.0.0.1:$port/" ||
		tcurl "https://localhost:$other/"; then
		return 1
	fi
	assert_path
}

@test "getsockopt denied, as by a sandbox: no plaintext port" {
	[ -n "$(command -v strace)" ] || skip "no strace"
	start_denied() {
		strace -D -f -o trace -e trace=getsockopt \
			-e inject=getsockopt:error=EPERM \
			env LD_PRELOAD="$LIB" "$BUILD/tests/apps/acceptor" "$port" block \
			>out.log 2>err.log 3>&- </dev/null &
		PIDS+=("$!")
	}
	start_denied
	wait_until 20 test -s out.log
	cat out.log err.log
	grep -qE '^(bind|listen): E' out.log
	port_closed
}
