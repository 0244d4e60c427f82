#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# descriptors.bats - ways to let go of a connection: the client sees a clean end
# after all that was written, and the number is free for something else
bats_require_minimum_version 1.5.0
load ../helpers

setup_file() { common_setup_file; }
setup() { common_setup; }
teardown() { common_teardown; }

# The client gets the greeting, close_notify, and no error.
ends_well() { # HOW CONNECTIONS
	local i
	port=$(free_port)
	start_tls closer "$port" "$BUILD/tests/apps/closer" "$port" "$1" "$2"
	for ((i = 0; i < $2; i++)); do
		echo x | openssl s_client -connect "localhost:$port" -quiet \
			-CAfile "$CERTS/ca.pem" >"out$i" 2>"err$i"
		cat "err$i"
		[ "$(cat "out$i")" = 'hello from closer' ]
		grep -qi 'unexpected eof\|errno' "err$i" && return 1
	done
	wait_gone "$PID" 5
	assert_path
}

@test "fclose: flushed, then close_notify; the number is free" {
	ends_well fclose 3
	grep -x good closer.log
}

@test "closed by the bare system call: the number reads as what it is then" {
	ends_well syscall 3
	grep -x good closer.log
}

@test "dup2 over it" {
	ends_well dup2 3
	grep -x good closer.log
}

@test "dup, and the first of the two closed" {
	ends_well dup 3
	grep -x good closer.log
}

@test "close_range" {
	# sweeps the rest of the table too: one connection, no listener above
	ends_well close_range 1
	grep -x good closer.log
}

@test "exit, _exit, exit with the greeting still in stdio's buffer" {
	ends_well exit 1
	ends_well _exit 1
	ends_well stdio_exit 1
}

@test "fork and exec of something else in between" {
	ends_well exec 3
	grep -x good closer.log
}

@test "the client's close_notify, come before the close, resets nothing" {
	[ -n "$(command -v strace)" ] || skip "no strace"
	not_sanitized "traces, to look for leaks, and cannot be traced"
	port=$(free_port)
	# whoever answers our close_notify at once does so before the close
	start closer "$port" strace -f -o trace -e trace=close \
		-e inject=close:delay_enter=30000 \
		"$KTLSHIM" run -- "$BUILD/tests/apps/closer" "$port" dup 3
	for i in 1 2 3; do
		run -0 python3 -B - "$port" "$CERTS/ca.pem" <<-'EOF'
		import socket, ssl, sys
		context = ssl.create_default_context(cafile=sys.argv[2])
		raw = socket.create_connection(("localhost", int(sys.argv[1])), 20)
		conn = context.wrap_socket(raw, server_hostname="localhost",
		                           suppress_ragged_eofs=False)
		while conn.recv(100):
		    pass
		raw = conn.unwrap()
		print(raw.recv(1))
		EOF
		[ "$output" = "b''" ]
	done
	assert_path
}

@test "fork: the parent's close is no goodbye, the child's is" {
	ends_well fork 3
	grep -x good closer.log
}

@test "exec in the middle of a record: epoll tells the next program of the rest" {
	local v
	for v in 1_3 1_2; do
		port=$(free_port)
		start_tls half "$port" /usr/bin/python3 -B \
			"$TOP/tests/apps/half_read.py" "$port"
		echo 0123456789and the rest | timeout 20 openssl s_client -quiet \
			"-tls$v" -connect "localhost:$port" -CAfile "$CERTS/ca.pem" >out 2>err
		cat err
		[ "$(cat out)" = 'and the rest' ]
		grep -qi 'unexpected eof\|errno' err && return 1
	done
	assert_path
}
