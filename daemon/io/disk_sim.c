/* disk_sim: a disk in memory that fails, fills up and loses power as told; see io_sim.h.
 *
 * Names and bytes are in sim_tree.h. Here are the calls: each counts, may be the one that fails,
 * and answers as the system does. A file opened before a crash is dead after it: the program that
 * had it open is gone, and only closes it because it lives on in the test. */
#include "daemon/io/disk_sim.h"

#include "daemon/base/mem.h"
#include "daemon/io/names.h"
#include "daemon/io/sim_tree.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Larger files are a bug of the caller, who would take all our memory. */
#define FILE_BYTES_MAX ((uint64_t)1 << 32)

struct sim_disk {
  struct disk disk;
  struct sim_tree tree;
  struct clock *clock; /* not owned; NULL: none */
  disk_sim_change_fn *change;
  void *change_arg;
  struct sim_disk_faults faults;
  struct random random; /* how much of a failed write was written, sizes of pieces */
  bool down;            /* after a failure with fail_is_crash */
  uint64_t n_calls;
  uint64_t fail_at; /* in terms of n_calls; 0: none */
  uint64_t boot;    /* number of crashes */
  size_t n_open;
  bool reuse_inodes;
};

struct sim_file {
  struct disk_file file;
  struct sim_node *node;
  int flags;
  uint64_t boot;
};

static struct sim_disk *sim_of(struct disk *disk) {
  return (struct sim_disk *)disk;
}

/* --- errors and faults --- */

static int fail(struct err *err, int errnum, const char *what, const char *path) {
  err_errno(err, errnum, "cannot %s %s", what, path);
  if (err != NULL && (errnum == ENOENT || errnum == ENOTDIR)) err->code = ERR_NOINPUT;
  if (err != NULL && errnum == EEXIST) err->code = ERR_BUSY;
  return -1;
}

/* True when this call is to fail. */
static bool strikes(struct sim_disk *sim) {
  sim->n_calls++;
  if (sim->down) return true;
  if (sim->fail_at != sim->n_calls) return false;
  sim->down = sim->faults.fail_is_crash;
  return true;
}

/* 0, or -1 with err set: by a fault, or because the file is not open for it. */
static int enter(struct disk_file *file, int flag, const char *what, struct err *err) {
  struct sim_file *sim = (struct sim_file *)file;
  if (strikes(sim_of(file->disk)) || sim->boot != sim_of(file->disk)->boot)
    return fail(err, EIO, what, file->path);
  if ((sim->flags & flag) != flag) return fail(err, EBADF, what, file->path);
  return 0;
}

static void stamp(struct sim_disk *sim, struct sim_node *node) {
  node->mtime_us = sim->clock != NULL ? clock_wall_us(sim->clock) : 0;
}

/* It has lost a name or an open file, maybe the last. */
static void inode_released(struct sim_disk *sim, const struct sim_node *node) {
  if (!sim->reuse_inodes || node->n_open > 0) return;
  for (size_t i = 0; i < sim->tree.now.n; i++)
    if (sim->tree.now.items[i].node == node) return;
  sim->tree.next_ino = node->ino;
}

static void names_changed(struct sim_disk *sim, const char *clean) {
  if (sim->change != NULL) sim->change(sim->change_arg, clean, true);
}

static void bytes_changed(struct sim_disk *sim, const struct sim_node *node) {
  if (sim->change == NULL) return;
  for (size_t i = 0; i < sim->tree.now.n; i++)
    if (sim->tree.now.items[i].node == node)
      sim->change(sim->change_arg, sim->tree.now.items[i].path, false);
}

/* How many bytes the files may grow by. */
static uint64_t room(const struct sim_disk *sim) {
  if (sim->faults.capacity_bytes == 0) return UINT64_MAX;
  uint64_t used = sim_tree_bytes(&sim->tree);
  return used < sim->faults.capacity_bytes ? sim->faults.capacity_bytes - used : 0;
}

/* --- files --- */

