# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# telnetd under openbsd-inetd: it gives a program a terminal
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=("unpack/openbsd-inetd:$UNPACKED/openbsd-inetd/usr/sbin/inetd"
	"unpack/inetutils-telnetd:$UNPACKED/inetutils-telnetd/usr/sbin/telnetd"
	busybox:busybox stunnel4:stunnel4
	libkrb5-3:/usr/lib/x86_64-linux-gnu/libkrb5.so.3
	libtinfo6:/usr/lib/x86_64-linux-gnu/libtinfo.so.6
	libtirpc3:/usr/lib/x86_64-linux-gnu/libtirpc.so.3
	libwrap0:/usr/lib/x86_64-linux-gnu/libwrap.so.0
	libevent-2.1-7:/usr/lib/x86_64-linux-gnu/libevent-2.1.so.7
	libbsd0:/usr/lib/x86_64-linux-gnu/libbsd.so.0)

daemon_version() { unpacked_version inetutils-telnetd; }

daemon_start() {
	local telnetd=$UNPACKED/inetutils-telnetd/usr/sbin/telnetd
	# stands in for login: says what is typed, shows a file, goes
	cat >"$DIR/login" <<-EOT
	#!/bin/sh
	stty -echo -onlcr
	echo ready
	read line
	echo "typed: \$line"
	cat $DIR/marked
	echo
	echo over
	read line # telnetd drops what it has when its program ends
	EOT
	chmod 755 "$DIR/login"
	echo "127.0.0.1:$1 stream tcp nowait.0 root $telnetd telnetd -h -E $DIR/login" \
		>"$DIR/inetd.conf"
	start_tls inetd "$1" "$UNPACKED/openbsd-inetd/usr/sbin/inetd" -i \
		"$DIR/inetd.conf"
}

telnet_session() { # N
	local fd pid code=0
	mkfifo "type.$1"
	busybox telnet 127.0.0.1 "$TUNNEL" <"type.$1" >"shown.$1" 2>&1 3>&- &
	pid=$!
	PIDS+=("$pid")
	exec {fd}>"type.$1"
	wait_until 30 grep -q ready "shown.$1" || return 1
	echo "$MARKER" >&"$fd"
	wait_until 30 grep -q '^over' "shown.$1" || return 1
	echo bye >&"$fd"
	wait_gone "$pid" 30 || return 1
	exec {fd}>&-
	rm "type.$1"
	tr -d '\r' <"shown.$1" | sed -n '/^typed: /,/^over/p' |
		cmp - <(echo "typed: $MARKER"; cat marked; echo; echo over)
}

daemon_check() {
	marked_file
	tunnel 1.3
	telnet_session 1
	at_once telnet_session
	tunnel 1.2
	telnet_session 3
}
