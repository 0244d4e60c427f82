#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# daemons_data.bats - the daemon matrix: data bases, queues
load ../matrix
load ../web
load ../packages
load ../tunnel
setup_file() { matrix_setup_file; }
setup() { matrix_setup; }
teardown() { matrix_teardown; }

@test "beanstalkd: one thread, epoll" { daemon beanstalkd; }
@test "mosquitto: publish and subscribe" { daemon mosquitto; }
@test "slapd: threads" { daemon slapd; }
@test "mariadb: a thread for each connection" { daemon mariadb; }
@test "postgresql: a process for each connection" { daemon postgresql; }
