# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# mosquitto: one thread, epoll; a message goes to many connections at once
DAEMON_NEEDS=(mosquitto:mosquitto mosquitto-clients:mosquitto_pub)

daemon_version() { debian mosquitto; }

daemon_start() {
	key_for nobody
	cat >"$DIR/mosquitto.conf" <<-EOT
	listener $1 127.0.0.1
	allow_anonymous true
	persistence false
	log_dest stderr
	user nobody
	EOT
	start_tls mosquitto "$1" mosquitto -c "$DIR/mosquitto.conf"
}

mqtt() { # pub|sub VERSION ARG...
	local what=$1 v=$2
	shift 2
	timeout 60 stdbuf -oL "mosquitto_$what" -h localhost -p "$port" -V mqttv5 -q 1 \
		--cafile "$CERTS/ca.pem" --tls-version "tlsv$v" "$@"
}

mqtt_retained() { # N
	mqtt pub "1.$((1 + $1))" -r -t "retained/$1" -f marked
	mqtt sub "1.$((4 - $1))" -t "retained/$1" -C 1 -N | cmp - marked
}

daemon_check() {
	local pids=() i
	marked_file
	mqtt pub 1.3 -r -t "$MARKER" -m "$MARKER small"
	[ "$(mqtt sub 1.2 -t "$MARKER" -C 1)" = "$MARKER small" ]
	at_once mqtt_retained
	# two wait; both get what comes then
	for i in 2 3; do
		mqtt sub "1.$i" -t live -C 2 -d >"sub.$i" 3>&- &
		pids+=($!)
	done
	wait_until 20 grep -q SUBACK sub.2
	wait_until 20 grep -q SUBACK sub.3
	mqtt pub 1.3 -t live -m "one $MARKER"
	mqtt pub 1.2 -t live -m "two $MARKER"
	for i in "${pids[@]}"; do
		wait "$i"
	done
	for i in 2 3; do
		grep -qx "one $MARKER" "sub.$i"
		grep -qx "two $MARKER" "sub.$i"
	done
}
