#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# leak.bats - no plaintext leaves the machine, and the kernel says so, too
#
# The wire is looked at with tcpdump; the kernel's own account of who encrypts
# is /proc/net/tls_stat and `ss -tie`.
# shellcheck disable=SC2154,SC2153 # DIR, CERTS, PID, BUILD come from ../helpers
# shellcheck disable=SC2030,SC2031 # each test is a subshell
load ../helpers
load ../servers
load ../clients
load ../capture

MARKER=plaintext-marker-0f3a9c51

setup_file() { common_setup_file; }
setup() {
	common_setup
	port=$(free_port)
	HELD=()
}
teardown() { common_teardown; }

# ---- what a wire tapper sees

# 300 KB of markers; the name is one as well, so that heads are looked at.
marker_file() {
	mkdir -p www
	yes "$MARKER" | head -c 300000 >marked
	cp marked "www/$MARKER"
}

# leaks SERVER COMMAND...: COMMAND VERSION moves the file down and up
leaks() {
	local server=$1 v answer
	shift
	marker_file
	"$server" "$port"
	capture "$port"
	for v in 1.3 1.2; do
		"$@" "$v"
	done
	end_capture 1200000
	[ "$LEAKS" -eq 0 ]
	answer=$(plain_answer)
	echo "without TLS: $answer"
	[ -z "$answer" ]
	assert_path
}

http_both_ways() { # PATH-FOR-UPLOADS VERSION
	curl_v "$2" "https://localhost:$port/$MARKER" -o out
	cmp out marked
	curl_v "$2" "${UPLOAD[@]}" "https://localhost:$port/$1" -o out
}

@test "capture: python http.server" {
	UPLOAD=(-T marked)
	leaks server_put http_both_ways "up-$MARKER"
	cmp "www/up-$MARKER" marked
}

@test "capture: nginx with sendfile" {
	UPLOAD=(-T marked)
	leaks server_nginx http_both_ways "upload/$MARKER"
	cmp "$(cat out)" marked
}

@test "capture: busybox httpd" {
	UPLOAD=(--data-binary @marked)
	leaks server_busybox http_both_ways "cgi-bin/echo?$MARKER"
	cmp out marked
}

redis_both_ways() { # VERSION
	redis_cli "$1" localhost "$port" -x SET "$MARKER" <marked
	redis_get localhost "$port" "$1" "$MARKER" marked
}

@test "capture: redis-server" {
	leaks server_redis redis_both_ways
}

echo_both_ways() { # VERSION
	tls_client echo "$1" localhost "$port" marked
}

@test "capture: select_echo" {
	leaks server_echo echo_both_ways
}

@test "capture: the same server without the shim would be caught" {
	marker_file
	start plain "$port" python3 -m http.server -d www --bind 127.0.0.1 "$port"
	capture "$port"
	curl -sS "http://127.0.0.1:$port/$MARKER" -o out
	end_capture 300000
	[ "$LEAKS" -gt 1000 ]
	[ -n "$(plain_answer)" ]
}

# ---- the same when things go wrong

leaky() { # HOW
	start_tls leaky "$port" /usr/bin/python3 -B "$TOP/tests/apps/leaky.py" \
		"$port" "$MARKER" "$1"
}

# begin_download: of markers without end, into the file out
begin_download() {
	curl_v 1.3 "https://localhost:$port/" -o out 2>curl.log 3>&- &
	CURL=$!
	PIDS+=("$CURL")
	wait_until 20 has_more_than 300000
}

has_more_than() { # BYTES
	[ "$(stat -c %s out 2>/dev/null || echo 0)" -gt "$1" ]
}

nothing_leaked() { # BYTES that must be in the capture
	end_capture "$1"
	[ "$LEAKS" -eq 0 ]
	[ -z "$(plain_answer)" ]
}

@test "capture: what is executed without the library, with all descriptors" {
	leaky lost
	capture "$port"
	begin_download
	grep -qF "$MARKER" out
	kill -9 "$PID"
	wait_until 10 not_running "$CURL"
	nothing_leaked 300000
	grep 'accept: Invalid argument' leaky.log
	assert_path
}

