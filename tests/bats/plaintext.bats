#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# plaintext.bats - clients that speak no TLS on a port that does
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() { common_setup_file; }

setup() {
	common_setup
	port=$(free_port)
}

teardown() {
	common_teardown
}

serve() { # [NAME=VALUE...]: a web server with these settings
	echo content >page
	start server "$port" env LD_PRELOAD="$LIB" "$@" \
		python3 -B -m http.server --bind 127.0.0.1 "$port"
}

# What a client gets that says this and then waits for the end.
say() { # FORMAT
	# shellcheck disable=SC2059 # it is one
	printf "$1" | timeout 20 socat -t 15 - "TCP:127.0.0.1:$port" | tr -d '\r'
	[ "${PIPESTATUS[1]}" -eq 0 ]
}

# shellcheck disable=SC2016 # for curl
readonly WRITE='%{http_code} %{redirect_url}'

@test "reject: curl is told of https, and gets nothing of the daemon's" {
	serve
	[ "$(curl -sS -w "$WRITE" "http://localhost:$port/page?x=1")" = \
		"This is a plain HTTP request, and the port speaks HTTPS: https://localhost:$port/page?x=1
400 " ]
	[ "$(curl -sS -w "$WRITE" -H Host: "http://localhost:$port/page")" = \
		"This is a plain HTTP request, and the port speaks HTTPS
400 " ]
	[ "$(tcurl "https://localhost:$port/page")" = content ]
	[ "$(grep -c 'no TLS: a plain HTTP request$' ktlshim.log)" -eq 2 ]
	[ "$(grep -c GET server.log)" -eq 1 ]
}

@test "reject: all others are closed, in silence" {
	serve
	[ -z "$(say 'EHLO a.example\r\n')" ]
	[ -z "$(say 'GET /page\r\n')" ]
	[ -z "$(say 'SSH-2.0-x\r\n' 2>/dev/null)" ]
	[ "$(grep -c 'no TLS: the client does not speak TLS$' ktlshim.log)" -eq 3 ]
}

@test "reject: a request in pieces, a long one, and one with a body" {
	serve
	[[ $({ printf 'GE'; sleep 0.2; printf 'T /page HTT'; sleep 0.2
		printf 'P/1.1\r\nHost: a.example\r\n\r\n'; sleep 0.2; } |
		timeout 20 socat -t 15 - "TCP:127.0.0.1:$port") == *"https://a.example:$port/page"* ]]
	head -c 60000 /dev/zero | tr '\0' x >long
	[[ $(curl -sS -H "Cookie: $(head -c 5000 long)" "http://localhost:$port/page") == *" https://localhost:$port/page" ]]
	# unread at close, the body would turn the answer into a reset
	[[ $(curl -sS -H Expect: --data-binary @long "http://localhost:$port/page") == *" https://localhost:$port/page" ]]
}

@test "redirect: GET and HEAD by 301, the others keep their method by 308" {
	serve KTLSHIM_PLAINTEXT=redirect
	local url=https://localhost:$port/page
	[ "$(curl -sS -o /dev/null -w "$WRITE" "http://localhost:$port/page")" = "301 $url" ]
	[ "$(curl -sS -o /dev/null -w "$WRITE" -I "http://localhost:$port/page")" = "301 $url" ]
	[ "$(curl -sS -o /dev/null -w "$WRITE" -d x "http://localhost:$port/page")" = "308 $url" ]
	[ "$(tcurl -L "http://localhost:$port/page")" = content ]
	[ "$(curl -sS -o /dev/null -w "$WRITE" -H 'Host: a.example:443' \
		"http://localhost:$port/")" = "301 https://a.example/" ]
	[ "$(grep -c 'no TLS: a plain HTTP request, redirected$' ktlshim.log)" -eq 5 ]
	[ -z "$(say 'EHLO a.example\r\n')" ]
}

@test "redirect: what could not be in a URL gets a 400" {
	serve KTLSHIM_PLAINTEXT=redirect
	local request answer
	for request in '/ HTTP/1.1\r\n' '/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n' \
		'/ HTTP/1.1\r\nHost: a\rX-Evil: y\r\n' '/ HTTP/1.1\r\nHost: a/b\r\n' \
		'/\rX-Evil: y HTTP/1.1\r\nHost: a\r\n' '* HTTP/1.1\r\nHost: a\r\n'; do
		answer=$(say "GET $request\r\n")
		echo "$request: $answer"
		[[ $answer == "HTTP/1.1 400 "* ]]
		[[ $answer != *Evil* ]]
		[[ $answer != *Location* ]]
	done
}

@test "allow: curl with and without TLS, one after the other; it is told" {
	serve KTLSHIM_PLAINTEXT=allow
	grep -q "port $port: plaintext is allowed" ktlshim.log
	for _ in 1 2; do
		[ "$(curl -sS "http://127.0.0.1:$port/page")" = content ]
		[ "$(tcurl "https://localhost:$port/page")" = content ]
	done
	[ "$(grep -c "to port $port: plaintext$" ktlshim.log)" -ge 2 ]
	[ "$(grep -c "to port $port: TLSv1.3" ktlshim.log)" -eq 2 ]
	KTLSHIM_PLAINTEXT=allow run -1 "$KTLSHIM" check
	[[ $output == *'warning: every port: plaintext is allowed'* ]]
}

@test "allow: a daemon that speaks first does, to clients that say nothing" {
	start acceptor "$port" env LD_PRELOAD="$LIB" KTLSHIM_PLAINTEXT=allow \
		KTLSHIM_HANDSHAKE_TIMEOUT=60 "$BUILD/tests/apps/acceptor" "$port" epoll
	[ "$(timeout 20 socat -u "TCP:127.0.0.1:$port" -)" = hi ]
	# who speaks TLS, or anything, does not wait for that
	exec {slow}<>"/dev/tcp/127.0.0.1/$port"
	printf '\x16' >&"$slow"
	[ "$(timeout 20 openssl s_client -quiet -connect "localhost:$port" \
		-CAfile "$CERTS/ca.pem" -verify_return_error 2>/dev/null)" = hi ]
	[ -z "$(timeout 4 cat <&"$slow")" ]
	exec {slow}>&-
	[ "$(grep -c "to port $port: plaintext$" ktlshim.log)" -eq 1 ]
	[ "$(grep -c "to port $port: TLSv1.3" ktlshim.log)" -eq 1 ]
}

four_gave_way() {
	[ "$(grep -c 'oldest gives way' ktlshim.log)" -eq 4 ]
}

@test "allow: many silent clients, some of them go away" {
	# of several workers each has an oldest
	start acceptor "$port" env LD_PRELOAD="$LIB" KTLSHIM_PLAINTEXT=allow \
		KTLSHIM_HANDSHAKES_MAX=8 KTLSHIM_WORKERS=1 \
		"$BUILD/tests/apps/acceptor" "$port" epoll
	local i fd fds=()
	for i in {1..12}; do
		exec {fd}<>"/dev/tcp/127.0.0.1/$port"
		fds+=("$fd")
	done
	# the four oldest had to give way, two more leave
	wait_until 10 four_gave_way
	fd=${fds[4]} && exec {fd}>&-
	fd=${fds[5]} && exec {fd}>&-
	for i in {6..11}; do
		[ "$(timeout 20 cat <&"${fds[i]}")" = hi ]
	done
	[ "$(grep -c "to port $port: plaintext$" ktlshim.log)" -eq 6 ]
}

is_told() { # PORT
	[[ $(curl -sS "http://127.0.0.1:$1/page") == "This is a plain"* ]]
}

@test "plaintext in a section, and at a reload" {
	local allowed
	echo content >page
	allowed=$(free_port)
	printf '%s\n' "cert = $CERTS/ca.pem" "key = $CERTS/key.pem" \
		"[$allowed]" 'plaintext = allow' >x.conf
	unset KTLSHIM_CERT KTLSHIM_KEY
	export KTLSHIM_CONF=$DIR/x.conf
	for p in "$port" "$allowed"; do
		start server "$p" env LD_PRELOAD="$LIB" \
			python3 -B -m http.server --bind 127.0.0.1 "$p"
	done
	[ "$(curl -sS "http://127.0.0.1:$allowed/page")" = content ]
	is_told "$port"
	printf '%s\n' "cert = $CERTS/ca.pem" "key = $CERTS/key.pem" >x.conf
	kill -HUP "$(helper_pid "$allowed")"
	wait_until 10 is_told "$allowed"
}

@test "allowed no more by a reload: not for who has connected before, either" {
	unset KTLSHIM_CERT KTLSHIM_KEY
	export KTLSHIM_CONF=$DIR/ktlshim.conf
	conf "cert = $CERTS/ca.pem" "key = $CERTS/key.pem" 'plaintext = allow'
	serve
	exec 5<>"/dev/tcp/127.0.0.1/$port"
	conf "cert = $CERTS/ca.pem" "key = $CERTS/key.pem"
	kill -HUP "$(helper_pid "$port")"
	wait_until 20 grep -q 'reloaded:' ktlshim.log
	# it may have been silent for long enough, and be gone
	printf 'GET /page HTTP/1.0\r\n\r\n' >&5 || true
	timeout 20 cat <&5 >out || true
	[ ! -s out ]
	grep "to port $port: no TLS: plaintext is not allowed any more" ktlshim.log
	exec 5>&-
}

@test "reject: no answer in plaintext in the middle of a handshake" {
	serve
	python3 -B - "$port" >out <<-'END'
	import socket, ssl, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
	come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
	tls = ssl.create_default_context().wrap_bio(come, go, server_hostname="x")
	try:
	    tls.do_handshake()
	except ssl.SSLWantReadError:
	    s.sendall(go.read())
	flight = s.recv(65536)
	s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	rest = b""
	try:
	    while more := s.recv(65536):
	        rest += more
	except ConnectionResetError:
	    pass
	print("HTTP" if b"HTTP" in flight + rest else "no answer")
	END
	[ "$(<out)" = 'no answer' ]
	grep "to port $port: no TLS: what follows is no TLS" ktlshim.log
}
