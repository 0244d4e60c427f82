// SPDX-License-Identifier: MIT
/*
 * sys.c - system calls by number, in programs of our own
 */
#include "sys.h"

long (*sys_call)(long number, ...) = syscall;
