/* Clocks that a test moves: preloaded into a process (LD_PRELOAD), it adds to what the C library says of the time.

LOA_CLOCKS names a file of two 64-bit numbers, nanoseconds to add to the wall clock and to CLOCK_MONOTONIC, that may
change at any time. CLOCK_BOOTTIME is left alone. Deadlines that were made with these clocks are taken back to the kernel's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static int64_t zero[2];
static volatile int64_t *offsets = zero;

__attribute__((constructor)) static void open_clocks(void) {
    const char *name = getenv("LOA_CLOCKS");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof zero, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) offsets = mapped;
    close(file);
}

static int64_t offset_of(clockid_t clock) {
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) return offsets[0];
    if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_MONOTONIC_RAW) return offsets[1];
    return 0;
}

static void add(struct timespec *moment, int64_t offset) {
    int64_t all = moment->tv_sec * SECOND + moment->tv_nsec + offset;
    if (all < 0) all = 0;
    moment->tv_sec = all / SECOND;
    moment->tv_nsec = all % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *moment) {
    int result = syscall(SYS_clock_gettime, clock, moment);
    if (!result) add(moment, offset_of(clock));
    return result;
}

int gettimeofday(struct timeval *restrict moment, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    moment->tv_sec = now.tv_sec;
    moment->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *moment) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (moment) *moment = now.tv_sec;
    return now.tv_sec;
}

/* A deadline before 2001 counts from the start of the machine. */
static struct timespec real(const struct timespec *deadline) {
    struct timespec moment = *deadline;
    add(&moment, -offset_of(deadline->tv_sec < SECOND ? CLOCK_MONOTONIC : CLOCK_REALTIME));
    return moment;
}

/* An older version of the function may come first, with another form of the condition. */
static void *find(const char *name) {
    void *found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    return found ? found : dlsym(RTLD_NEXT, name);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline) {
    static int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!wait) wait = find("pthread_cond_timedwait");
    struct timespec moment = real(deadline);
    return wait(condition, mutex, &moment);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
    static int (*wait)(sem_t *, const struct timespec *);
    if (!wait) wait = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec moment = real(deadline);
    return wait(semaphore, &moment);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict deadline) {
    static int (*wait)(sem_t *, clockid_t, const struct timespec *);
    if (!wait) wait = dlsym(RTLD_NEXT, "sem_clockwait");
    struct timespec moment = real(deadline);
    return wait(semaphore, clock, &moment);
}
