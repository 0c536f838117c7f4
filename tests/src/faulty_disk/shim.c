/*
 * A disk whose syncs fail or take long, preloaded into the host.
 *
 * Only syncs of RocksDB's logs (*.log) are touched: they decide whether a write counts. A sync that fails has been made before, so the
 * record is on the disk although the host is told EIO: the worst case for whoever takes an error for a refusal.
 *
 * FAULTY_DISK is a file of four 64-bit numbers, which both sides map and write:
 *   fails     so many of the next syncs fail
 *   delays    so many of the next syncs take as long as delay says
 *   delay     nanoseconds
 *   syncs     how many there have been
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct faults {
    int64_t fails;
    int64_t delays;
    int64_t delay;
    int64_t syncs;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct faults *faults;

static void begin(void) {
    const char *path = getenv("FAULTY_DISK");
    int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    void *mapped = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) {
        /* A test must not go on with a disk that works. */
        perror("faulty disk");
        abort();
    }
    faults = mapped;
}

static bool is_log(int descriptor) {
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    return length > 4 && memcmp(path + length - 4, ".log", 4) == 0;
}

/* Takes one of so many, if any is left. */
static bool take(int64_t *left) {
    int64_t seen = __atomic_load_n(left, __ATOMIC_SEQ_CST);
    while (seen > 0) {
        if (__atomic_compare_exchange_n(left, &seen, seen - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

static int sync_as(long call, int descriptor) {
    pthread_once(&once, begin);
    if (faults == NULL || !is_log(descriptor)) {
        return (int)syscall(call, descriptor);
    }
    __atomic_add_fetch(&faults->syncs, 1, __ATOMIC_SEQ_CST);
    if (take(&faults->delays)) {
        int64_t delay = __atomic_load_n(&faults->delay, __ATOMIC_SEQ_CST);
        struct timespec left = {.tv_sec = delay / 1000000000, .tv_nsec = delay % 1000000000};
        while (nanosleep(&left, &left) != 0 && errno == EINTR) {
        }
    }
    int synced = (int)syscall(call, descriptor);
    if (take(&faults->fails)) {
        errno = EIO;
        return -1;
    }
    return synced;
}

int fsync(int descriptor) {
    return sync_as(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    return sync_as(SYS_fdatasync, descriptor);
}
