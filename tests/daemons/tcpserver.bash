# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# tcpserver: fork, and the child becomes micro-httpd
DAEMON_NEEDS=(ucspi-tcp:tcpserver micro-httpd:/usr/sbin/micro-httpd)

daemon_version() { debian ucspi-tcp; }

daemon_start() {
	web_pages
	start_tls tcpserver "$1" tcpserver -v -R -H -l localhost -c 50 \
		127.0.0.1 "$1" "$MICRO_HTTPD" "$DIR/www"
}

daemon_check() {
	web_check
}
