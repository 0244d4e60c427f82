# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# rsync --daemon: a process for each connection; then a second one in it
DAEMON_NEEDS=(rsync:rsync-ssl)

daemon_version() { debian rsync; }

daemon_start() {
	mkdir files
	random_file 200000
	cp random.200000 "$(marked_file)" files/
	cat >"$DIR/rsyncd.conf" <<-EOT
	use chroot = no
	pid file = $DIR/rsyncd.pid
	address = 127.0.0.1
	[files]
		path = $DIR/files
		comment = says $MARKER
	[up]
		path = $DIR/up
		read only = no
	EOT
	mkdir -m 777 "$DIR/up"
	start_tls rsync "$1" rsync --daemon --no-detach --config="$DIR/rsyncd.conf" \
		--port="$1"
}

# by openssl s_client, as Debian's rsync-ssl starts it
rsync_tls() {
	RSYNC_SSL_CA_CERT=$CERTS/ca.pem timeout 60 rsync-ssl --type=openssl \
		--port="$port" "$@"
}

rsync_get() { # N
	rsync_tls -a rsync://localhost/files/ "got.$1/" || return 1
	diff -r files "got.$1"
}

daemon_check() {
	rsync_tls rsync://localhost/ | grep "^files .*says $MARKER"
	at_once rsync_get
	rsync_tls -r --whole-file files/ rsync://localhost/up/
	diff -r files up
	# some of it has changed
	printf changed >>files/random.200000
	rsync_get 1
}
