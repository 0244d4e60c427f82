#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# paths.bats - direct or relayed, io_uring or epoll: the choice and its reason
# shellcheck disable=SC2030,SC2031 # each test is its own process
load ../helpers
load ../servers

setup_file() { common_setup_file; }
setup() { common_setup; }
teardown() { common_teardown; }

# up and down through a server, with both versions of TLS
works() { # PORT
	cp "$(random_file "$BULK")" "$DIR/www/bulk"
	for v in --tlsv1.3 "--tls-max 1.2"; do
		# shellcheck disable=SC2086 # two words
		tcurl $v "https://localhost:$1/bulk" -o out
		cmp out "$DIR/www/bulk"
	done
}

# why the connections took their path, once each
reasons() {
	sed -n 's/.* TLSv1.* \(direct\|relayed\)\( (.*)\)\?$/\1\2/p' "$DIR/ktlshim.log" |
		sort -u
}

@test "the log names the path, and the reason when it is the relay" {
	port=$(free_port)
	server_python "$port"
	works "$port"
	if [ "$KTLSHIM_TEST_PATH" = direct ]; then
		[ "$(reasons)" = direct ]
	else
		[ "$(reasons)" = "relayed (this kernel has no kTLS)" ]
	fi
}

@test "KTLSHIM_KTLS=off: relayed, whatever the kernel can do" {
	export KTLSHIM_KTLS=off
	port=$(free_port)
	server_nginx "$port"
	works "$port"
	[ "$(reasons)" = "relayed (kTLS is switched off)" ]
}

@test "KTLSHIM_KTLS=off: a forking server" {
	export KTLSHIM_KTLS=off
	port=$(free_port)
	server_busybox "$port"
	works "$port"
	[ "$(reasons)" = "relayed (kTLS is switched off)" ]
}

@test "a cipher that kTLS does not know is relayed, and says so" {
	port=$(free_port)
	server_python "$port"
	tcurl --tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-SHA256 \
		"https://localhost:$port/index.txt"
	[ "$KTLSHIM_TEST_PATH" = relayed ] ||
		[ "$(reasons)" = "relayed (the kernel does not take this cipher)" ]
	[ "$(count_path relayed)" -eq 1 ]
}

@test "every AEAD, TLS 1.3 and 1.2" {
	port=$(free_port)
	server_python "$port"
	cp "$(random_file 100000)" "$DIR/www/f"
	for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 \
		TLS_CHACHA20_POLY1305_SHA256; do
		tcurl --tlsv1.3 --tls13-ciphers "$suite" "https://localhost:$port/f" -o out
		cmp out www/f
	done
	for suite in ECDHE-ECDSA-AES128-GCM-SHA256 \
		ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305; do
		tcurl --tls-max 1.2 --ciphers "$suite" "https://localhost:$port/f" -o out
		cmp out www/f
	done
	# (user-mode Linux has no ChaCha20-Poly1305 for TLS: relayed there)
	[ "$KTLSHIM_TEST_PATH" = relayed ] || [ "$(count_path direct)" -ge 4 ]
}

@test "a resumed session: fewer tickets, the count is right all the same" {
	port=$(free_port)
	server_python "$port"
	for v in -tls1_3 -tls1_2; do
		printf 'GET /index.txt HTTP/1.0\r\n\r\n' |
			openssl s_client -connect "localhost:$port" "$v" -ign_eof \
				-CAfile "$CERTS/ca.pem" -sess_out sess 2>/dev/null |
			grep 'hello over TLS'
		for _ in 1 2; do
			printf 'GET /index.txt HTTP/1.0\r\n\r\n' |
				openssl s_client -connect "localhost:$port" "$v" -ign_eof \
					-CAfile "$CERTS/ca.pem" -sess_in sess 2>/dev/null >out
			grep 'hello over TLS' out
			grep '^Reused' out
		done
	done
	[ "$(grep -c ' resumed ' ktlshim.log)" -eq 4 ]
	assert_path
}

