# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# lighttpd: level-triggered epoll, sendfile, becomes www-data; CGI
DAEMON_NEEDS=(lighttpd:lighttpd)

daemon_version() { debian lighttpd; }

daemon_start() {
	web_pages
	web_cgi
	cat >"$DIR/lighttpd.conf" <<-EOT
	server.modules = ("mod_cgi")
	server.document-root = "$DIR/www"
	server.bind = "127.0.0.1"
	server.port = $1
	server.username = "www-data"
	server.groupname = "www-data"
	server.errorlog = "$DIR/lighttpd.error.log"
	server.network-backend = "sendfile"
	server.upload-dirs = ("/tmp")
	mimetype.assign = ("" => "text/plain")
	\$HTTP["url"] =~ "^/cgi-bin/" { cgi.assign = ("" => "") }
	EOT
	start_tls lighttpd "$1" lighttpd -D -f "$DIR/lighttpd.conf"
}

daemon_check() {
	web_check python
	web_post 1.3 /cgi-bin/echo "${WEB_BIG[1]}"
	web_post 1.2 /cgi-bin/echo "${WEB_BIG[1]}"
}
