# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# capture.bash - what a wire tapper sees
#
# capture PORT, then traffic, then end_capture BYTES, which counts what is left
# of $MARKER in it.
# shellcheck disable=SC2154 # MARKER, PIDS, port come from who loads this

# From now on, all that passes PORT goes into the file "capture". A datagram to
# that port proves that the capture runs and that grep finds what is in it.
capture() { # PORT
	command -v tcpdump >/dev/null || skip "no tcpdump"
	rm -f capture # or an earlier one's probe would do
	# -Z: as itself, or it could not write here. -s: a place in the ring is
	# for the largest packet, 64 KB; -B: 2000 places, in KB, so that all is
	# there even if it does not get to run for long
	tcpdump -i lo -n -U --immediate-mode -s 66000 -B 131072 -Z root -w capture "port $1" \
		>tcpdump.log 2>&1 3>&- &
	TCPDUMP=$!
	PIDS+=("$TCPDUMP")
	wait_until 20 probe_is_captured "$1"
}

probe_is_captured() {
	[ -e capture ] || return 1
	echo "probe-$MARKER" >"/dev/udp/127.0.0.1/$1"
	# not the datagram that was sent just now: -U writes a bit later
	LC_ALL=C grep -qaF "probe-$MARKER" capture
}

# end_capture BYTES: fails unless at least BYTES were captured, without a gap.
# Then LEAKS is the number of lines with the marker, but for the probes.
end_capture() {
	# a datagram that has been written comes behind all that was before it
	echo "last-$MARKER" >"/dev/udp/127.0.0.1/$port"
	wait_until 10 grep -qaF "last-$MARKER" capture
	kill -INT "$TCPDUMP"
	wait "$TCPDUMP"
	grep '^0 packets dropped by kernel' tcpdump.log
	[ "$(stat -c %s capture)" -ge "$1" ]
	LEAKS=$(LC_ALL=C sed "s/probe-$MARKER//g; s/last-$MARKER//g" capture |
		grep -caF "$MARKER") || true
	echo "$LEAKS lines of plaintext in the capture"
}

readonly REFUSAL='HTTP/1.1 400 Bad Request|Content-Type: text/plain|X-Content-Type-Options: nosniff|Content-Length: 56|Connection: close|This is a plain HTTP request, and the port speaks HTTPS'

# What the port tells somebody who speaks no TLS: as text, nothing but the helper's
# own refusal, which is left out here.
plain_answer() {
	printf 'GET / HTTP/1.0\r\n\r\n' |
		timeout 20 curl -s -m 20 "telnet://127.0.0.1:$port" |
		LC_ALL=C tr -d '\0' | grep -aoE '[[:print:]]{4,}' |
		grep -avxE "$REFUSAL" || true
}
