#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# receive.bats - what a daemon's read calls give, however the records arrive
#
# tests/apps/reader reads in the manner that the client (receive.py) asks for,
# the client cuts, delays and damages the ciphertext, and the server's report
# is checked against what plain TCP would have given.
# shellcheck disable=SC2086 # lists of words are meant to be split
load ../helpers

MANNERS="block lt et readv recvmsg waitall peek dontwait fionread"
setup_file() { common_setup_file; }
teardown() { common_teardown; }

setup() {
	common_setup
	port=$(free_port)
	start_tls reader "$port" "$BUILD/tests/apps/reader" "$port"
}

receive() {
	timeout 100 python3 -B "$TOP/tests/apps/receive.py" "$port" "$@"
}

# reported TEXT...: the server's next report says all of this
reported() {
	local text line
	n_reports=$((${n_reports:-0} + 1))
	wait_until 10 has_reports "$n_reports"
	line=$(grep ' end=' "$DIR/reader.log" | sed -n "${n_reports}p")
	for text; do
		[[ " $line " == *" $text "* ]] || {
			echo "no '$text' in: $line"
			return 1
		}
	done
}

has_reports() {
	[ "$(grep -c ' end=' "$DIR/reader.log")" -ge "$1" ]
}

@test "read sizes against record sizes: blocking read" {
	receive matrix block
	assert_path
}

@test "read sizes against record sizes: level-triggered epoll" {
	receive matrix lt
}

@test "read sizes against record sizes: edge-triggered epoll" {
	receive matrix et
}

@test "read sizes against record sizes: readv" {
	receive matrix readv
}

@test "read sizes against record sizes: recvmsg with several buffers" {
	receive matrix recvmsg
}

@test "read sizes against record sizes: MSG_WAITALL" {
	receive matrix waitall
}

@test "read sizes against record sizes: MSG_PEEK, then read" {
	receive matrix peek
}

@test "read sizes against record sizes: poll and MSG_DONTWAIT" {
	receive matrix dontwait
}

@test "read sizes against record sizes: what FIONREAD promises is there" {
	receive matrix fionread
}

@test "read sizes against record sizes: reads of 0 bytes in between" {
	receive matrix zero
}

@test "read sizes against record sizes: poll and blocking read" {
	receive matrix poll
}

@test "read sizes against record sizes: select and blocking read" {
	receive matrix select
}

@test "TLS 1.2 in every manner" {
	receive each old_version $MANNERS
	assert_path
}

@test "level-triggered epoll: no wake-up for nothing beyond one a segment" {
	receive wakeups lt
}

@test "edge-triggered epoll: no wake-up for nothing beyond one a segment" {
	receive wakeups et
}

@test "poll: no wake-up for nothing beyond one a segment" {
	receive wakeups dontwait
}

@test "records that are half there for a while" {
	receive each slow_record $MANNERS
}

@test "SO_RCVTIMEO: EAGAIN in time, nothing lost" {
	receive rcvtimeo
}

@test "SO_RCVTIMEO: a peer that trickles cannot prolong it" {
	receive rcvtimeo_trickle
}

@test "empty and padded records are no end of file" {
	receive each empty_records $MANNERS
}

@test "close_notify is the end, though TCP stays open" {
	for how in $MANNERS poll select; do
		receive no_fin "$how"
		reported end=eof again=eof
	done
}

@test "FIN without close_notify is ECONNRESET, again and again" {
	for how in block lt et recvmsg peek dontwait fionread; do
		receive cut_off "$how" boundary
		reported end=ECONNRESET again=ECONNRESET bytes=1000 bad=no
		receive cut_off "$how" within
		reported end=ECONNRESET again=ECONNRESET bytes=1000 bad=no
	done
}

@test "a client's reset is ECONNRESET" {
	for how in block lt et; do
		receive reset "$how"
		reported end=ECONNRESET
	done
}

@test "a corrupted record: ECONNRESET here, bad_record_mac there" {
	local version size
	for how in block lt et recvmsg peek dontwait; do
		for version in 1.3 1.2; do
			# one read takes less than a record, or all there is
			for size in 100 20000; do
				receive corrupted "$how" "$version" "$size"
				reported end=ECONNRESET again=ECONNRESET bytes=1000 bad=no
			done
		done
	done
}

@test "garbage behind a good record" {
	for how in block lt et; do
		receive garbage "$how"
		reported end=ECONNRESET again=ECONNRESET bytes=1000
	done
}

# Until then more cannot be told from a client that does not read.
@test "a corrupted record, and a server that only writes: it sees the end" {
	local what
	for what in 1.3 "1.2" "1.2 ECDHE-ECDSA-AES128-SHA256"; do
		receive deaf $what >told
		cat told
		# who has read the record says so
		[ "$KTLSHIM_TEST_PATH" = direct ] ||
			[ "$(<told)" = 'None sslv3_alert_bad_record_mac' ]
	done
	[ "$(grep -c 'how=deaf end=E' "$DIR/reader.log")" = 27 ]
}

@test "records that no honest client sends" {
	for what in too_long no_type handshake huge_header plaintext_alert; do
		receive crafted "$what"
		reported end=ECONNRESET again=ECONNRESET bytes=4
	done
}

@test "shutdown(SHUT_WR): the client sees the end, its own data arrives" {
	sent=$(receive shutwr)
	# shellcheck disable=SC2086 # two words
	reported $sent end=eof bad=no
}

@test "closing with unread bytes does not cost the client the answer" {
	receive unread
}

goodbye() { # reset|close LINE BYTES
	timeout 30 python3 -B "$TOP/tests/apps/goodbye.py" "$port" "$helper" "$@"
}

@test "a client that has gone when its handshake is done: what it sent arrives" {
	local how bytes
	stop
	cat >counter.py <<-'EOF'
	import errno, socket, sys
	listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	while True:
	    conn, total, end = listener.accept()[0], 0, "eof"
	    try:
	        while data := conn.recv(10000):
	            total += len(data)
	    except OSError as e:
	        end = errno.errorcode[e.errno]
	    print(f"bytes={total} end={end}", flush=True)
	EOF
	start_tls reader "$port" python3 -B counter.py "$port"
	helper=$(helper_pid "$port")
	for how in reset close; do
		for bytes in 0 1000 50000; do
			goodbye "$how" 'a line' "$bytes"
			reported bytes=$((bytes + 7)) end=ECONNRESET
		done
	done
	[ "$(grep -c ': TLSv1.3 .* relayed (' ktlshim.log)" -ge 3 ]
	[ "$(grep -c ': TLSv1.3 ' ktlshim.log)" -eq 6 ]
	run ! grep 'no TLS' ktlshim.log
}

@test "a client that has gone when its handshake is done: writing ends" {
	local how
	helper=$(helper_pid "$port")
	for how in reset close; do
		goodbye "$how" 'deaf 1000' 0
		wait_until 10 grep -qE 'how=deaf end=E|no first line: ' reader.log
		grep -E 'how=deaf end=(EPIPE|ECONNRESET)$|no first line: (Broken pipe|Connection reset by peer)$' reader.log
		: >reader.log
	done
}