@test "capture: the daemon is killed while it writes" {
	leaky flood
	capture "$port"
	begin_download
	kill -9 "$PID"
	wait_until 10 not_running "$CURL"
	nothing_leaked 300000
	assert_path
}

@test "capture: the helper is killed while the daemon writes" {
	local bytes
	leaky flood
	capture "$port"
	begin_download
	kill -9 "$(helper_pid "$port")"
	if [ "$KTLSHIM_TEST_PATH" = direct ]; then
		bytes=$(stat -c %s out)
		wait_until 20 has_more_than $((bytes + 300000))
		kill -9 "$PID"
	else
		wait_until 10 not_running "$CURL"
	fi
	nothing_leaked 300000
	assert_path
}

tried() { # PORT
	port_open "$1" || grep -q 'all tried' leaky.log
}

@test "capture: a daemon that is started wrongly, and goes on all the same" {
	not_sanitized "has to come before the library, and env does not put it there"
	local wrong
	for wrong in KTLSHIM_KEY=/etc/passwd KTLSHIM_CERT="$DIR/none" \
		KTLSHIM_HELPER=/bin/true KTLSHIM_PORTS=none; do
		port=$(free_port)
		capture "$port"
		env "$wrong" LD_PRELOAD="$BUILD/libktlshim.so" /usr/bin/python3 \
			-B "$TOP/tests/apps/leaky.py" "$port" "$MARKER" stubborn \
			>leaky.log 2>&1 3>&- &
		PIDS+=("$!")
		wait_until 20 tried "$port"
		cat leaky.log
		curl -s -m 2 -o stolen "http://127.0.0.1:$port/" && return 1
		kill -9 "${PIDS[-1]}"
		nothing_leaked 0
	done
}

# ---- what the kernel says

need_tls_stat() {
	[ "$KTLSHIM_TEST_PATH" = direct ] || skip "no kTLS in this kernel"
	[ -r /proc/net/tls_stat ] || skip "no /proc/net/tls_stat"
}

tls_stat() { # NAME
	awk -v name="$1" '$1 == name { print $2 }' /proc/net/tls_stat
}

tls_stat_is() { # NAME VALUE
	[ "$(tls_stat "$1")" -eq "$2" ]
}

