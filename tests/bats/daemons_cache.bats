#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# daemons_cache.bats - the daemon matrix: stores in memory
load ../matrix
setup_file() { matrix_setup_file; }
setup() { matrix_setup; }
teardown() { matrix_teardown; }

@test "redis: snapshot in a child, a client that waits, 20 at once" { daemon redis; }
@test "redis: threads that read and write" { daemon redis_threads; }
@test "memcached" { daemon memcached; }
