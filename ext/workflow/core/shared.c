/*
 * Opening, checking and locking the shared file. Every process may be the first: whoever finds the
 * file unprepared takes a lock byte, allocates it and writes the magic last, so that a process
 * killed half-way leaves a file that the next one prepares again. The name is made from the
 * resolved path, because SQLite resolves it too: two names of one store must lead to one
 * turnstile.
 *
 * Threads: open, close and abandon want no other thread in the same struct; all else may run
 * anywhere. OFD locks exclude descriptions, not threads: callers keep one thread to a byte.
 */
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/vfs.h>
#else
#include <sys/mount.h>
#include <sys/param.h>
#endif

#include "clock.h"

/* macOS has the same locks, but not every SDK shows them. */
#if defined(__APPLE__) && !defined(F_OFD_SETLK)
#define F_OFD_SETLK 90
#define F_OFD_SETLKW 91
#define F_OFD_GETLK 92
#endif

#define LOCK_PREPARE 0x40000002L
#define PREPARE_MS 5000

/* The mapping is read by processes that were compiled apart. */
_Static_assert(ATOMIC_SHORT_LOCK_FREE == 2,
               "a lock inside an atomic is of no use across processes");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a lock inside an atomic is of no use across processes");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
               "a lock inside an atomic is of no use across processes");
_Static_assert(offsetof(struct wf_shared_map, reach) == 24, "layout of format 4");
_Static_assert(offsetof(struct wf_shared_map, ready_bell) == 64, "layout of format 4");
_Static_assert(offsetof(struct wf_shared_map, log_bell) == 128, "layout of format 4");
_Static_assert(offsetof(struct wf_shared_map, processes) == 192, "layout of format 4");
_Static_assert(sizeof(struct wf_shared_process) == 32 + 2 * WF_SLOTS_MAX, "layout of format 4");
_Static_assert(sizeof(struct wf_shared_map) < WF_LOCK_QUEUE, "locks lie beyond the mapping");

static enum wf_status name_file(struct wf_shared *shared, const char *store_path,
                                struct wf_error *error);
static enum wf_status refuse_network(const char *path, struct wf_error *error);
static enum wf_status prepare(struct wf_shared *shared, struct wf_error *error);
static enum wf_status map_file(struct wf_shared *shared, struct wf_error *error);
static bool lock(const struct wf_shared *shared, int command, short type, long offset, long len);

/* What whoever reads the message can do; it begins with ": ". */
static const char *remedy_of(int number)
{
    switch (number) {
    case EACCES:
    case EPERM:
        return ": one user must own all files of the store, and run all its processes";
    case EROFS:
        return ": the store needs a disk that can be written";
    case ENOENT:
    case ENOTDIR:
        return ": make the directory, or give the store another path";
    case ENOSPC:
    case EDQUOT:
        return ": make room on its disk";
    case EMFILE:
    case ENFILE:
        return ": raise the limit of open files";
    }
    return "";
}

static enum wf_status fail_errno(const char *path, const char *doing, struct wf_error *error)
{
    int number = errno;

    return wf_fail(error, WF_STORE_UNAVAILABLE, "cannot %s %s: %s%s", doing, path, strerror(number),
                   remedy_of(number));
}

enum wf_status wf_shared_open(struct wf_shared *shared, const char *store_path,
                              struct wf_error *error)
{
    enum wf_status status;

    shared->fd = -1;
    shared->map = NULL;
    status = name_file(shared, store_path, error);
    if (status == WF_OK) {
        status = refuse_network(shared->path, error);
    }
    if (status != WF_OK) {
        return status;
    }
    shared->fd = open(shared->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (shared->fd < 0) {
        return fail_errno(shared->path, "open", error);
    }
    status = prepare(shared, error);
    if (status != WF_OK) {
        goto fail;
    }
    status = map_file(shared, error);
    if (status != WF_OK) {
        goto fail;
    }
    return WF_OK;

fail:
    wf_shared_close(shared);
    return status;
}

void wf_shared_release(struct wf_shared *shared)
{
    if (shared->fd >= 0) {
        /* A helper left behind by the turnstile keeps the description open: close frees no lock. */
        lock(shared, F_OFD_SETLK, F_UNLCK, 0, 0);
        close(shared->fd);
        shared->fd = -1;
    }
}

void wf_shared_close(struct wf_shared *shared)
{
    wf_shared_release(shared);
    if (shared->map) {
        munmap(shared->map, sizeof(*shared->map));
        shared->map = NULL;
    }
}

void wf_shared_abandon(struct wf_shared *shared)
{
    /* Never unlock here: the description, and so every lock on it, is the parent's too. */
    if (shared->fd >= 0) {
        close(shared->fd);
        shared->fd = -1;
    }
}

bool wf_shared_intact(const struct wf_shared *shared)
{
    struct stat mapped, named;

    return shared->fd >= 0 && fstat(shared->fd, &mapped) == 0 && stat(shared->path, &named) == 0 &&
           mapped.st_dev == named.st_dev && mapped.st_ino == named.st_ino;
}

bool wf_shared_lock_try(struct wf_shared *shared, long offset)
{
    return lock(shared, F_OFD_SETLK, F_WRLCK, offset, 1);
}

bool wf_shared_lock_wait(struct wf_shared *shared, long offset)
{
    return lock(shared, F_OFD_SETLKW, F_WRLCK, offset, 1);
}

void wf_shared_unlock(struct wf_shared *shared, long offset)
{
    lock(shared, F_OFD_SETLK, F_UNLCK, offset, 1);
}

bool wf_shared_locked(struct wf_shared *shared, long offset)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};

    /* If the system does not say, it is safer to believe in a holder. */
    return fcntl(shared->fd, F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}

