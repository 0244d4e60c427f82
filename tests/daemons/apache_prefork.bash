# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Apache, prefork: processes that become www-data and take turns at accept;
# CGI; a graceful restart with connections open
DAEMON_NEEDS=(apache2-bin:apache2)
APACHE_MPM=prefork

daemon_version() { debian apache2-bin; }

apache_config() { # PORT HEADER
	local modules=/usr/lib/apache2/modules cgi=cgid
	[ "$APACHE_MPM" != prefork ] || cgi=cgi
	cat >"$DIR/apache.conf" <<-EOT
	ServerRoot $DIR/apache
	DefaultRuntimeDir $DIR/apache
	PidFile $DIR/apache/pid
	ErrorLog $DIR/apache.error.log
	ServerName localhost
	Listen 127.0.0.1:$1
	LoadModule mpm_${APACHE_MPM}_module $modules/mod_mpm_$APACHE_MPM.so
	LoadModule authz_core_module $modules/mod_authz_core.so
	LoadModule headers_module $modules/mod_headers.so
	LoadModule alias_module $modules/mod_alias.so
	LoadModule ${cgi}_module $modules/mod_$cgi.so
	User www-data
	Group www-data
	StartServers 2
	ServerLimit 4
	MaxRequestWorkers 100
	EnableSendfile On
	EnableMMAP Off
	KeepAliveTimeout 30
	Header set X-Configuration $2
	DocumentRoot $DIR/www
	ScriptAlias /cgi-bin/ $DIR/www/cgi-bin/
	EOT
	[ "$APACHE_MPM" = prefork ] ||
		sed -i 's/^MaxRequestWorkers.*/ThreadsPerChild 5\nMaxRequestWorkers 20/' \
			"$DIR/apache.conf"
}

daemon_start() {
	web_pages
	web_cgi
	ln -s "$(random_file 8000000)" "$DIR/www/bulk"
	mkdir -p "$DIR/apache"
	apache_config "$1" first
	start_tls apache "$1" apache2 -D FOREGROUND -f "$DIR/apache.conf"
}

answered_by() { # CONFIGURATION
	curl_v 1.3 -o /dev/null -D - "https://localhost:$port/index.txt" |
		grep -c "^X-Configuration: $1"
}

daemon_check() {
	web_check halfclose
	web_late_close 1.2 "${WEB_BIG[@]}"
	web_post 1.3 /cgi-bin/echo "${WEB_BIG[1]}"
	web_post 1.2 /cgi-bin/echo "${WEB_BIG[1]}"
	steps_open 1 1.3
	step 1 begin /bulk "$DIR/www/bulk"
	apache_config "$port" second
	kill -USR1 "$(cat "$DIR/apache/pid")"
	wait_until 20 answered_by second
	web_get 1.2 "${WEB_BIG[@]}"
	step 1 finish
	steps_close 1
}