@test "KTLSHIM_RING=epoll: who waits in accept goes on waiting" {
	not_sanitized "traces, to look for leaks, and cannot be traced"
	export KTLSHIM_RING=epoll
	port=$(free_port)
	# the helper has what was the daemon's socket long before the gate is there
	start process "$port" strace -o trace -e trace=recvfrom \
		-e inject=recvfrom:delay_exit=300000 \
		"$KTLSHIM" run -- "$BUILD/tests/apps/process" "$port" linger 0
	sleep 1 # is enough to end with an error of accept()
	port_open "$port"
	[ "$(grep -c DELAYED trace)" -ge 2 ]
}

@test "KTLSHIM_RING=epoll: the same, without io_uring" {
	export KTLSHIM_RING=epoll
	port=$(free_port)
	server_nginx "$port"
	works "$port"
	local clients=()
	for i in 1 2 3 4 5 6 7 8; do
		tcurl "https://localhost:$port/bulk" -o "out$i" &
		clients+=("$!")
	done
	wait "${clients[@]}"
	for i in 1 2 3 4 5 6 7 8; do cmp "out$i" www/bulk; done
	assert_path
	# no ring: not a descriptor of that kind
	run readlink /proc/"$(helper_pid "$port")"/fd/*
	[[ $output != *io_uring* ]]
}

@test "io_uring forbidden by the kernel: epoll, and a line says so" {
	knob=/proc/sys/kernel/io_uring_disabled
	[ -w "$knob" ] || skip "this kernel cannot forbid io_uring"
	[ -n "$(command -v setpriv)" ] || skip "no setpriv"
	before=$(cat "$knob")
	echo 2 >"$knob"
	port=$(free_port)
	server_python "$port" && works "$port" || failed=1
	echo "$before" >"$knob"
	[ -z "${failed:-}" ]
	grep 'io_uring is not available (Operation not permitted): using epoll' \
		ktlshim.log
	assert_path
}

# The kernel that encrypts knows nothing of the limit: such a client has to be relayed.
@test "a client that wants short records gets them" {
	port=$(free_port)
	server_python "$port"
	cp "$(random_file 100000)" "$DIR/www/f"
	for version in -tls1_2 -tls1_3; do
		printf 'GET /f HTTP/1.0\r\n\r\n' | timeout 20 openssl s_client $version \
			-ign_eof -maxfraglen 1024 -msg -connect "127.0.0.1:$port" \
			-CAfile "$CERTS/ca.pem" -verify_return_error >out 2>err
		# "<<< TLS 1.2, RecordHeader [length 0005]", and the header in the next line
		sed -n '/^<<< .*RecordHeader/{n;s/^ *\(17\) 03 03 \(..\) \(..\).*/\2\3/p}' out |
			sort -u >lengths
		cat lengths
		[ -s lengths ]
		[ "$((16#$(tail -n 1 lengths)))" -le $((1024 + 256)) ]
		grep -q 'HTTP/1.0 200 OK' out
	done
	[ "$(count_path relayed)" -eq 2 ]
}

# A client with Nagle's algorithm keeps its request until its Finished is
# acknowledged: 40 ms, if the kernel is left to itself.
@test "without tickets: the client's Finished is acknowledged at once" {
	export KTLSHIM_NUMTICKETS=0
	port=$(free_port)
	start_tls echo "$port" "$BUILD/tests/apps/select_echo" "$port" 127.0.0.1
	delayed() { awk '/^TcpExt:/ { if (n++) print $at; else
		for (at = 1; $at != "DelayedACKs"; at++); }' /proc/net/netstat; }
	before=$(delayed)
	timeout 60 python3 -B - "$port" "$CERTS/ca.pem" <<-'EOF'
		import socket, ssl, sys
		context = ssl.create_default_context(cafile=sys.argv[2])
		for _ in range(20):
		    tcp = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		    with context.wrap_socket(tcp, server_hostname="localhost") as tls:
		        tls.sendall(b"hello")
		        assert tls.recv(5) == b"hello"
	EOF
	[ $(($(delayed) - before)) -lt 10 ]
}
