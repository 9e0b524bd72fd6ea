/* sim_tree: the files and names of the simulated disk, as they are and as a power cut leaves them.
 *
 * A node is a file or folder. It has its bytes as they are and as they were synced, and the ranges
 * that differ, so that a sync costs what was written.
 *
 * A map says which path is which node. There are two: as it is, and as it is on the platter.
 * Between them stands the list of changes in the order in which they were made; each is whole or
 * not at all. Syncing a folder carries over its changes. */
#ifndef TIDEMARK_IO_SIM_TREE_H
#define TIDEMARK_IO_SIM_TREE_H

#include "daemon/base/buf.h"
#include "daemon/io/io_sim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_range {
  uint64_t from, to;
};

struct sim_node {
  uint32_t refs; /* by maps, changes and open files */
  bool is_dir;
  uint64_t ino;
  uint32_t n_open;
  int64_t mtime_us;
  struct buf data, synced;
  struct sim_range *dirty; /* what a sync has to carry from data to synced */
  size_t n_dirty, dirty_cap;
  const void *locked_by; /* the open file, or NULL */
};

struct sim_name {
  char *path; /* owned */
  struct sim_node *node;
};

struct sim_map { /* sorted by path */
  struct sim_name *items;
  size_t n, cap;
};

struct sim_change {
  enum { SIM_PUT, SIM_REMOVE, SIM_MOVE } kind;
  char *path;            /* owned; of SIM_MOVE, the old one */
  char *to;              /* owned; of SIM_MOVE, else NULL */
  struct sim_node *node; /* of SIM_PUT and SIM_MOVE, else NULL */
};

struct sim_tree {
  struct sim_map now, platter;
  struct sim_change *changes;
  size_t n_changes, changes_cap;
  uint64_t last_ino, next_ino; /* next_ino: of the next node, 0: one more than the last */
};

void sim_tree_init(struct sim_tree *tree);
void sim_tree_fini(struct sim_tree *tree);

/* The one way to write a path: no double, trailing or lonely "." parts. free() it. */
char *sim_path(const char *path);
char *sim_path_parent(const char *path); /* of a path as sim_path() gives it; free() */

struct sim_node *sim_tree_find(const struct sim_tree *tree, const char *path); /* NULL: none */
struct sim_node *sim_tree_create(struct sim_tree *tree, const char *path, bool is_dir);
void sim_tree_remove(struct sim_tree *tree, const char *path);
void sim_tree_move(struct sim_tree *tree, const char *from, const char *to);
void sim_tree_sync_dir(struct sim_tree *tree, const char *path);
uint64_t sim_tree_bytes(const struct sim_tree *tree);
void sim_tree_crash(struct sim_tree *tree, enum sim_unsynced unsynced, struct random *random);

struct sim_node *sim_node_ref(struct sim_node *node);
void sim_node_unref(struct sim_node *node);
void sim_node_resize(struct sim_node *node, uint64_t size);
void sim_node_write(struct sim_node *node, const void *data, size_t len, uint64_t offset);
void sim_node_sync(struct sim_node *node);
/* A sync that failed: the system thinks the bytes clean and never writes them again. */
void sim_node_lose(struct sim_node *node);
void sim_node_crash(struct sim_node *node, enum sim_unsynced unsynced, struct random *random);

#endif
