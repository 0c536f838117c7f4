/*
 * A disk whose power can be cut, preloaded into the host: what was not synced is not on it.
 *
 * SIGKILL leaves the page cache, so a file that was only written survives it. This library keeps, beside the files that the
 * host works on, a second image with nothing in it but what the host has synced. After a SIGKILL that image is what a power
 * cut would have left; the Rust code beside this file makes the next state directory of it.
 *
 * The promises are those of POSIX, and no more:
 *   fsync and fdatasync of a file keep its bytes and its length, and not its name;
 *   fsync of a directory keeps the names in it, and not what the files hold;
 *   nothing else keeps anything: writes, truncations, renames and deletions wait for one of these.
 *
 * So only these two functions are replaced. What is to be kept is read from the files themselves at that moment, which
 * sees writes of every kind, and errs, if at all, on the strict side: sync(), O_SYNC and sync_file_range keep nothing.
 *
 * POWER_CUT_LIVE is the directory that lies on this disk, POWER_CUT_DISK the one that holds the image:
 *   data/<inode>          the bytes that are kept of a file
 *   names/<inode>/<name>  the names that are kept of a directory: a hard link to the file's data/<inode>, or a symbolic
 *                         link to the directory's names/<inode>. The names of the top are names/top.
 *   held/<inode>          a second name of the live file: its inode is not used again, and its unsynced end can be seen
 * Directories have no second name, so none that was synced may be removed between two cuts.
 *
 * Being killed at any moment is safe. A call that has not returned has promised nothing, and half of it is what half a sync
 * leaves: bytes are copied from the front, a name is replaced by a rename, and names are added before others go.
 */

#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
/* One sync at a time keeps the image. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* NULL unless this process writes to the disk. */
static const char *live;
static const char *disk;

/* A test must not go on with an image that is wrong. */
static void give_up(const char *what, const char *path) {
    fprintf(stderr, "power cut: %s %s: %s\n", what, path, strerror(errno));
    abort();
}

static void begin(void) {
    live = getenv("POWER_CUT_LIVE");
    disk = getenv("POWER_CUT_DISK");
    if (live == NULL || disk == NULL) {
        live = NULL;
    }
}

struct path {
    char text[PATH_MAX];
};

static struct path on_disk(const char *kind, const char *rest) {
    struct path path;
    snprintf(path.text, sizeof path.text, "%s/%s/%s", disk, kind, rest);
    return path;
}

static struct path numbered(const char *kind, ino_t inode) {
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)inode);
    return on_disk(kind, number);
}

/* Where a descriptor leads, if that lies on the disk. */
static bool lies_on_disk(int descriptor, struct path *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path->text, sizeof path->text - 1);
    if (length < 0) {
        return false;
    }
    path->text[length] = 0;
    size_t top = strlen(live);
    return strncmp(path->text, live, top) == 0 && (path->text[top] == 0 || path->text[top] == '/');
}

/* Reads a whole piece, less only at the end. */
static size_t read_at(int file, char *piece, size_t size, off_t offset) {
    size_t filled = 0;
    while (filled < size) {
        ssize_t got = pread(file, piece + filled, size - filled, offset + (off_t)filled);
        if (got < 0) {
            give_up("cannot read", "a file");
        }
        if (got == 0) {
            break;
        }
        filled += (size_t)got;
    }
    return filled;
}

/* Makes one file's bytes those of another. Pieces that are equal are left alone. */
static void copy(int from, int to) {
    char new[1 << 16];
    char old[1 << 16];
    off_t offset = 0;
    for (;;) {
        size_t size = read_at(from, new, sizeof new, offset);
        size_t kept = read_at(to, old, sizeof old, offset);
        if (size > kept || memcmp(new, old, size) != 0) {
            if (pwrite(to, new, size, offset) != (ssize_t)size) {
                give_up("cannot write", "the image");
            }
        }
        offset += (off_t)size;
        if (size < sizeof new) {
            break;
        }
    }
    if (ftruncate(to, offset) != 0) {
        give_up("cannot cut", "the image");
    }
}

/* Makes the place for a file's bytes, empty at first. False if the file is gone already. */
static bool know(const char *live_path, ino_t inode) {
    struct path held = numbered("held", inode);
    if (linkat(AT_FDCWD, live_path, AT_FDCWD, held.text, AT_SYMLINK_FOLLOW) != 0 && errno != EEXIST) {
        if (errno == ENOENT) {
            return false;
        }
        give_up("cannot hold", live_path);
    }
    struct path data = numbered("data", inode);
    int file = open(data.text, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
        give_up("cannot make", data.text);
    }
    close(file);
    return true;
}