/* The errno that opening the (clean) path gives, or 0; *node is NULL when it is to be made. */
static int check_open(struct sim_disk *sim, const char *path, int flags, struct sim_node **node) {
  *node = sim_tree_find(&sim->tree, path);
  if (*node != NULL) {
    if ((flags & DISK_CREATE) != 0 && (flags & DISK_EXCLUSIVE) != 0) return EEXIST;
    return (*node)->is_dir && (flags & (DISK_WRITE | DISK_CREATE)) != 0 ? EISDIR : 0;
  }
  if ((flags & DISK_CREATE) == 0) return ENOENT;
  char *parent = sim_path_parent(path);
  const struct sim_node *dir = sim_tree_find(&sim->tree, parent);
  free(parent);
  if (dir == NULL) return ENOENT;
  return dir->is_dir ? 0 : ENOTDIR;
}

static int sim_open(struct disk *disk, const char *path, int flags, struct disk_file **out,
                    struct err *err) {
  struct sim_disk *sim = sim_of(disk);
  const char *what = (flags & DISK_CREATE) != 0 ? "create" : "open";
  if (strikes(sim)) return fail(err, EIO, what, path);
  char *clean = sim_path(path);
  struct sim_node *node;
  int errnum = check_open(sim, clean, flags, &node);
  if (errnum == 0 && node == NULL) {
    node = sim_tree_create(&sim->tree, clean, false);
    stamp(sim, node);
    names_changed(sim, clean);
  }
  free(clean);
  if (errnum != 0) return fail(err, errnum, what, path);
  if ((flags & DISK_TRUNCATE) != 0 && node->data.len > 0) {
    sim_node_resize(node, 0);
    stamp(sim, node);
    bytes_changed(sim, node);
  }
  struct sim_file *file = mem_zalloc(sizeof *file);
  file->file.disk = disk;
  file->file.path = mem_strdup(path);
  file->node = sim_node_ref(node);
  file->flags = flags;
  file->boot = sim->boot;
  *out = &file->file;
  sim->n_open++;
  node->n_open++;
  return 0;
}

static void sim_close(struct disk_file *file) {
  struct sim_file *sim = (struct sim_file *)file;
  if (sim->node->locked_by == sim) sim->node->locked_by = NULL;
  sim_of(file->disk)->n_open--;
  sim->node->n_open--;
  inode_released(sim_of(file->disk), sim->node);
  sim_node_unref(sim->node);
  free(file->path);
  free(file);
}

static int sim_read(struct disk_file *file, void *data, size_t len, uint64_t offset, size_t *got,
                    struct err *err) {
  if (enter(file, DISK_READ, "read", err) != 0) return -1;
  const struct sim_node *node = ((struct sim_file *)file)->node;
  if (node->is_dir) return fail(err, EISDIR, "read", file->path);
  struct sim_disk *sim = sim_of(file->disk);
  size_t rest = offset < node->data.len ? node->data.len - (size_t)offset : 0;
  if (len > rest) len = rest;
  for (size_t done = 0; done < len;) {
    size_t piece = len - done;
    if (sim->faults.short_reads) piece = 1 + (size_t)random_below(&sim->random, piece);
    memcpy((char *)data + done, node->data.data + offset + done, piece);
    done += piece;
  }
  *got = len;
  return 0;
}

static int sim_write(struct disk_file *file, const void *data, size_t len, uint64_t offset,
                     struct err *err) {
  struct sim_disk *sim = sim_of(file->disk);
  struct sim_node *node = ((struct sim_file *)file)->node;
  bool was_down = sim->down;
  if (enter(file, DISK_WRITE, "write", err) != 0) {
    /* A machine that is down, or a file of an earlier life, writes nothing more. */
    if (!was_down && (((struct sim_file *)file)->flags & DISK_WRITE) != 0 &&
        ((struct sim_file *)file)->boot == sim->boot)
      sim_node_write(node, data, (size_t)random_below(&sim->random, len + 1), offset);
    return -1;
  }
  if (offset > FILE_BYTES_MAX || len > FILE_BYTES_MAX - offset)
    return fail(err, EFBIG, "write", file->path);
  uint64_t size_max = room(sim);
  size_max = size_max > UINT64_MAX - node->data.len ? UINT64_MAX : size_max + node->data.len;
  if (len > 0 && offset + len > size_max) {
    if (offset < size_max) sim_node_write(node, data, (size_t)(size_max - offset), offset);
    return fail(err, ENOSPC, "write", file->path);
  }
  sim_node_write(node, data, len, offset);
  stamp(sim, node);
  bytes_changed(sim, node);
  return 0;
}

