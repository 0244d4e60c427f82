# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# beanstalkd: one thread, epoll, a state machine for each connection
DAEMON_NEEDS=(beanstalkd:beanstalkd)

daemon_version() { debian beanstalkd; }

daemon_start() {
	start_tls beanstalkd "$1" beanstalkd -l 127.0.0.1 -p "$1" -z 400000
}

# A job goes in, and comes out on another connection.
beanstalk_put() { # VERSION TUBE FILE
	talk "$1" <<-EOT
	send use $2
	expect USING $2
	send put 0 0 60 $(stat -c %s "$3")
	file $3
	send
	expect INSERTED [0-9]+
	close
	EOT
}

beanstalk_take() { # VERSION TUBE FILE
	talk "$1" <<-EOT
	send watch $2
	expect WATCHING 2
	send reserve-with-timeout 20
	expect RESERVED [0-9]+ $(stat -c %s "$3")
	body $3
	send
	expect $
	expect UNKNOWN_COMMAND
	send quit
	eof
	EOT
}

beanstalk_both() { # N
	beanstalk_put "1.$((1 + $1))" "tube$1" marked
	beanstalk_take "1.$((4 - $1))" "tube$1" marked
}

daemon_check() {
	marked_file
	printf '%s' "$MARKER" >small
	beanstalk_put 1.3 small small
	beanstalk_take 1.2 small small
	at_once beanstalk_both
}
