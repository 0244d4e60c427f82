#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# workers.bats - a helper with several threads, which share the connections
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a process of its own
load ../helpers
load ../servers
load ../clients

bats_require_minimum_version 1.5.0

setup_file() { common_setup_file; }

setup() {
	common_setup
	port=$(free_port)
	export KTLSHIM_HANDSHAKE_TIMEOUT=100
}

teardown() {
	[ -z "${STOPPED:-}" ] || kill -CONT "$STOPPED" 2>/dev/null || true
	common_teardown
	[ -z "${OWN:-}" ] || rm -rf "$OWN"
}

# threads PID: its threads by number; not those of io_uring, nor a sanitizer's
threads() {
	local t
	for t in "/proc/$1"/task/*; do
		[[ ${t##*/} != "$1" && $(<"$t/comm") != ktlshim-worker ]] || echo "$t"
	done
}

# has_threads COUNT COMMAND...: that many, if the server is started by it
has_threads() {
	start "a$port" "$port" "${@:2}" env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$port" block
	helper=$(helper_pid "$port")
	threads "$helper" >found
	[ "$(wc -l <found)" -eq "$1" ] || {
		cat found
		return 1
	}
	stop
	wait_gone "$helper" 10 # the port is the next one's
}

# hold COUNT: clients that are connected and say nothing
hold() {
	mkfifo "$DIR/stop"
	timeout 100 python3 -B "$TOP/tests/apps/hostile.py" "$port" hold "$1" silent \
		<"$DIR/stop" >"$DIR/hold.log" 2>&1 3>&- &
	PIDS+=("$!")
	exec 9>"$DIR/stop"
	wait_until 30 grep -q ready "$DIR/hold.log"
}

# keep COUNT: as many connections, which `step` asks for something
keep() {
	mkfifo "$DIR/steps"
	timeout 200 python3 -B "$TOP/tests/apps/keep.py" "$port" "$CERTS/ca.pem" "$1" \
		<"$DIR/steps" >"$DIR/keep.out" 2>"$DIR/keep.log" 3>&- &
	KEEP=$!
	PIDS+=("$KEEP")
	exec 8>"$DIR/steps"
	wait_until 60 grep -q ready "$DIR/keep.out"
	steps=0
}

step() { # PATH SIZE
	echo "get $*" >&8
	steps=$((steps + 1))
	wait_until 60 has_done "$steps"
}

has_done() {
	[ "$(grep -c ok "$DIR/keep.out")" -ge "$1" ] || {
		not_running "$KEEP" && exit 1
	}
}

count_fds() {
	find "/proc/$1/fd" -mindepth 1 -printf x | wc -c
}

has_fds() { # PID COUNT, or fewer
	[ "$(count_fds "$1")" -le "$2" ]
}

@test "as many threads as asked for, else as processors" {
	local all
	all=$(nproc)
	[ "$all" -le 16 ] || all=16
	has_threads "$all" env
	has_threads 1 taskset -c 0
	export KTLSHIM_WORKERS=1
	has_threads 1 env
	KTLSHIM_WORKERS=5 has_threads 5 env KTLSHIM_RING=epoll
	KTLSHIM_WORKERS=32 has_threads 32 taskset -c 0
	KTLSHIM_WORKERS=auto has_threads 1 taskset -c 0
}

@test "a limit that allows no more threads: fewer, and the log says so" {
	not_sanitized "wants a thread, too"
	# this user has no other processes; what it may read: its own directory
	local uid=54321 n
	[ "$(id -u)" -eq 0 ] || skip "cannot become another user"
	OWN=$(mktemp -d /tmp/ktlshim-test.XXXXXX)
	cp "$CERTS/ca.pem" "$CERTS/key.pem" "$LIB" "${LIB%/*}/ktlshim-helper" \
		"$BUILD/tests/apps/acceptor" "$OWN"
	chmod -R a+rX "$OWN"
	: >"$OWN/log"
	chown -R "$uid" "$OWN"
	export KTLSHIM_CERT=$OWN/ca.pem KTLSHIM_KEY=$OWN/key.pem \
		KTLSHIM_LOG=info:$OWN/log KTLSHIM_WORKERS=6
	start a "$port" prlimit --nproc=4 setpriv --reuid="$uid" --clear-groups \
		env LD_PRELOAD="$OWN/libktlshim.so" "$OWN/acceptor" "$port" block
	# three threads beside the daemon, or two: the process that has made the helper ends
	# about then
	n=$(threads "$(helper_pid "$port")" | wc -l)
	[[ $n = [23] ]]
	grep "^ktlshim: workers: $n of 6: Resource temporarily unavailable\$" "$OWN/log"
	[ "$(timeout 10 openssl s_client -connect "127.0.0.1:$port" -quiet \
		</dev/null 2>/dev/null)" = hi ]
}

# changed STEP COUNT: so many connections have made it
changed() {
	[ "$(grep -c ": $1\$" ktlshim.log)" -ge "$2" ]
}