static int sim_sync(struct disk_file *file, struct err *err) {
  struct sim_node *node = ((struct sim_file *)file)->node;
  if (enter(file, 0, "sync", err) != 0) {
    if (((struct sim_file *)file)->boot == sim_of(file->disk)->boot) sim_node_lose(node);
    return -1;
  }
  sim_node_sync(node);
  return 0;
}

static int sim_truncate(struct disk_file *file, uint64_t size_bytes, struct err *err) {
  if (enter(file, DISK_WRITE, "change the size of", err) != 0) return -1;
  struct sim_disk *sim = sim_of(file->disk);
  struct sim_node *node = ((struct sim_file *)file)->node;
  if (size_bytes > FILE_BYTES_MAX) return fail(err, EFBIG, "change the size of", file->path);
  if (size_bytes > node->data.len && size_bytes - node->data.len > room(sim))
    return fail(err, ENOSPC, "change the size of", file->path);
  sim_node_resize(node, size_bytes);
  stamp(sim, node);
  bytes_changed(sim, node);
  return 0;
}

static struct disk_stat stat_of(const struct sim_node *node) {
  return (struct disk_stat){
      .type = node->is_dir ? DISK_DIR : DISK_FILE,
      .size_bytes = node->data.len,
      .dev = 1,
      .ino = node->ino,
      .mtime_us = node->mtime_us,
  };
}

static int sim_fstat(struct disk_file *file, struct disk_stat *stat, struct err *err) {
  if (enter(file, 0, "examine", err) != 0) return -1;
  *stat = stat_of(((struct sim_file *)file)->node);
  return 0;
}

static int sim_lock(struct disk_file *file, struct err *err) {
  if (enter(file, 0, "lock", err) != 0) return -1;
  struct sim_node *node = ((struct sim_file *)file)->node;
  if (node->locked_by != NULL && node->locked_by != file)
    return err_set(err, ERR_BUSY, "cannot lock %s: another process holds it", file->path);
  node->locked_by = file;
  return 0;
}

/* --- names --- */

static int sim_stat(struct disk *disk, const char *path, bool *found, struct disk_stat *stat,
                    struct err *err) {
  if (strikes(sim_of(disk))) return fail(err, EIO, "examine", path);
  char *clean = sim_path(path);
  const struct sim_node *node = sim_tree_find(&sim_of(disk)->tree, clean);
  free(clean);
  *found = node != NULL;
  if (*found) *stat = stat_of(node);
  return 0;
}

static bool has_children(const struct sim_tree *tree, const char *path) {
  size_t len = strlen(path);
  for (size_t i = 0; i < tree->now.n; i++) {
    const char *other = tree->now.items[i].path;
    if (strncmp(other, path, len) == 0 && other[len] == '/') return true;
  }
  return false;
}

static int check_rename(const struct sim_tree *tree, const char *from, const char *to) {
  const struct sim_node *node = sim_tree_find(tree, from), *over = sim_tree_find(tree, to);
  char *parent = sim_path_parent(to);
  const struct sim_node *dir = sim_tree_find(tree, parent);
  free(parent);
  if (node == NULL || dir == NULL) return ENOENT;
  if (!dir->is_dir) return ENOTDIR;
  size_t len = strlen(from);
  if (strncmp(to, from, len) == 0 && to[len] == '/') return EINVAL;
  if (over == NULL || over == node) return 0;
  if (over->is_dir && !node->is_dir) return EISDIR;
  if (!over->is_dir && node->is_dir) return ENOTDIR;
  return over->is_dir && has_children(tree, to) ? ENOTEMPTY : 0;
}

