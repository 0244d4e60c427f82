# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# inetd.bash - what the super-servers of the daemon matrix start
# shellcheck disable=SC2034,SC2154 # see tests/matrix.bash

# micro-httpd reads and writes its connection, 0 and 1, by stdio only.
MICRO_HTTPD=/usr/sbin/micro-httpd

# For those who cannot start a command with arguments: $MICRO_HTTPD_SCRIPT
micro_httpd_script() {
	MICRO_HTTPD_SCRIPT=$DIR/serve
	printf '#!/bin/sh\nexec %s %s/www\n' "$MICRO_HTTPD" "$DIR" \
		>"$MICRO_HTTPD_SCRIPT"
	chmod 755 "$MICRO_HTTPD_SCRIPT"
}

# For those who give the program the listening socket, as 0: $ACCEPT_SCRIPT takes
# one connection (or, with FORK, one after the other) and starts micro-httpd.
accept_script() { # [FORK]
	ACCEPT_SCRIPT=$DIR/take
	cat >"$ACCEPT_SCRIPT" <<-EOT
	#!/usr/bin/perl
	open(L, "+<&=", 0) or die;
	\$SIG{CHLD} = "IGNORE";
	while (accept(C, L)) {
		if ("${1:-}" && fork()) {
			close(C);
			next;
		}
		open(STDIN, "<&", C) or die;
		open(STDOUT, ">&", C) or die;
		close(C);
		exec("$MICRO_HTTPD", "$DIR/www");
	}
	die "accept: \$!";
	EOT
	chmod 755 "$ACCEPT_SCRIPT"
}

# cat, or another echo, on the other side: it sends back all of FILE (marked)
echo_check() { # [FILE]
	local v
	marked_file
	ECHOED=${1:-marked}
	for v in 1.3 1.2; do
		tls_client echo "$v" localhost "$port" "$ECHOED"
	done
	at_once echo_one
}

echo_one() { # N
	tls_client echo "1.$((1 + $1))" localhost "$port" "$ECHOED"
}

# close_notify behind the last byte, and everything comes back after it
echo_halfclose() { # VERSION FILE
	local tls=openssl-min-proto-version=TLS$1,openssl-max-proto-version=TLS$1
	# shellcheck disable=SC2094 # it is not written
	timeout 60 socat -t 30 - "OPENSSL:localhost:$port,cafile=$CERTS/ca.pem,$tls" \
		<"$2" 2>socat.log | cmp - "$2"
}