static bool lock(const struct wf_shared *shared, int command, short type, long offset, long len)
{
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = offset, .l_len = len};

    return fcntl(shared->fd, command, &range) == 0;
}

/* The resolved path of a file that need not exist yet; NULL with errno. Its directory has to. */
static char *resolve(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *directory, *real, *joined = NULL;
    struct stat link;

    real = realpath(path, NULL);
    if (real || errno != ENOENT || lstat(path, &link) == 0) {
        return real; /* a link to nothing is refused: its name changes once the target is there */
    }
    directory = slash ? strndup(path, (size_t)(name - path)) : strdup(".");
    real = directory ? realpath(directory, NULL) : NULL;
    if (real) {
        size_t len = strlen(real) + strlen(name) + 2;

        joined = malloc(len);
        if (joined) {
            snprintf(joined, len, "%s/%s", real, name);
        }
    }
    free(real);
    free(directory);
    return joined;
}

static enum wf_status name_file(struct wf_shared *shared, const char *store_path,
                                struct wf_error *error)
{
    char *real = resolve(store_path);
    int len;

    shared->path[0] = '\0';
    if (!real && errno != ENAMETOOLONG) {
        return fail_errno(store_path, "find", error);
    }
    len = real ? snprintf(shared->path, sizeof(shared->path), "%s-shared", real) : -1;
    free(real);
    if (len < 0 || (size_t)len >= sizeof(shared->path)) {
        return wf_fail(error, WF_TOO_LARGE, "the path of the store is too long: %s", store_path);
    }
    return WF_OK;
}

#ifdef __linux__
/* Numbers, since linux/magic.h lacks some of them on older systems. */
static const char *network_name(const struct statfs *system)
{
    switch ((uint32_t)system->f_type) {
    case 0x6969:
        return "NFS";
    case 0x517b:
    case 0xfe534d42:
        return "SMB";
    case 0xff534d42:
        return "CIFS";
    case 0x01021997:
        return "9p";
    case 0x65735546:
        return "FUSE";
    case 0x00c36400:
        return "Ceph";
    case 0x0bd00bd0:
        return "Lustre";
    case 0x5346414f:
        return "AFS";
    }
    return NULL;
}
#else
static const char *network_name(const struct statfs *system)
{
    return system->f_flags & MNT_LOCAL ? NULL : system->f_fstypename;
}
#endif

/* Asked of the directory, so that refusing leaves no file behind. */
static enum wf_status refuse_network(const char *path, struct wf_error *error)
{
    char directory[sizeof(((struct wf_shared *)0)->path)];
    struct statfs system;
    const char *name;

    strcpy(directory, path);
    *(strrchr(directory, '/') + 1) = '\0';
    if (statfs(directory, &system) != 0) {
        return fail_errno(directory, "ask for the file system of", error);
    }
    name = network_name(&system);
    if (name) {
        return wf_fail(error, WF_STORE_UNAVAILABLE,
                       "%s is on %s, which shares neither memory nor locks between machines: "
                       "put the store on a local disk",
                       directory, name);
    }
    return WF_OK;
}

/* OK | BUSY: nobody has prepared it yet, or not to the end | STALE: by an older version | STORE_TOO_NEW | STORE_UNAVAILABLE. */
static enum wf_status check(const struct wf_shared *shared, struct wf_error *error)
{
    uint32_t header[2] = {0};
    struct stat file;

    if (pread(shared->fd, header, sizeof(header), 0) < 0 || fstat(shared->fd, &file) != 0) {
        return fail_errno(shared->path, "read", error);
    }
    if (header[0] == 0 && header[1] == 0) {
        return WF_BUSY;
    }
    if (header[0] != WF_SHARED_MAGIC) {
        return wf_fail(
            error, WF_STORE_TOO_NEW,
            "%s was not written by workflow: move it away, or give the store another path",
            shared->path);
    }
    if (header[1] < WF_SHARED_FORMAT) {
        return WF_STALE;
    }
    if (header[1] > WF_SHARED_FORMAT) {
        return wf_fail(
            error, WF_STORE_TOO_NEW,
            "%s has format %u, this version knows %u: upgrade the gem in this process too",
            shared->path, header[1], WF_SHARED_FORMAT);
    }
    return file.st_size < (off_t)sizeof(struct wf_shared_map) ? WF_BUSY : WF_OK;
}