static int sim_rename(struct disk *disk, const char *from, const char *to, struct err *err) {
  struct sim_disk *sim = sim_of(disk);
  char *clean_from = sim_path(from), *clean_to = sim_path(to);
  int errnum = strikes(sim) ? EIO : check_rename(&sim->tree, clean_from, clean_to);
  if (errnum == 0) {
    sim_tree_move(&sim->tree, clean_from, clean_to);
    names_changed(sim, clean_from);
    names_changed(sim, clean_to);
  }
  free(clean_from);
  free(clean_to);
  if (errnum == 0) return 0;
  char *what = mem_printf("rename %s to", from);
  fail(err, errnum, what, to);
  free(what);
  return -1;
}

static int sim_unlink(struct disk *disk, const char *path, struct err *err) {
  struct sim_disk *sim = sim_of(disk);
  if (strikes(sim)) return fail(err, EIO, "remove", path);
  char *clean = sim_path(path);
  struct sim_node *node = sim_tree_find(&sim->tree, clean);
  bool is_dir = node != NULL && node->is_dir;
  if (node != NULL && !is_dir) {
    sim_node_ref(node);
    sim_tree_remove(&sim->tree, clean);
    inode_released(sim, node);
    sim_node_unref(node);
    names_changed(sim, clean);
  }
  free(clean);
  return is_dir ? fail(err, EISDIR, "remove", path) : 0;
}

/* Makes a (clean) path and what is above it. */
static int make_dirs(struct sim_disk *sim, const char *path, struct err *err) {
  struct sim_node *node = sim_tree_find(&sim->tree, path);
  if (node != NULL) return node->is_dir ? 0 : fail(err, ENOTDIR, "make the folder", path);
  char *parent = sim_path_parent(path);
  int result = make_dirs(sim, parent, err);
  if (result == 0) {
    stamp(sim, sim_tree_create(&sim->tree, path, true));
    names_changed(sim, path);
    sim_tree_sync_dir(&sim->tree, parent);
  }
  free(parent);
  return result;
}

static int sim_make_dirs(struct disk *disk, const char *path, struct err *err) {
  if (strikes(sim_of(disk))) return fail(err, EIO, "make the folder", path);
  char *clean = sim_path(path);
  int result = make_dirs(sim_of(disk), clean, err);
  free(clean);
  return result;
}

static int check_dir(struct sim_disk *sim, const char *clean) {
  const struct sim_node *node = sim_tree_find(&sim->tree, clean);
  if (node == NULL) return ENOENT;
  return node->is_dir ? 0 : ENOTDIR;
}

static int sim_sync_dir(struct disk *disk, const char *path, struct err *err) {
  struct sim_disk *sim = sim_of(disk);
  if (strikes(sim)) return fail(err, EIO, "sync the folder", path);
  char *clean = sim_path(path);
  int errnum = check_dir(sim, clean);
  if (errnum == 0) sim_tree_sync_dir(&sim->tree, clean);
  free(clean);
  return errnum == 0 ? 0 : fail(err, errnum, "open the folder", path);
}

static int sim_list(struct disk *disk, const char *path, char ***list, size_t *n, struct err *err) {
  struct sim_disk *sim = sim_of(disk);
  if (strikes(sim)) return fail(err, EIO, "read the folder", path);
  char *clean = sim_path(path);
  int errnum = check_dir(sim, clean);
  struct names names = {0};
  for (size_t i = 0; errnum == 0 && i < sim->tree.now.n; i++) {
    const char *other = sim->tree.now.items[i].path;
    char *parent = sim_path_parent(other);
    const char *slash = strrchr(other, '/');
    const char *name = slash != NULL ? slash + 1 : other;
    if (strcmp(parent, clean) == 0 && *name != '\0' && strcmp(name, ".") != 0)
      names_add(&names, name);
    free(parent);
  }
  free(clean);
  if (errnum != 0) return fail(err, errnum, "open the folder", path);
  names_pack(&names, list, n);
  return 0;
}

