#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# daemons_web.bats - the daemon matrix: web servers and proxies
load ../matrix
load ../web
setup_file() { matrix_setup_file; }
setup() { matrix_setup; }
teardown() { matrix_teardown; }

@test "nginx: two workers, sendfile, reload" { daemon nginx; }
@test "nginx: upgrade of the running binary" { daemon nginx_upgrade; }
@test "nginx: SO_REUSEPORT" { daemon nginx_reuseport; }
@test "apache prefork" { daemon apache_prefork; }
@test "apache worker" { daemon apache_worker; }
@test "apache event" { daemon apache_event; }
@test "lighttpd" { daemon lighttpd; }
@test "haproxy: tcp mode, splice" { daemon haproxy_tcp; }
@test "haproxy: http mode" { daemon haproxy_http; }
@test "haproxy: master and worker, reload" { daemon haproxy_reload; }
@test "varnish" { daemon varnish; }
@test "mini-httpd: chroot" { daemon mini_httpd; }
@test "webfs" { daemon webfs; }
@test "busybox httpd: CGI" { daemon busybox_httpd; }
@test "civetweb" { daemon civetweb; }
@test "tinyproxy" { daemon tinyproxy; }
@test "squid" { daemon squid; }
@test "h2o" { daemon h2o; }
