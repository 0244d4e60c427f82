# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# mini_httpd: forks for each connection; below a chroot, as www-data
DAEMON_NEEDS=(mini-httpd:mini_httpd)

daemon_version() { debian mini-httpd; }

daemon_start() {
	web_pages
	start_tls mini_httpd "$1" mini_httpd -D -h 127.0.0.1 -p "$1" \
		-d "$DIR/www" -r -u www-data -i "$DIR/mini_httpd.pid"
}

daemon_check() {
	web_check gnutls
}
