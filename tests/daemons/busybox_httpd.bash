# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# busybox httpd: forks for each connection, blocking sockets; CGI
DAEMON_NEEDS=(busybox:busybox)

daemon_version() { debian busybox; }

daemon_start() {
	web_pages
	web_cgi
	start_preloaded busybox "$1" busybox httpd -f -p "127.0.0.1:$1" -h "$DIR/www"
}

daemon_check() {
	web_check halfclose
	web_late_close 1.2 "${WEB_BIG[@]}"
	web_post 1.3 /cgi-bin/echo "${WEB_BIG[1]}"
	web_post 1.2 /cgi-bin/echo "${WEB_BIG[1]}"
}
