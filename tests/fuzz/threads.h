/* GNU's entry point of OpenMP by plain threads, for programs that run the kernels without PyTorch. */
#ifndef VSRIFE_THREADS_H
#define VSRIFE_THREADS_H

#include <pthread.h>
#include <stddef.h>

typedef struct {
    void (*work)(void *);
    void *data;
} Task;

static void *run_task(void *task) {
    ((Task *)task)->work(((Task *)task)->data);
    return NULL;
}

static void parallel(void (*work)(void *), void *data, unsigned threads, unsigned flags) {
    (void)flags;
    pthread_t others[16];
    Task task = {work, data};
    unsigned started = 0;
    while (started + 1 < threads && started < 16 && !pthread_create(&others[started], NULL, run_task, &task)) started++;
    work(data);
    for (unsigned k = 0; k < started; k++) pthread_join(others[k], NULL);
}

#endif
