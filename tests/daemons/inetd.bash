# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# openbsd-inetd, nowait: for each connection a child with a clean environment
# that becomes micro-httpd
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
	shim_for nobody
	echo "127.0.0.1:$1 stream tcp nowait.0 nobody $MICRO_HTTPD micro-httpd $DIR/www" \
		>"$DIR/inetd.conf"
	start_tls inetd "$1" "$UNPACKED/openbsd-inetd/usr/sbin/inetd" -i \
		"$DIR/inetd.conf"
}

daemon_check() {
	web_check
}