# spread: who has the fewest is next; a connection's number tells whose it is
spread() {
	export KTLSHIM_WORKERS=3 KTLSHIM_LOG=debug:$DIR/ktlshim.log
	server_nginx "$port" 127.0.0.1
	file=$(random_file 300000)
	cp "$file" www/file
	local n=0 i held
	for i in 1 2 3; do
		for _ in 1 2; do
			tcurl -o got "https://localhost:$port/file"
			cmp got "$file"
			n=$((n + 1))
			wait_until 20 changed 'closing -> free' "$n"
		done
		# and one that says nothing
		# shellcheck disable=SC2034 # it ends with the test
		exec {held}<>"/dev/tcp/127.0.0.1/$port"
		wait_until 20 changed 'free -> handshake' $((n + i))
	done
	keep 9
	for _ in 1 2 3; do
		step file 300000
	done
	sed -n 's/^ktlshim: connection \([0-9]*\): handshake -> handoff/\1/p' ktlshim.log |
		awk '{ n[$1 % 3]++ } END { print n[0], n[1], n[2] }' >counts
	cat counts
	# relayed ones stay: the nine are three for each. Direct ones may be gone by the
	# next
	local least=1
	[ "$KTLSHIM_TEST_PATH" = direct ] || least=4
	awk -v n="$least" '$1 < n || $2 < n || $3 < n || $1 + $2 + $3 != 15 {
		exit 1
	}' counts
	exec 8>&-
	wait "$KEEP"
	assert_path
}

@test "connections are spread over all of them" {
	spread
}

@test "connections are spread over all of them, on epoll" {
	export KTLSHIM_RING=epoll
	spread
}

@test "a listener that closes among handshakes and opens again" {
	local i fds times=30
	[ "$KTLSHIM_TEST_PATH" = relayed ] || times=8 # slow there
	export KTLSHIM_WORKERS=4
	cat >reopen.py <<-'EOF'
	import socket, sys
	def serve(n):
	    s = socket.socket()
	    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	    s.bind(("127.0.0.1", int(sys.argv[1])))
	    s.listen(50)
	    for _ in range(n):
	        try:
	            c, _ = s.accept()
	            c.recv(1000)
	            c.sendall(b"HTTP/1.0 200 OK\r\n\r\nhi")
	            c.close()
	        except OSError:
	            pass
	    s.close()
	for _ in range(int(sys.argv[2])):
	    serve(5)
	print("again", flush=True)
	serve(1000000)
	EOF
	start_tls reopen "$port" python3 -B reopen.py "$port" "$times"
	helper=$(helper_pid "$port")
	fds=$(count_fds "$helper")
	for i in 1 2 3 4; do
		while ! grep -q again reopen.log; do
			curl -sk --max-time 5 -o /dev/null "https://127.0.0.1:$port/" || true
			: <>"/dev/tcp/127.0.0.1/$port" || true
		done 2>/dev/null 3>&- &
		PIDS+=("$!")
	done
	wait_until 100 grep -q again reopen.log
	for i in "${PIDS[@]:1}"; do
		wait "$i"
	done
	[ "$(curl -sk --max-time 20 "https://127.0.0.1:$port/")" = hi ]
	# of the gates and hundreds of clients nothing is left
	[ "$(helper_pid "$port")" = "$helper" ]
	wait_until 10 has_fds "$helper" "$fds"
}

@test "more than a gate holds is accepted, and the listener closed at once" {
	export KTLSHIM_WORKERS=4
	cat >all.py <<-'EOF'
	import os, socket, sys, threading, time
	def serve(c):
	    while c.recv(1000):
	        c.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100)
	    c.close()
	s = socket.socket()
	s.bind(("127.0.0.1", int(sys.argv[1])))
	s.listen(1000)
	while not os.path.exists("go"):
	    time.sleep(0.01)
	conns = [s.accept()[0] for _ in range(500)]
	s.close()
	for c in conns:
	    threading.Thread(target=serve, args=[c]).start()
	EOF
	start_tls all "$port" python3 -B all.py "$port"
	keep 500
	: >go
	step file 100
	exec 8>&-
	wait "$KEEP"
	assert_path
}

