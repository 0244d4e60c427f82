# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# nginx: edge-triggered epoll, sendfile, two workers that become www-data; SIGHUP
# with connections open
DAEMON_NEEDS=(nginx-light:nginx)
NGINX_LISTEN=

daemon_version() { debian nginx; }

nginx_config() { # PORT HEADER
	cat >"$DIR/nginx.conf" <<-EOT
	worker_processes 2; pid $DIR/nginx.pid;
	error_log $DIR/nginx.error.log notice;
	events { use epoll; worker_connections 256; }
	http {
		access_log off; sendfile on; tcp_nopush on; keepalive_timeout 60;
		client_body_temp_path $DIR/nginx/b; proxy_temp_path $DIR/nginx/p;
		fastcgi_temp_path $DIR/nginx/f; uwsgi_temp_path $DIR/nginx/u;
		scgi_temp_path $DIR/nginx/s;
		add_header X-Configuration $2;
		server { listen 127.0.0.1:$1$NGINX_LISTEN; root $DIR/www; }
	}
	EOT
}

daemon_start() {
	web_pages
	# more than fits into the buffers of a connection that nobody reads
	ln -s "$(random_file 8000000)" "$DIR/www/bulk"
	mkdir -p "$DIR/nginx"
	nginx_config "$1" first
	# by its full name, which it needs again when it is upgraded
	start_tls nginx "$1" /usr/sbin/nginx -c "$DIR/nginx.conf"
}

nginx_master() {
	cat "$DIR/nginx.pid"
}

answered_by() { # CONFIGURATION
	curl_v 1.3 -o /dev/null -D - "https://localhost:$port/index.txt" |
		grep -c "^X-Configuration: $1"
}

# A response under way is finished by the old worker, an idle connection ended.
nginx_reload() {
	steps_open 1 1.3
	steps_open 2 1.2
	step 1 begin /bulk "$DIR/www/bulk"
	step 2 get "${WEB_SMALL[@]}"
	nginx_config "$port" second
	kill -HUP "$(nginx_master)"
	wait_until 20 answered_by second
	step 2 end
	steps_close 2
	web_get 1.2 "${WEB_BIG[@]}"
	step 1 finish
	step 1 end
	steps_close 1
}

daemon_check() {
	web_check gnutls
	nginx_reload
}

daemon_stop() {
	kill -QUIT "$(nginx_master)"
}
