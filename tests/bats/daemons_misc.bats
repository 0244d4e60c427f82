#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# daemons_misc.bats - the daemon matrix: FTP, DNS, IRC and the rest
load ../matrix
load ../web
load ../packages
load ../tunnel
load ../ftp
load ../dns
load ../irc
setup_file() { matrix_setup_file; }
setup() { matrix_setup; }
teardown() { matrix_teardown; }

@test "vsftpd: two processes for each connection" { daemon vsftpd; }
@test "vsftpd with its seccomp sandbox" { daemon vsftpd_seccomp; }
@test "pure-ftpd: a process for each connection" { daemon pure_ftpd; }
@test "named: DNS over TCP" { daemon named; }
@test "unbound: DNS over TCP" { daemon unbound; }
@test "dnsmasq: DNS over TCP, a process for each connection" { daemon dnsmasq; }
@test "ngircd: one thread" { daemon ngircd; }
@test "inspircd: one thread, epoll" { daemon inspircd; }
@test "bitlbee: a process for each connection" { daemon bitlbee; }
@test "munin-node: perl" { daemon munin_node; }
@test "mpd: one thread, epoll" { daemon mpd; }
@test "privoxy: a thread for each connection" { daemon privoxy; }
@test "distccd: waiting processes" { daemon distccd; }
@test "nbdkit: threads" { daemon nbdkit; }
