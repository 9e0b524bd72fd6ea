/* sim_tree: the names of the simulated disk; see sim_tree.h. Paths are kept whole, so a folder is
 * no more than a node that other paths begin with. */
#include "daemon/io/sim_tree.h"

#include "daemon/base/mem.h"

#include <assert.h>
#include <stdlib.h>

/* --- paths --- */

char *sim_path(const char *path) {
  char *clean = mem_alloc(strlen(path) + 2), *to = clean;
  if (*path == '/') *to++ = '/';
  while (*path != '\0') {
    size_t len = strcspn(path, "/");
    if (len > 0 && !(len == 1 && *path == '.')) {
      if (to > clean && to[-1] != '/') *to++ = '/';
      memcpy(to, path, len);
      to += len;
    }
    path += len + (path[len] == '/');
  }
  if (to == clean) *to++ = '.';
  *to = '\0';
  return clean;
}

char *sim_path_parent(const char *path) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return mem_strdup(".");
  return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

/* The rest of path below dir, without a slash in front, or NULL. */
static const char *below(const char *path, const char *dir) {
  size_t len = strlen(dir);
  if (strncmp(path, dir, len) != 0 || path[len] != '/') return NULL;
  return path + len + 1;
}

/* --- a map --- */

static size_t position(const struct sim_map *map, const char *path, bool *found) {
  size_t from = 0, to = map->n;
  *found = false;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    int order = strcmp(map->items[middle].path, path);
    if (order == 0) *found = true;
    if (order < 0)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

static struct sim_node *map_find(const struct sim_map *map, const char *path) {
  bool found;
  size_t at = position(map, path, &found);
  return found ? map->items[at].node : NULL;
}

static void map_put(struct sim_map *map, const char *path, struct sim_node *node) {
  bool found;
  size_t at = position(map, path, &found);
  sim_node_ref(node);
  if (found) {
    sim_node_unref(map->items[at].node);
  } else {
    array_grow((void **)&map->items, &map->cap, map->n, sizeof *map->items);
    memmove(map->items + at + 1, map->items + at, (map->n - at) * sizeof *map->items);
    map->items[at].path = mem_strdup(path);
    map->n++;
  }
  map->items[at].node = node;
}

static void map_remove_at(struct sim_map *map, size_t at) {
  free(map->items[at].path);
  sim_node_unref(map->items[at].node);
  map->n--;
  memmove(map->items + at, map->items + at + 1, (map->n - at) * sizeof *map->items);
}

static void map_remove(struct sim_map *map, const char *path) {
  bool found;
  size_t at = position(map, path, &found);
  if (found) map_remove_at(map, at);
}

/* The node is at its new place also where the old name was never written down. */
static void map_move(struct sim_map *map, const char *from, const char *to, struct sim_node *node) {
  map_put(map, to, node);
  map_remove(map, from);
  for (size_t i = 0; node->is_dir && i < map->n;) {
    const char *rest = below(map->items[i].path, from);
    if (rest == NULL) {
      i++;
      continue;
    }
    char *moved = mem_printf("%s/%s", to, rest);
    map_put(map, moved, map->items[i].node);
    free(moved);
    char *old = mem_printf("%s/%s", from, rest);
    map_remove(map, old);
    free(old);
    i = 0;
  }
}

static void map_clear(struct sim_map *map) {
  while (map->n > 0) map_remove_at(map, map->n - 1);
}

static void map_fini(struct sim_map *map) {
  map_clear(map);
  free(map->items);
  *map = (struct sim_map){0};
}

/* --- changes --- */

static void apply(struct sim_map *map, const struct sim_change *change) {
  switch (change->kind) {
  case SIM_PUT: map_put(map, change->path, change->node); break;
  case SIM_REMOVE: map_remove(map, change->path); break;
  case SIM_MOVE: map_move(map, change->path, change->to, change->node); break;
  }
}

static void change_fini(struct sim_change *change) {
  sim_node_unref(change->node);
  free(change->path);
  free(change->to);
}

/* Makes the change now and remembers it for the platter. Takes over what it holds. */
static void make_change(struct sim_tree *tree, struct sim_change change) {
  array_grow((void **)&tree->changes, &tree->changes_cap, tree->n_changes, sizeof *tree->changes);
  tree->changes[tree->n_changes++] = change;
  apply(&tree->now, &change);
}

static bool is_in(const char *path, const char *dir) {
  char *parent = sim_path_parent(path);
  bool same = strcmp(parent, dir) == 0;
  free(parent);
  return same;
}

static bool concerns(const struct sim_change *change, const char *dir) {
  return is_in(change->path, dir) || (change->to != NULL && is_in(change->to, dir));
}

/* A move from another folder takes with it what happened there before. */
static bool is_carried(const struct sim_tree *tree, size_t i, const char *dir) {
  if (concerns(&tree->changes[i], dir)) return true;
  for (size_t j = i + 1; j < tree->n_changes; j++) {
    const struct sim_change *later = &tree->changes[j];
    if (later->to == NULL || !concerns(later, dir)) continue;
    char *from_dir = sim_path_parent(later->path);
    bool carried = concerns(&tree->changes[i], from_dir);
    free(from_dir);
    if (carried) return true;
  }
  return false;
}

void sim_tree_sync_dir(struct sim_tree *tree, const char *path) {
  struct sim_change *changes = tree->changes;
  bool *carried = mem_zalloc(tree->n_changes * sizeof *carried);
  for (size_t i = 0; i < tree->n_changes; i++) carried[i] = is_carried(tree, i, path);
  size_t kept = 0;
  for (size_t i = 0; i < tree->n_changes; i++) {
    if (carried[i]) {
      apply(&tree->platter, &changes[i]);
      change_fini(&changes[i]);
    } else {
      changes[kept++] = changes[i];
    }
  }
  tree->n_changes = kept;
  free(carried);
}

/* --- the tree --- */

static struct sim_node *node_new(struct sim_tree *tree, bool is_dir) {
  struct sim_node *node = mem_zalloc(sizeof *node);
  node->is_dir = is_dir;
  node->ino = tree->next_ino != 0 ? tree->next_ino : ++tree->last_ino;
  tree->next_ino = 0;
  buf_init(&node->data);
  buf_init(&node->synced);
  return node;
}

/* The folders that are always there. */
static void put_roots(struct sim_tree *tree) {
  static const char *const roots[] = {"/", "."};
  for (size_t i = 0; i < 2; i++) {
    struct sim_node *node = node_new(tree, true);
    map_put(&tree->now, roots[i], node);
    map_put(&tree->platter, roots[i], node);
  }
}

void sim_tree_init(struct sim_tree *tree) {
  *tree = (struct sim_tree){0};
  put_roots(tree);
}

static void clear_changes(struct sim_tree *tree) {
  for (size_t i = 0; i < tree->n_changes; i++) change_fini(&tree->changes[i]);
  tree->n_changes = 0;
}

void sim_tree_fini(struct sim_tree *tree) {
  clear_changes(tree);
  free(tree->changes);
  map_fini(&tree->now);
  map_fini(&tree->platter);
}

struct sim_node *sim_tree_find(const struct sim_tree *tree, const char *path) {
  return map_find(&tree->now, path);
}

struct sim_node *sim_tree_create(struct sim_tree *tree, const char *path, bool is_dir) {
  struct sim_node *node = sim_node_ref(node_new(tree, is_dir));
  make_change(tree, (struct sim_change){.kind = SIM_PUT, .path = mem_strdup(path), .node = node});
  return node;
}

void sim_tree_remove(struct sim_tree *tree, const char *path) {
  make_change(tree, (struct sim_change){.kind = SIM_REMOVE, .path = mem_strdup(path)});
}

void sim_tree_move(struct sim_tree *tree, const char *from, const char *to) {
  if (strcmp(from, to) == 0) return;
  make_change(tree, (struct sim_change){.kind = SIM_MOVE,
                                        .path = mem_strdup(from),
                                        .to = mem_strdup(to),
                                        .node = sim_node_ref(map_find(&tree->now, from))});
}

uint64_t sim_tree_bytes(const struct sim_tree *tree) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < tree->now.n; i++) bytes += tree->now.items[i].node->data.len;
  return bytes;
}

