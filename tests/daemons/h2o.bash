# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# h2o: threads with an epoll loop each, as www-data
DAEMON_NEEDS=(h2o:h2o)

daemon_version() { debian h2o; }

daemon_start() {
	web_pages
	cat >"$DIR/h2o.conf" <<-EOT
	user: www-data
	num-threads: 2
	pid-file: $DIR/h2o.pid
	listen:
	  host: 127.0.0.1
	  port: $1
	hosts:
	  default:
	    paths:
	      /:
	        file.dir: $DIR/www
	EOT
	start_tls h2o "$1" h2o -c "$DIR/h2o.conf"
}

daemon_check() {
	web_check gnutls
}
