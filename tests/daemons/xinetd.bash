# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# xinetd, nowait: for each connection a child that closes all other descriptors
# and becomes micro-httpd
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=("unpack/xinetd:$UNPACKED/xinetd/usr/sbin/xinetd"
	micro-httpd:/usr/sbin/micro-httpd libtirpc3:/usr/lib/x86_64-linux-gnu/libtirpc.so.3
	libwrap0:/usr/lib/x86_64-linux-gnu/libwrap.so.0)

daemon_version() { unpacked_version xinetd; }

daemon_start() {
	web_pages
	shim_for nobody
	cat >"$DIR/xinetd.conf" <<-EOT
	service www
	{
		type = UNLISTED
		socket_type = stream
		protocol = tcp
		port = $1
		bind = 127.0.0.1
		wait = no
		user = nobody
		instances = UNLIMITED
		per_source = UNLIMITED
		cps = 1000 1
		server = $MICRO_HTTPD
		server_args = $DIR/www
	}
	EOT
	# it closes every number up to the hard limit, again and again
	start xinetd "$1" setsid prlimit --nofile=1024:4096 "$KTLSHIM" run -- \
		"$UNPACKED/xinetd/usr/sbin/xinetd" -dontfork \
		-f "$DIR/xinetd.conf" -pidfile "$DIR/xinetd.pid"
}

daemon_check() {
	web_check
}
