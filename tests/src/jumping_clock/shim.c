/*
 * A wall clock that jumps, preloaded into the host: CLOCK_REALTIME plus the nanoseconds that stand in a file of eight bytes, in the
 * machine's own byte order. The monotonic clock is left alone, as on a machine whose wall clock is set.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const volatile int64_t *shift_ns;

static void begin(void) {
    const char *path = getenv("JUMPING_CLOCK");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *memory = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift_ns, PROT_READ, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "jumping clock: JUMPING_CLOCK names no file that can be mapped\n");
        abort();
    }
    close(file);
    shift_ns = memory;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result != 0 || clock != CLOCK_REALTIME) {
        return result;
    }
    pthread_once(&once, begin);
    int64_t ns = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + *shift_ns;
    time->tv_sec = ns / 1000000000;
    time->tv_nsec = ns % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return -1;
    }
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
