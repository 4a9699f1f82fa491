// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel threads for tests: they start together and have ended when the test goes on.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>

#include "lbdr_kunit.h"

struct thread {
	void			(*run)(void *arg);
	void			*arg;
	struct task_struct	*task;
	struct completion	*go;
	struct completion	done;
};

static int thread_run(void *arg)
{
	struct thread *thread = arg;

	wait_for_completion(thread->go);
	thread->run(thread->arg);
	complete(&thread->done);
	return 0;
}

/**
 * lbdr_kunit_threads() - Run a function in several threads at once
 * @test: the test, which fails if a thread cannot be created
 * @run: the function; it must not abort the test
 * @args: array of arguments, one element for each thread
 * @size: size of an element of @args
 * @n: number of threads
 *
 * Context: process.
 */
void lbdr_kunit_threads(struct kunit *test, void (*run)(void *arg), void *args,
			size_t size, unsigned int n)
{
	struct thread *threads;
	struct completion go;
	unsigned int i;

	threads = kunit_kcalloc(test, n, sizeof(*threads), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, threads);

	init_completion(&go);
	for (i = 0; i < n; i++) {
		threads[i].run = run;
		threads[i].arg = args + i * size;
		threads[i].go = &go;
		init_completion(&threads[i].done);
		threads[i].task = kthread_create(thread_run, &threads[i],
						 "lbdr_kunit/%u", i);
		if (IS_ERR(threads[i].task)) {
			KUNIT_FAIL(test, "thread %u cannot be made", i);
			break;
		}
		get_task_struct(threads[i].task);
		wake_up_process(threads[i].task);
	}

	complete_all(&go);
	while (i--) {
		/* kthread_stop() keeps a thread that has not started from running. */
		wait_for_completion(&threads[i].done);
		kthread_stop_put(threads[i].task);
	}
	kunit_kfree(test, threads);
}
