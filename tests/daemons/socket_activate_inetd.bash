# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# systemd-socket-activate --inetd: the program has the listening socket as 0
# and 1; it forks for each connection
DAEMON_NEEDS=(systemd:systemd-socket-activate micro-httpd:/usr/sbin/micro-httpd)

daemon_version() { debian systemd; }

daemon_start() {
	web_pages
	accept_script fork
	start_tls activate "$1" systemd-socket-activate -l "127.0.0.1:$1" \
		--inetd "$ACCEPT_SCRIPT"
}

daemon_check() {
	web_check
}
