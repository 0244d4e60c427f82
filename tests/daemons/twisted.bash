# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Twisted: its epoll reactor
DAEMON_NEEDS=(python3-twisted:twist3)

daemon_version() { debian python3-twisted; }

daemon_start() {
	web_pages
	start_tls twisted "$1" twist3 web --listen "tcp:$1:interface=127.0.0.1" \
		--path "$DIR/www"
}

daemon_check() {
	web_check gnutls
}
