# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# systemd-socket-activate --accept: a child with a clean environment for each
# connection, which becomes micro-httpd
DAEMON_NEEDS=(systemd:systemd-socket-activate micro-httpd:/usr/sbin/micro-httpd)

daemon_version() { debian systemd; }

daemon_start() {
	web_pages
	start_tls activate "$1" systemd-socket-activate -l "127.0.0.1:$1" \
		--accept --inetd "$MICRO_HTTPD" "$DIR/www"
}

daemon_check() {
	web_check
}