static int sim_glob(struct disk *disk, const char *pattern, char ***paths, size_t *n_paths,
                    struct err *err) {
  struct sim_disk *sim = sim_of(disk);
  if (strikes(sim)) return fail(err, EIO, "look for", pattern);
  char *clean = sim_path(pattern);
  struct names names = {0};
  for (size_t i = 0; i < sim->tree.now.n; i++) {
    const char *path = sim->tree.now.items[i].path;
    if (fnmatch(clean, path, FNM_PATHNAME | FNM_PERIOD) == 0) names_add(&names, path);
  }
  free(clean);
  names_pack(&names, paths, n_paths);
  return 0;
}

/* --- the disk --- */

static void sim_free(struct disk *disk) {
  sim_tree_fini(&sim_of(disk)->tree);
  free(disk);
}

static const struct disk_ops sim_ops = {
    .open = sim_open,
    .close = sim_close,
    .read = sim_read,
    .write = sim_write,
    .sync = sim_sync,
    .truncate = sim_truncate,
    .fstat = sim_fstat,
    .lock = sim_lock,
    .stat = sim_stat,
    .rename = sim_rename,
    .unlink = sim_unlink,
    .make_dirs = sim_make_dirs,
    .sync_dir = sim_sync_dir,
    .list = sim_list,
    .glob = sim_glob,
    .free = sim_free,
};

struct disk *sim_disk_new(void) {
  struct sim_disk *sim = mem_zalloc(sizeof *sim);
  sim->disk.ops = &sim_ops;
  sim_tree_init(&sim->tree);
  random_seed(&sim->random, 0);
  return &sim->disk;
}

void disk_sim_set_clock(struct disk *disk, struct clock *clock) {
  sim_of(disk)->clock = clock;
}

void disk_sim_on_change(struct disk *disk, disk_sim_change_fn *fn, void *arg) {
  sim_of(disk)->change = fn;
  sim_of(disk)->change_arg = arg;
}

void sim_disk_set_faults(struct disk *disk, struct sim_disk_faults faults) {
  struct sim_disk *sim = sim_of(disk);
  sim->faults = faults;
  sim->down = false;
  sim->fail_at = faults.fail_at == 0 ? 0 : sim->n_calls + faults.fail_at;
}

uint64_t sim_disk_calls(const struct disk *disk) {
  return ((const struct sim_disk *)disk)->n_calls;
}

void sim_disk_crash(struct disk *disk, enum sim_unsynced unsynced, struct random *random) {
  struct sim_disk *sim = sim_of(disk);
  sim_tree_crash(&sim->tree, unsynced, random);
  sim->down = false;
  sim->fail_at = 0;
  sim->boot++;
}

void sim_disk_reuse_inodes(struct disk *disk, bool reuse) {
  sim_of(disk)->reuse_inodes = reuse;
}

size_t sim_disk_open_files(const struct disk *disk) {
  return ((const struct sim_disk *)disk)->n_open;
}

int sim_disk_flip_bit(struct disk *disk, const char *path, uint64_t bit, struct err *err) {
  char *clean = sim_path(path);
  struct sim_node *node = sim_tree_find(&sim_of(disk)->tree, clean);
  free(clean);
  if (node == NULL || node->is_dir) return fail(err, ENOENT, "flip a bit of", path);
  uint64_t at = bit / 8;
  if (at >= node->data.len)
    return err_set(err, ERR_USAGE, "cannot flip bit %llu of %s: it has %zu bytes",
                   (unsigned long long)bit, path, node->data.len);
  char mask = (char)(1 << bit % 8);
  node->data.data[at] ^= mask;
  if (at < node->synced.len) node->synced.data[at] ^= mask;
  return 0;
}
