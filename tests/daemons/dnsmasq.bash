# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# dnsmasq: a process for each connection; DNS over TCP becomes DNS over TLS
DAEMON_NEEDS=(dnsmasq-base:dnsmasq knot-dnsutils:kdig)

daemon_version() { debian dnsmasq-base; }

daemon_start() {
	dns_zone
	DNS_LONG=${DNS_LONG:0:811} # 4 strings: its lines have their limits
	cat >"$DIR/dnsmasq.conf" <<-EOT
	port=$1
	listen-address=127.0.0.1
	bind-interfaces
	no-resolv
	no-hosts
	user=root
	pid-file=$DIR/dnsmasq.pid
	local=/example/
	txt-record=marked.example,"$MARKER"
	txt-record=long.example,${DNS_LONG//\" \"/\",\"}
	EOT
	start_tls dnsmasq "$1" dnsmasq --keep-in-foreground -C "$DIR/dnsmasq.conf"
}

daemon_check() {
	dns_check
}
