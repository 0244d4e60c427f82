# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# ncat --sh-exec: one process takes connections, one for each copies to a shell
DAEMON_NEEDS=(ncat:ncat micro-httpd:/usr/sbin/micro-httpd)

daemon_version() { debian ncat; }

daemon_start() {
	web_pages
	start_tls ncat "$1" ncat -l 127.0.0.1 "$1" --keep-open \
		--sh-exec "exec $MICRO_HTTPD $DIR/www"
}

daemon_check() {
	web_check
}
