# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# slapd: one thread waits in epoll, others read and write
DAEMON_NEEDS=(slapd:slapd ldap-utils:ldapsearch)

daemon_version() { debian slapd; }

daemon_start() {
	mkdir -p "$DIR/db"
	cat >"$DIR/slapd.conf" <<-EOT
	include /etc/ldap/schema/core.schema
	pidfile $DIR/slapd.pid
	sockbuf_max_incoming 1000000
	threads 4
	database ldif
	suffix "dc=example"
	directory $DIR/db
	rootdn "cn=admin,dc=example"
	rootpw secret
	EOT
	start_tls slapd "$1" slapd -h "ldap://127.0.0.1:$1" \
		-f "$DIR/slapd.conf" -d stats
}

# Not localhost: the library would take the name of the machine for it.
ldap() { # COMMAND ARG...
	local command=$1
	shift
	LDAPTLS_CACERT=$CERTS/ca.pem timeout 60 "$command" -x \
		-H "ldaps://127.0.0.1:$port" -D cn=admin,dc=example -w secret "$@"
}

# in base 64, with the name in front, as ldif has it
ldap_value() { # FILE
	printf 'description:: '
	base64 -w 0 "$1"
	echo
}

ldap_add_get() { # N
	{
		printf 'dn: o=big%d,dc=example\nobjectClass: organization\n' "$1"
		printf 'o: big%d\n' "$1"
		ldap_value limited
	} | ldap ldapadd >/dev/null
	ldap ldapsearch -LLL -o ldif-wrap=no -b dc=example "(o=big$1)" \
		description >"found.$1"
	# plain text is not in base 64
	sed -n 's/^description: //p' "found.$1" | cmp - <(cat limited; echo)
}

daemon_check() {
	# one line: plain text for ldapsearch
	marked_file
	head -c 150000 marked | tr '\n' . >limited
	ldap ldapadd <<-EOT
	dn: dc=example
	objectClass: dcObject
	objectClass: organization
	dc: example
	o: $MARKER
	EOT
	ldap ldapsearch -LLL -b dc=example "(o=$MARKER)" o >found
	grep -qx "o: $MARKER" found
	[ "$(ldap ldapwhoami)" = dn:cn=admin,dc=example ]
	at_once ldap_add_get
}
