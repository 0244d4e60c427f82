// SPDX-License-Identifier: MIT
/*
 * workers.c - the threads that handshake and relay
 */
#include "workers.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"

#define WORKERS_MAX CONF_WORKERS_MAX
#define AUTO_MAX 16 /* more have to be asked for */
/* The default is the daemon's RLIMIT_STACK; our buffers (_Thread_local) are in it */
#define STACK_BYTES (2 << 20)

struct worker {
	pthread_t thread;
	unsigned int index; /* the main thread has 0 */
	int wake;	    /* eventfd: there are jobs, or something is new */
	pthread_mutex_t lock;
	struct job *first, **last; /* under the lock */
	atomic_uint queued;	   /* jobs that are not done */
	atomic_uint load;	   /* connections */
};

static struct worker workers[WORKERS_MAX];
static unsigned int n_workers = 1;
static _Thread_local struct worker *self = &workers[0];

static pthread_rwlock_t at_work;
static void (*on_event)(const struct ring_event *);
static int (*on_tick)(void);
static sem_t started;
static int start_error; /* of the thread that starts now */
static atomic_bool ending;

static void wake(struct worker *w)
{
	const uint64_t one = 1;

	if (write(w->wake, &one, sizeof(one)) < 0)
		log_debug("worker %u is awake: %s", w->index, strerror(errno));
}

static void arm(const struct worker *w)
{
	ring_poll(RING_TAG(OP_JOBS, 0, 0), w->wake, POLLIN);
}

static struct job *take_all(struct worker *w)
{
	struct job *first;

	pthread_mutex_lock(&w->lock);
	first = w->first;
	w->first = NULL;
	w->last = &w->first;
	pthread_mutex_unlock(&w->lock);
	return first;
}

void workers_on_jobs(void)
{
	struct job *job, *next;
	uint64_t count;

	/* before the jobs are taken: who adds one now wakes us again */
	if (read(self->wake, &count, sizeof(count)) < 0)
		log_debug("woken for nothing: %s", strerror(errno));
	for (job = take_all(self); job; job = next) {
		next = job->next;
		job->run(job);
		self->queued--;
	}
	if (ending)
		workers_wake_main();
	arm(self);
}

static void run(void)
{
	int ret = 0, wait;

	arm(self);
	for (;;) {
		pthread_rwlock_rdlock(&at_work);
		/* all, before a tick may end those that have not completed */
		ring_handle(on_event);
		wait = on_tick();
		pthread_rwlock_unlock(&at_work);
		ret = ring_wait(wait);
		if (!ret)
			continue;
		log_error("%s: %s", ring_name(), strerror(-ret));
		_exit(1);
	}
}

static void *work(void *arg)
{
	int ret;

	self = arg;
	ret = ring_open_another();
	start_error = ret;
	sem_post(&started);
	if (!ret)
		run();
	return NULL;
}

static int init(struct worker *w, unsigned int index)
{
	w->index = index;
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	return w->wake < 0 ? -errno : 0;
}

static int create(struct worker *w)
{
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	ret = -pthread_create(&w->thread, &attr, work, w);
	pthread_attr_destroy(&attr);
	return ret;
}

static int start(struct worker *w, unsigned int index)
{
	int ret = init(w, index);

	if (!ret)
		ret = create(w);
	if (!ret) {
		while (sem_wait(&started))
			;
		ret = start_error;
		if (ret)
			pthread_join(w->thread, NULL);
		else
			pthread_setname_np(w->thread, "ktlshim-worker");
	}
	if (ret && w->wake >= 0)
		close(w->wake);
	return ret;
}

static unsigned int processors(void)
{
	cpu_set_t set;
	int n;

	/* more than a cpu_set_t has: EINVAL */
	if (sched_getaffinity(0, sizeof(set), &set))
		return AUTO_MAX;
	n = CPU_COUNT(&set);
	return n > AUTO_MAX ? AUTO_MAX : (unsigned int)n;
}

void workers_open(unsigned int want,
		  void (*handler)(const struct ring_event *), int (*tick)(void))
{
	enum log_level level = want ? LOG_WARN : LOG_INFO;
	pthread_rwlockattr_t attr;
	int ret = 0;

	if (!want)
		want = processors();
	if (want == 1)
		return;
	on_event = handler;
	on_tick = tick;
	sem_init(&started, 0, 0);
	/* or busy workers would never let the main thread in */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&at_work, &attr);
	pthread_rwlockattr_destroy(&attr);
	ret = init(&workers[0], 0);
	while (!ret && n_workers < want) {
		ret = start(&workers[n_workers], n_workers);
		n_workers += !ret;
	}
	if (ret)
		log_line(level, "workers: %u of %u: %s", n_workers, want,
			 strerror(-ret));
	if (n_workers > 1)
		arm(&workers[0]);
}

void workers_stop(void)
{
	if (n_workers > 1)
		pthread_rwlock_wrlock(&at_work);
}

void workers_go(void)
{
	unsigned int i;

	if (n_workers > 1)
		pthread_rwlock_unlock(&at_work);
	for (i = 1; i < n_workers; i++)
		wake(&workers[i]);
}

unsigned int workers_pick(void)
{
	static unsigned int next; /* of those that have as many */
	unsigned int i, w, load, best = 0, least = UINT_MAX;

	if (!workers[0].load)
		return 0;
	for (i = 0; i < n_workers; i++) {
		w = (next + i) % n_workers;
		load = workers[w].load + workers[w].queued;
		if (load < least) {
			best = w;
			least = load;
		}
	}
	next = best + 1;
	return best;
}

void workers_give(unsigned int worker, struct job *job)
{
	struct worker *w = &workers[worker];

	if (w == self) {
		job->run(job);
		return;
	}
	job->next = NULL;
	pthread_mutex_lock(&w->lock);
	*w->last = job;
	w->last = &job->next;
	w->queued++;
	pthread_mutex_unlock(&w->lock);
	wake(w);
}

void workers_wake_main(void)
{
	if (self != &workers[0])
		wake(&workers[0]);
}

void workers_load(int change)
{
	unsigned int before = atomic_fetch_add(&self->load,
					       (unsigned int)change);

	if (change < 0 && before == 1 && ending)
		workers_wake_main();
}

unsigned int workers_share(unsigned int n)
{
	return (n + n_workers - 1) / n_workers;
}

unsigned int workers_queued(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < n_workers; i++)
		n += workers[i].queued;
	return n;
}

unsigned int workers_conns(void)
{
	/* first: a job that becomes a connection is not missed */
	unsigned int i, n = workers_queued();

	for (i = 0; i < n_workers; i++)
		n += workers[i].load;
	return n;
}

void workers_end_soon(void)
{
	ending = true;
}

uint64_t workers_bit(void)
{
	return UINT64_C(1) << self->index;
}

uint64_t workers_bits(void)
{
	return (UINT64_C(1) << n_workers) - 1;
}

uint32_t workers_name(uint32_t index)
{
	return index * n_workers + self->index;
}

unsigned int workers_named(uint32_t name, uint32_t *index)
{
	*index = name / n_workers;
	return name % n_workers;
}
