# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# python3 -m http.server: a thread for each connection, blocking sockets
DAEMON_NEEDS=(python3:/usr/bin/python3)

daemon_version() { debian python3; }

daemon_start() {
	web_pages
	start_tls python "$1" /usr/bin/python3 -m http.server -d "$DIR/www" \
		--bind 127.0.0.1 "$1"
}

daemon_check() {
	web_check halfclose
	web_stunnel 1.2 "${WEB_BIG[@]}"
}