/* --- a power cut --- */

/* A name whose folder did not survive is gone too. A parent sorts before what is in it. */
static void prune(struct sim_map *map) {
  for (size_t i = 0; i < map->n;) {
    char *parent = sim_path_parent(map->items[i].path);
    const struct sim_node *dir = map_find(map, parent);
    free(parent);
    if (dir != NULL && dir->is_dir)
      i++;
    else
      map_remove_at(map, i);
  }
}

void sim_tree_crash(struct sim_tree *tree, enum sim_unsynced unsynced, struct random *random) {
  for (size_t i = 0; i < tree->now.n; i++) tree->now.items[i].node->locked_by = NULL;
  if (unsynced == SIM_UNSYNCED_KEPT) return;
  for (size_t i = 0; i < tree->n_changes; i++) {
    if (unsynced == SIM_UNSYNCED_MIXED && random_below(random, 2) == 0)
      apply(&tree->platter, &tree->changes[i]);
  }
  clear_changes(tree);
  prune(&tree->platter);
  map_clear(&tree->now);
  for (size_t i = 0; i < tree->platter.n; i++) {
    struct sim_node *node = tree->platter.items[i].node;
    sim_node_crash(node, unsynced, random);
    map_put(&tree->now, tree->platter.items[i].path, node);
  }
}