# One listener closes, a reload comes and the other has a client, all while the helper
# stands still: it finds them together. The client makes the oldest give way, who is the
# closed one's, and whose settings are gone (AddressSanitizer would see a look at them).
@test "who gives way belongs to a listener that has closed, before a reload" {
	local other
	other=$(free_port)
	export KTLSHIM_WORKERS=1 KTLSHIM_HANDSHAKES_MAX=1 KTLSHIM_LOG=debug:$DIR/ktlshim.log
	cat >two.py <<-'EOF'
	import os, socket, sys, time
	first, second = (socket.create_server(("127.0.0.1", int(p))) for p in sys.argv[1:])
	while not os.path.exists("close"):
	    time.sleep(0.01)
	first.close()
	print("closed", flush=True)
	while True:
	    c, _ = second.accept()
	    c.recv(1000)
	    c.sendall(b"HTTP/1.0 200 OK\r\n\r\nhi")
	    c.close()
	EOF
	start_tls two "$other" python3 -B two.py "$port" "$other"
	helper=$(helper_pid "$other")
	hold 1
	wait_until 10 changed 'free -> handshake' 1
	STOPPED=$helper
	kill -STOP "$helper"
	: >close
	wait_until 10 grep -q closed two.log
	kill -HUP "$helper"
	curl -sk --max-time 20 "https://127.0.0.1:$other/" >got 3>&- &
	PIDS+=("$!")
	wait_until 10 has_queued "$other"
	kill -CONT "$helper"
	wait "${PIDS[-1]}"
	[ "$(<got)" = hi ]
	has_reloaded 1
}

has_queued() { # PORT
	[ "$(ss -Hltn "sport = :$1" | awk '{ print $2 }')" -ge 1 ]
}

@test "reloads while all of them are at work" {
	local i reloads=60
	[ "$KTLSHIM_TEST_PATH" = relayed ] || reloads=15
	export KTLSHIM_WORKERS=4
	server_nginx "$port" 127.0.0.1
	head -c 100000 /dev/zero >www/file
	helper=$(helper_pid "$port")
	for i in 1 2 3 4; do
		while [ ! -e over ]; do
			tcurl -o /dev/null "https://localhost:$port/file" || echo failed
		done >"curl.$i.log" 2>&1 3>&- &
		PIDS+=("$!")
	done
	for ((i = 1; i <= reloads; i++)); do
		kill -HUP "$helper"
		wait_until 20 has_reloaded "$i"
	done
	: >over
	for i in "${PIDS[@]:1}"; do
		wait "$i"
	done
	cat curl.*.log | tee failures
	[ ! -s failures ]
	assert_path
}

has_reloaded() {
	[ "$(grep -c '^ktlshim: reloaded: ' ktlshim.log)" -ge "$1" ]
}

# options WORKERS [HELD]: what a relayed connection answers, behind HELD others
options() {
	port=$(free_port)
	KTLSHIM_WORKERS=$1 KTLSHIM_KTLS=off start_tls "with$1" "$port" \
		"$BUILD/tests/apps/sockopts" "$port" 127.0.0.1 here options
	[ -z "${2:-}" ] || hold "$2"
	timeout 60 python3 -B "$TOP/tests/apps/sockopts.py" "$port" tls 127.0.0.1 \
		"$DIR/with$1.log"
	wait_gone "$PID" 10
	grep -qx 'done' "with$1.log"
}

@test "what the daemon asks of a relayed connection reaches its thread" {
	options 1
	options 3 2
	diff with1.log with3.log
	# it is asked there, not at whatever has this number in another
	run ! grep -i EBADF with3.log
}

@test "resumption: a ticket of one thread is another's" {
	export KTLSHIM_WORKERS=2 KTLSHIM_LOG=debug:$DIR/ktlshim.log
	server_python "$port" 127.0.0.1
	timeout 20 openssl s_client -connect "127.0.0.1:$port" -sess_out s.pem -ign_eof \
		<<<$'GET / HTTP/1.0\r\n\r' >/dev/null 2>&1
	wait_until 20 changed 'closing -> free' 1
	hold 1
	run timeout 20 openssl s_client -connect "127.0.0.1:$port" -sess_in s.pem -ign_eof \
		<<<$'GET / HTTP/1.0\r\n\r'
	[[ $output == *Reused* ]]
	# the even numbers are one's, the odd ones the other's
	sed -n 's/^ktlshim: connection \([0-9]*\): handshake -> handoff/\1/p' ktlshim.log |
		awk '{ n[$1 % 2]++ } END { exit n[0] != 1 || n[1] != 1 }'
}

@test "the helper ends with the daemon, and waits for relayed connections" {
	export KTLSHIM_WORKERS=3 KTLSHIM_KTLS=off
	local file i
	server_nginx "$port" 127.0.0.1
	file=$(random_file 20000000)
	cp "$file" www/file
	helper=$(helper_pid "$port")
	for i in 1 2 3; do
		tcurl --limit-rate 5M -o "got.$i" "https://localhost:$port/file" \
			>"curl.$i.log" 2>&1 3>&- &
		PIDS+=("$!")
		wait_until 10 test -s "got.$i"
	done
	kill -QUIT "$PID" # nginx ends when all is written
	wait_gone "$PID" 20
	# some of it is still in the helper's hands
	kill -0 "${PIDS[-1]}"
	kill -0 "$helper"
	for i in "${PIDS[@]:1}"; do
		wait "$i"
	done
	for i in 1 2 3; do
		cmp "$file" "got.$i"
	done
	wait_gone "$helper" 20
}
