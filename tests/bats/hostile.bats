#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# hostile.bats - clients that mean no good cost others nothing, and leave nothing
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a process of its own
load ../helpers
load ../servers
setup_file() { common_setup_file; }
teardown() { common_teardown; }

setup() {
	common_setup
	export KTLSHIM_HANDSHAKE_TIMEOUT=2
	port=$(free_port)
}

hostile() {
	timeout 100 python3 -B "$TOP/tests/apps/hostile.py" "$port" "$@"
}

# hold COUNT KIND: clients that stay until the test ends
hold() {
	mkfifo "$DIR/stop"
	hostile hold "$@" <"$DIR/stop" >"$DIR/hold.log" 2>&1 3>&- &
	PIDS+=("$!")
	exec 9>"$DIR/stop"
	wait_until 30 grep -q ready "$DIR/hold.log"
}

# within TEXT LOW HIGH: "KIND closed after A to B s" lies between
within() {
	awk -v low="$2" -v high="$3" '
		{ print }
		$4 < low || $6 > high { print "not within", low, high; bad = 1 }
		END { exit bad || !NR }' <<<"$1"
}

# below NUMBER LIMIT
below() {
	awk -v n="$1" -v limit="$2" 'BEGIN { exit !(n < limit) }' || {
		echo "$1 is not below $2"
		return 1
	}
}

count_fds() {
	find "/proc/$1/fd" -mindepth 1 -printf x | wc -c
}

has_fds() { # PID COUNT, or fewer
	[ "$(count_fds "$1")" -le "$2" ]
}

rss_kb() {
	awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

@test "what is not TLS is closed at once, what waits when its time is over" {
	server_nginx "$port" 127.0.0.1
	within "$(hostile attack 10 http sslv2 huge alert data fin fin-half \
		fin-hello)" 0 1.4
	# random bytes may begin like a long record
	within "$(hostile attack 10 silent trickle claims half unfinished)" 1.9 5
	within "$(hostile attack 10 random empty fragments)" 0 5
	grep -q 'took too long' "$DIR/ktlshim.log"
	grep -q 'does not speak TLS' "$DIR/ktlshim.log"
}

@test "a client that sends a byte a second does not prolong its time" {
	server_python "$port" 127.0.0.1
	within "$(hostile attack 3 trickle)" 1.9 3.5
}

# others_are_served COUNT: while COUNT clients of each kind do their worst
others_are_served() {
	hostile attack "$1" >"$DIR/attack.log" 2>&1 3>&- &
	attack=$!
	PIDS+=("$attack")
	wait_until 10 grep -q 'no TLS' "$DIR/ktlshim.log"
	longest=0 rounds=0
	while ! not_running "$attack"; do
		took=$(hostile request 5)
		longest=$(printf '%s\n' "$took" "$longest" | sort -g | tail -n 1)
		rounds=$((rounds + 1))
	done
	echo "longest $longest s in $rounds rounds"
	# they were served while it went on, not after it
	[ "$rounds" -ge 1 ]
	below "$longest" 1
	wait "$attack"
	# rst-record: they have gone before they could be handed over
	sed -i '/ relayed (the client has gone)$/d' "$DIR/ktlshim.log"
	assert_path
}

@test "others are served without delay during an attack on nginx" {
	server_nginx "$port" 127.0.0.1
	others_are_served 20
}

@test "others are served without delay during an attack on a queue of 5" {
	# python's http.server says listen(5)
	server_python "$port" 127.0.0.1
	others_are_served 20
}

@test "nothing is left over: descriptors, memory, processor time" {
	not_sanitized "keeps what was freed for a while"
	export KTLSHIM_HANDSHAKE_TIMEOUT=1
	server_nginx "$port" 127.0.0.1
	daemon=$(pgrep -P "$PID" | head -n 1) # a worker; the other may rest
	kill -STOP "$(pgrep -P "$PID" | tail -n 1)"
	helper=$(helper_pid "$port")
	helper_fds=$(count_fds "$helper")
	daemon_fds=$(count_fds "$daemon")
	for round in 1 2 3 4 5; do
		hostile attack 10 >"$DIR/attack.log"
		wait_until 10 has_fds "$helper" "$helper_fds"
		wait_until 10 has_fds "$daemon" "$daemon_fds"
		rss=$(rss_kb "$helper")
		echo "round $round: helper $rss kB, $(count_fds "$helper") fds," \
			"daemon $(count_fds "$daemon") fds"
		# the first rounds fill the pools
		[ "$round" -ne 2 ] || rss_before=$rss
	done
	below "$rss" $((rss_before + 400))
	ticks=$(cpu_ticks "$helper")
	sleep 1 # what is measured
	below $(($(cpu_ticks "$helper") - ticks)) 5
	below "$(hostile request 1)" 1
}

@test "10 handshakes allowed, 50 silent clients: a new one is served" {
	export KTLSHIM_HANDSHAKES_MAX=10 KTLSHIM_HANDSHAKE_TIMEOUT=60
	server_nginx "$port" 127.0.0.1
	hold 50 silent
	below "$(hostile request 5)" 1
	grep -q 'the oldest gives way' "$DIR/ktlshim.log"
}

@test "out of descriptors: the helper goes on when there are some again" {
	export KTLSHIM_HANDSHAKE_TIMEOUT=1
	start echo "$port" prlimit --nofile=60:60 "$KTLSHIM" run -- \
		"$BUILD/tests/apps/select_echo" "$port" 127.0.0.1
	hold 80 silent
	wait_until 5 grep -q 'accept: Too many open files' "$DIR/ktlshim.log"
	# those before it have to time out first
	SECONDS=0
	hostile echo
	[ "$SECONDS" -le 5 ]
}

@test "half a record does not stop a select() server with blocking reads" {
	server_echo "$port" 127.0.0.1
	hold 5 silent-record
	hostile echo
}

@test "a bad record behind a ClientHello: the whole flight and the alert come back" {
	start_tls echo "$port" "$BUILD/tests/apps/select_echo" "$port" 127.0.0.1
	timeout 30 python3 -B - "$port" "$TOP/tests/apps" <<-'EOF'
		import socket, sys
		sys.path.insert(0, sys.argv[2])
		from wireclient import client_hello
		got = b""
		with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20) as tcp:
		    tcp.sendall(client_hello() + b"\x17\3\3\0\x40" + b"x" * 64)
		    while piece := tcp.recv(65536):
		        got += piece
		kinds = []
		while got:
		    n = 5 + int.from_bytes(got[3:5], "big")
		    assert len(got) >= n, "a record is cut off"
		    kinds.append(got[0])
		    got = got[n:]
		print(kinds)
		assert kinds[0] == 22 and len(kinds) >= 3
	EOF
}