/* Blocks behind the mapping are what keeps a full disk from killing its users with SIGBUS. */
static int allocate(int fd)
{
    static const char zeros[4096];
    off_t end = (off_t)sizeof(struct wf_shared_map), at;
    ssize_t wrote;

#ifdef __linux__
    int failure;

    do {
        failure = posix_fallocate(fd, 0, end);
    } while (failure == EINTR);
    if (failure != EINVAL && failure != EOPNOTSUPP) {
        return failure;
    }
#endif
    for (at = lseek(fd, 0, SEEK_END); at < end; at += wrote) {
        wrote = pwrite(fd, zeros, end - at < 4096 ? (size_t)(end - at) : sizeof(zeros), at);
        if (wrote < 0 && errno != EINTR) {
            return errno;
        }
        wrote = wrote < 0 ? 0 : wrote;
    }
    return 0;
}

static bool in_use_by_others(const struct wf_shared *shared)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = WF_LOCK_QUEUE};

    /* Up to the end: whoever uses it holds his byte at least. */
    return fcntl(shared->fd, F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}

/* What an older version left behind holds no fact. In place, since a file that is cut kills who has mapped it; all but the
 * header, which the new one replaces, so that whoever is killed in between leaves it to be wiped again. */
static enum wf_status wipe(const struct wf_shared *shared, struct wf_error *error)
{
    static const char zeros[4096];
    off_t size = lseek(shared->fd, 0, SEEK_END);

    if (in_use_by_others(shared)) {
        return wf_fail(error, WF_STORE_UNAVAILABLE,
                       "%s is in use by a process of an older version of workflow: stop all "
                       "processes of the old version first",
                       shared->path);
    }
    for (off_t at = 2 * sizeof(uint32_t); at < size;) {
        ssize_t wrote =
            pwrite(shared->fd, zeros, size - at < 4096 ? (size_t)(size - at) : sizeof(zeros), at);

        if (wrote < 0 && errno != EINTR) {
            return fail_errno(shared->path, "write", error);
        }
        at += wrote < 0 ? 0 : wrote;
    }
    return WF_BUSY;
}

/* Under LOCK_PREPARE. The magic comes last: with it the file counts as prepared. */
static enum wf_status prepare_locked(const struct wf_shared *shared, struct wf_error *error)
{
    const uint32_t header[2] = {WF_SHARED_MAGIC, WF_SHARED_FORMAT};
    enum wf_status status = check(shared, error);

    if (status == WF_STALE) {
        status = wipe(shared, error);
    }
    if (status != WF_BUSY) {
        return status; /* another process was faster */
    }
    errno = allocate(shared->fd);
    if (errno) {
        return fail_errno(shared->path, "allocate", error);
    }
    if (pwrite(shared->fd, header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
        return fail_errno(shared->path, "write", error);
    }
    return WF_OK;
}

/* Tries rather than waits: a process stopped in the middle must not hang all that start later. */
static enum wf_status prepare(struct wf_shared *shared, struct wf_error *error)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    int64_t until_ms = wf_clock_mono_ms() + PREPARE_MS;

    for (;;) {
        enum wf_status status = check(shared, error);

        if (status != WF_BUSY && status != WF_STALE) {
            return status;
        }
        if (wf_shared_lock_try(shared, LOCK_PREPARE)) {
            status = prepare_locked(shared, error);
            wf_shared_unlock(shared, LOCK_PREPARE);
            return status;
        }
        if (wf_clock_mono_ms() >= until_ms) {
            return wf_fail(error, WF_STORE_UNAVAILABLE,

                           "another process has been preparing %s for %d ms: look for one that is "
                           "stopped, and end it",
                           shared->path, PREPARE_MS);
        }
        nanosleep(&pause, NULL);
    }
}

/*
 * By a description of its own: a mapping keeps its description open, and with it the locks. A forked
 * child has the mapping for as long as it lives, so its parent's locks would outlive the parent.
 */
static enum wf_status map_file(struct wf_shared *shared, struct wf_error *error)
{
    struct stat locked, mapped;
    void *map = MAP_FAILED;
    int fd = open(shared->path, O_RDWR | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &mapped) != 0 || fstat(shared->fd, &locked) != 0) {
        goto done;
    }
    if (mapped.st_dev != locked.st_dev || mapped.st_ino != locked.st_ino) {
        errno = ESTALE; /* replaced in between */
        goto done;
    }
    map = mmap(NULL, sizeof(*shared->map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
done:
    if (map != MAP_FAILED) {
        shared->map = map;
    } else {
        fail_errno(shared->path, "map", error);
    }
    if (fd >= 0) {
        close(fd);
    }
    return shared->map ? WF_OK : WF_STORE_UNAVAILABLE;
}
