# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# webfsd: select, non-blocking, sendfile; as www-data
DAEMON_NEEDS=(webfs:webfsd)

daemon_version() { debian webfs; }

daemon_start() {
	web_pages
	start_tls webfs "$1" webfsd -F -i 127.0.0.1 -p "$1" -r "$DIR/www" \
		-u www-data -g www-data
}

daemon_check() {
	web_check gnutls
}
