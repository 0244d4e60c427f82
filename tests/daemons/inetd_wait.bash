# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# openbsd-inetd, wait: the child has the listening socket as 0 and a clean
# environment; it takes one connection from it, becomes micro-httpd and ends
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=("unpack/openbsd-inetd:$UNPACKED/openbsd-inetd/usr/sbin/inetd"
	micro-httpd:/usr/sbin/micro-httpd
	libtirpc3:/usr/lib/x86_64-linux-gnu/libtirpc.so.3
	libwrap0:/usr/lib/x86_64-linux-gnu/libwrap.so.0
	libevent-2.1-7:/usr/lib/x86_64-linux-gnu/libevent-2.1.so.7
	libbsd0:/usr/lib/x86_64-linux-gnu/libbsd.so.0)

daemon_version() { unpacked_version openbsd-inetd; }

daemon_start() {
	web_pages
	accept_script
	echo "127.0.0.1:$1 stream tcp wait.0 root $ACCEPT_SCRIPT take" \
		>"$DIR/inetd.conf"
	start_tls inetd "$1" "$UNPACKED/openbsd-inetd/usr/sbin/inetd" -i \
		"$DIR/inetd.conf"
}

daemon_check() {
	web_check
}
