# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# unbound: libevent, one thread here; DNS over TCP becomes DNS over TLS
DAEMON_NEEDS=(unbound:unbound knot-dnsutils:kdig)

daemon_version() { debian unbound; }

daemon_start() {
	dns_zone
	cat >"$DIR/unbound.conf" <<-EOT
	server:
		interface: 127.0.0.1@$1
		do-daemonize: no
		use-syslog: no
		chroot: ""
		username: nobody
		pidfile: $DIR/unbound.pid
		directory: $DIR
		do-not-query-localhost: no
		msg-buffer-size: 65552
		local-zone: "example." static
		local-data: 'marked.example. TXT "$MARKER"'
		local-data: 'long.example. TXT $DNS_LONG'
	remote-control:
		control-enable: no
	EOT
	start_tls unbound "$1" unbound -d -c "$DIR/unbound.conf"
}

daemon_check() {
	dns_check
}