/* The file's bytes and length are kept. */
static void keep_file(int descriptor, ino_t inode) {
    char opened[64];
    snprintf(opened, sizeof opened, "/proc/self/fd/%d", descriptor);
    if (!know(opened, inode)) {
        return;
    }
    /* A descriptor of our own: the host's may be for writing only. */
    int from = open(opened, O_RDONLY | O_CLOEXEC);
    struct path data = numbered("data", inode);
    int to = open(data.text, O_RDWR | O_CLOEXEC);
    if (from < 0 || to < 0) {
        give_up("cannot open", data.text);
    }
    copy(from, to);
    close(from);
    close(to);
}

static struct path names_of(const char *directory, ino_t inode) {
    return strcmp(directory, live) == 0 ? on_disk("names", "top") : numbered("names", inode);
}

/* One name is kept, and leads to where it leads now. */
static void keep_name(const char *directory, const char *name, const char *names) {
    struct path source, kept, added;
    struct stat now, before;
    snprintf(source.text, sizeof source.text, "%.2000s/%.255s", directory, name);
    snprintf(kept.text, sizeof kept.text, "%.2000s/%.255s", names, name);
    snprintf(added.text, sizeof added.text, "%.2000s/added", disk);
    if (lstat(source.text, &now) != 0) {
        return;
    }
    if (S_ISDIR(now.st_mode)) {
        struct path target = numbered("names", now.st_ino);
        mkdir(target.text, 0755);
        if (symlink(target.text, kept.text) != 0 && errno != EEXIST) {
            give_up("cannot keep", kept.text);
        }
        return;
    }
    struct path data = numbered("data", now.st_ino);
    if (!know(source.text, now.st_ino) || stat(data.text, &now) != 0) {
        return;
    }
    if (lstat(kept.text, &before) == 0 && before.st_ino == now.st_ino) {
        return;
    }
    unlink(added.text);
    if (link(data.text, added.text) != 0 || rename(added.text, kept.text) != 0) {
        give_up("cannot keep", kept.text);
    }
}

static bool is_dots(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Calls `each` for the names in `listed`. */
static void each_name(const char *listed, void (*each)(const char *, const char *, const char *), const char *other) {
    DIR *entries = opendir(listed);
    if (entries == NULL) {
        give_up("cannot list", listed);
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (!is_dots(entry->d_name)) {
            each(listed, entry->d_name, other);
        }
    }
    closedir(entries);
}

/* A name that is not in the live directory any more goes. */
static void drop_name(const char *names, const char *name, const char *directory) {
    struct path source, kept;
    struct stat now;
    snprintf(source.text, sizeof source.text, "%.2000s/%.255s", directory, name);
    snprintf(kept.text, sizeof kept.text, "%.2000s/%.255s", names, name);
    if (lstat(source.text, &now) != 0) {
        unlink(kept.text);
    }
}

/* The directory's names are kept. */
static void keep_directory(const char *directory, ino_t inode) {
    struct path names = names_of(directory, inode);
    mkdir(names.text, 0755);
    each_name(directory, keep_name, names.text);
    each_name(names.text, drop_name, directory);
}

/*
 * A sync takes the time that a disk takes, so that cuts fall into it. The disk below is left alone: a killed process leaves
 * the page cache, and the test does not wait for other people's writes.
 */
static int sync_as(long call, int descriptor) {
    static const struct timespec latency = {.tv_nsec = 1000000};
    int saved = errno;
    struct path path;
    struct stat now;
    pthread_once(&once, begin);
    if (live == NULL || !lies_on_disk(descriptor, &path) || fstat(descriptor, &now) != 0) {
        errno = saved;
        return (int)syscall(call, descriptor);
    }
    nanosleep(&latency, NULL);
    pthread_mutex_lock(&lock);
    if (S_ISDIR(now.st_mode)) {
        keep_directory(path.text, now.st_ino);
    } else if (S_ISREG(now.st_mode)) {
        keep_file(descriptor, now.st_ino);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return 0;
}

int fsync(int descriptor) {
    return sync_as(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    return sync_as(SYS_fdatasync, descriptor);
}
