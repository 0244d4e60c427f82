# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# dns.bash - DNS over TCP in the daemon matrix, by a client of DNS over TLS
# shellcheck disable=SC2154 # DIR, CERTS, MARKER, port come from matrix.bash

# $DIR/zone, 200 KB in a transfer; its long text is 30 times 200 characters
dns_zone() {
	local i
	DNS_LONG=
	for i in {10..39}; do
		DNS_LONG+="\"$i$(printf %0198d 0)\" "
	done
	DNS_LONG=${DNS_LONG% }
	{
		# shellcheck disable=SC2016 # the dollars are the zone's
		printf '$ORIGIN example.\n$TTL 60\n'
		printf '@ SOA ns admin 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n'
		printf 'marked TXT "%s"\n' "$MARKER"
		printf 'long TXT %s\n' "$DNS_LONG"
		for i in {1000..2999}; do
			printf 'h%d TXT "%s %050d"\n' "$i" "$MARKER" "$i"
		done
	} >"$DIR/zone"
}

dns() { # ARG...
	timeout 60 kdig +tls-ca="$CERTS/ca.pem" +tls-hostname=localhost +retry=0 \
		+time=30 @127.0.0.1 -p "$port" "$@"
}

# several questions on one connection, and one for each
dns_check() {
	[ "$(dns +short TXT marked.example)" = "\"$MARKER\"" ]
	[ "$(dns +short TXT long.example)" = "$DNS_LONG" ]
	dns +keepopen +short TXT marked.example TXT long.example \
		TXT marked.example >answers
	[ "$(<answers)" = "\"$MARKER\"
$DNS_LONG
\"$MARKER\"" ]
	at_once dns_long
}

dns_long() { # N
	[ "$(dns +short TXT long.example)" = "$DNS_LONG" ]
}

dns_transfer() { # N
	dns AXFR example >"axfr.$1" || return 1
	sed -n 's/^h\([0-9]*\)\.example\..*TXT\t*/h\1 TXT /p' "axfr.$1" | sort |
		cmp - <(grep ^h "$DIR/zone" | sort)
}
