/* SPDX-License-Identifier: MIT */
/*
 * launch.h - starting the helper from inside the daemon
 */
#ifndef KTLSHIM_LAUNCH_H
#define KTLSHIM_LAUNCH_H

/**
 * launch_helper() - start a program that is not our child
 * @path:    of the helper
 * @env:     its whole environment
 * @control: becomes its HELPER_CONTROL_FD
 *
 * It has a session of its own and no descriptor of the daemon's but @control
 * and standard error; wait(2) never sees it and no SIGCHLD is sent.
 *
 * Return: 0 once the program runs, or -errno of execve(2) and the like.
 */
int launch_helper(const char *path, char *const env[], int control);

#endif
