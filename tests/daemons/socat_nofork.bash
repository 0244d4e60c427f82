# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# socat nofork: the child becomes the program, which has the connection as 0 and 1
DAEMON_NEEDS=(socat:socat micro-httpd:/usr/sbin/micro-httpd)

daemon_version() { debian socat; }

daemon_start() {
	web_pages
	micro_httpd_script
	start_tls socat "$1" socat "TCP-LISTEN:$1,bind=127.0.0.1,fork" \
		"EXEC:$MICRO_HTTPD_SCRIPT,nofork"
}

daemon_check() {
	web_check
}
