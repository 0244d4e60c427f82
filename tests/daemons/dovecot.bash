# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# dovecot: imap-login, in a chroot and started with a clean environment, takes
# connections and, after the login, passes each, in the middle of the
# conversation, to an imap process of its user
DAEMON_NEEDS=(dovecot-imapd:/usr/lib/dovecot/imap)
DOVECOT_PROTOCOL=imap

daemon_version() { debian dovecot-imapd; }

daemon_start() {
	marked_file
	{
		printf 'From: a@example\nSubject: big\n\n'
		cat marked
		echo
	} | sed 's/$/\r/' >big.eml
	mkdir -m 777 "$DIR/mail"
	cat >"$DIR/dovecot.conf" <<-EOT
	protocols = $DOVECOT_PROTOCOL
	base_dir = $DIR/run
	state_dir = $DIR/state
	log_path = /dev/stderr
	listen = 127.0.0.1
	ssl = no
	disable_plaintext_auth = no
	mail_location = maildir:~/Maildir
	first_valid_uid = 1
	passdb {
		driver = static
		args = password=secret
	}
	userdb {
		driver = static
		args = uid=nobody gid=nogroup home=$DIR/mail/%u
	}
	service $DOVECOT_PROTOCOL-login {
		inet_listener $DOVECOT_PROTOCOL {
			port = $1
		}
		inet_listener ${DOVECOT_PROTOCOL}s {
			port = 0
		}
	}
	service stats {
		unix_listener stats-writer {
			mode = 0666
		}
	}
	EOT
	start_tls dovecot "$1" dovecot -F -c "$DIR/dovecot.conf"
}

imap_store_fetch() { # N [VERSION [VERSION]]
	local url="imaps://user$1:secret@localhost:$port/INBOX"
	curl_v "${2:-1.3}" -T big.eml "$url" || return 1
	curl_v "${3:-1.3}" "$url;MAILINDEX=1" >"fetched.$1" || return 1
	cmp "fetched.$1" big.eml
}

imap_talk() { # VERSION
	talk "$1" <<-EOT
	expect \\* OK
	send a CAPABILITY
	expect a OK
	send c LOGIN user3 secret
	expect c OK
	send d SELECT INBOX
	expect d OK
	send e FETCH 1 (RFC822.SIZE BODY[])
	expect \\* 1 FETCH
	body big.eml
	expect e OK
	send f CREATE $MARKER\r\ng LIST "" *\r\nh LOGOUT
	expect \\* LIST .* $MARKER$
	expect g OK
	expect \\* BYE
	expect h OK
	eof
	EOT
}

daemon_check() {
	imap_store_fetch 3 1.2 1.3
	imap_talk 1.3
	at_once imap_store_fetch
}