# hold VERSION: a connection that stays open, until release
hold() {
	local n=${#HELD[@]} fd
	mkfifo "hold.$n"
	tls_client hold "$1" localhost "$port" <"hold.$n" >"held.$n" 3>&- &
	PIDS+=("$!")
	HELD+=("$!")
	exec {fd}>"hold.$n"
	HOLD_FDS+=("$fd")
	wait_until 20 grep -q open "held.$n"
}

# Their ends must be clean, too.
release() {
	local fd pid
	for fd in "${HOLD_FDS[@]}"; do
		exec {fd}>&-
	done
	for pid in "${HELD[@]}"; do
		wait "$pid"
	done
}

@test "tls_stat: one more for each direct connection, and back when closed" {
	need_tls_stat
	server_echo "$port"
	# the helper has asked the kernel by now: that counts as well
	local tx rx cur_tx cur_rx
	tx=$(tls_stat TlsTxSw)
	rx=$(tls_stat TlsRxSw)
	cur_tx=$(tls_stat TlsCurrTxSw)
	cur_rx=$(tls_stat TlsCurrRxSw)
	hold 1.3
	hold 1.2
	hold 1.3
	wait_until 10 tls_stat_is TlsTxSw $((tx + 3))
	[ "$(tls_stat TlsCurrTxSw)" -eq $((cur_tx + 3)) ]
	for v in 1.3 1.2 1.3 1.2; do
		tls_client echo "$v" localhost "$port" "$(random_file 100000)"
	done
	for cipher in TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256; do
		printf 'GET\n' | s_client_line 1.3 -ciphersuites "$cipher"
	done
	for cipher in ECDHE-ECDSA-AES128-GCM-SHA256 \
		ECDHE-ECDSA-CHACHA20-POLY1305; do
		printf 'GET\n' | s_client_line 1.2 -cipher "$cipher"
	done
	[ "$(tls_stat TlsTxSw)" -eq $((tx + 11)) ]
	# the receive side stays with the shim
	[ "$(tls_stat TlsRxSw)" -eq "$rx" ]
	release
	wait_until 10 tls_stat_is TlsCurrTxSw "$cur_tx"
	[ "$(tls_stat TlsCurrRxSw)" -eq "$cur_rx" ]
	[ "$(tls_stat TlsTxSw)" -eq $((tx + 11)) ]
	[ "$(tls_stat TlsDecryptError)" -eq 0 ]
	[ "$(tls_stat TlsTxDevice)" -eq 0 ]
	[ "$(count_path direct)" -eq 11 ]
	assert_path
}

# One line there and back, then the end of the stream by s_client.
s_client_line() { # VERSION ARG...
	local v=$1 line
	shift
	line=$({
		cat
		wait_until 20 grep -q . line
	} | timeout 60 openssl s_client -quiet -no_ign_eof -verify_quiet \
		-CAfile "$CERTS/ca.pem" -connect "localhost:$port" \
		"-tls${v/./_}" "$@" 2>s_client.log | tee line)
	[ "$line" = GET ]
	: >line
}

@test "tls_stat: nginx, by exactly the number of connections" {
	need_tls_stat
	marker_file
	server_nginx "$port"
	local tx cur i
	tx=$(tls_stat TlsTxSw)
	cur=$(tls_stat TlsCurrTxSw)
	for i in 1 2 3 4 5 6; do
		curl_v 1.$((2 + i % 2)) "https://localhost:$port/$MARKER" -o out
		cmp out marked
	done
	# five requests on one connection
	curl_v 1.3 "https://localhost:$port/index.txt?[1-5]" >out
	[ "$(tls_stat TlsTxSw)" -eq $((tx + 7)) ]
	wait_until 10 tls_stat_is TlsCurrTxSw "$cur"
	[ "$(count_path direct)" -eq 7 ]
}

@test "tls_stat: a cipher that the kernel cannot do is relayed, uncounted" {
	need_tls_stat
	server_echo "$port"
	local tx
	tx=$(tls_stat TlsTxSw)
	printf 'GET\n' | s_client_line 1.2 -cipher ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0
	[ "$(tls_stat TlsTxSw)" -eq "$tx" ]
	[ "$(count_path relayed)" -eq 1 ]
	[ "$(count_path direct)" -eq 0 ]
}

# Established TCP connections at the server's end: one line for each.
server_sockets() {
	ss -Htniepo state established "sport = :$port" | tr '\n' ' ' |
		sed 's/ \([0-9]* *[0-9]* *[^ ]*:'"$port"' \)/\n\1/g; s/$/\n/' |
		grep ":$port "
}

@test "ss: the open connections, who holds them, and the tls ULP" {
	server_echo "$port"
	hold 1.3
	hold 1.2
	local helper
	helper=$(helper_pid "$port")
	# shellcheck disable=SC2153 # not PIDS
	[ "$helper" -ne "$PID" ]
	server_sockets >sockets
	cat sockets
	[ "$(wc -l <sockets)" -eq 2 ]
	if [ "$KTLSHIM_TEST_PATH" = direct ]; then
		# the kernel encrypts on the daemon's own descriptor; the helper
		# has nothing of the connection any more
		[ "$(grep -c "pid=$PID," sockets)" -eq 2 ]
		[ "$(grep -c "pid=$helper," sockets)" -eq 0 ]
		[ "$(grep -c 'tcp-ulp-tls .*txconf: sw' sockets)" -eq 2 ]
		[ "$(grep -c 'tcp-ulp-tls version: 1\.3 cipher: aes-gcm-256' \
			sockets)" -eq 1 ]
		[ "$(grep -c 'tcp-ulp-tls version: 1\.2 cipher: aes-gcm-256' \
			sockets)" -eq 1 ]
	else
		# the daemon has a local socket only: nothing that it writes can
		# get to the wire but through the helper
		[ "$(grep -c "pid=$PID," sockets)" -eq 0 ]
		[ "$(grep -c "pid=$helper," sockets)" -eq 2 ]
	fi
	release
	wait_until 10 no_server_sockets
}

no_server_sockets() {
	! server_sockets | grep -q .
}
