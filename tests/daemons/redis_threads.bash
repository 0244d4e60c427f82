# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# redis-server with threads that read and write connections in turn
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/redis.bash"
REDIS_OPTIONS=(--io-threads 2 --io-threads-do-reads yes)

# The threads have nothing to do unless many clients want something at once,
# which is a matter of chance.
redis_threads_work() {
	redis_load
	redis_cli 1.3 localhost "$port" INFO stats |
		grep -c '^io_threaded_reads_processed:[1-9]'
}

eval "redis_one_thread_$(declare -f daemon_check)"
daemon_check() {
	redis_one_thread_daemon_check
	wait_until 20 redis_threads_work
}
