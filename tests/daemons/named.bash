# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# named of bind9: libuv, several threads; DNS over TCP becomes DNS over TLS, and
# the transfer of a zone as well
DAEMON_NEEDS=(bind9:named knot-dnsutils:kdig)

daemon_version() { debian bind9; }

daemon_start() {
	dns_zone
	cat >"$DIR/named.conf" <<-EOT
	options {
		directory "$DIR";
		pid-file none;
		session-keyfile none;
		listen-on port $1 { 127.0.0.1; };
		listen-on-v6 { none; };
		recursion no;
		dnssec-validation no;
		allow-transfer { any; };
		minimal-responses yes;
	};
	controls { };
	zone "example" { type primary; file "$DIR/zone"; };
	EOT
	start_tls named "$1" named -g -n 2 -c "$DIR/named.conf"
	wait_until 20 grep -q ' running$' "$DIR/named.log"
}

daemon_check() {
	dns_check
	at_once dns_transfer
}
