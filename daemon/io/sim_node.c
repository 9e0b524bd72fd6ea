/* sim_node: the bytes of one file of the simulated disk; see sim_tree.h. */
#include "daemon/base/mem.h"
#include "daemon/io/sim_tree.h"

#include <stdlib.h>

enum { SECTOR_BYTES = 512 };
struct sim_node *sim_node_ref(struct sim_node *node) {
  node->refs++;
  return node;
}

void sim_node_unref(struct sim_node *node) {
  if (node == NULL || --node->refs > 0) return;
  buf_fini(&node->data);
  buf_fini(&node->synced);
  free(node->dirty);
  free(node);
}

static void mark_dirty(struct sim_node *node, uint64_t from, uint64_t to) {
  struct sim_range *last = node->n_dirty > 0 ? &node->dirty[node->n_dirty - 1] : NULL;
  if (last != NULL && from <= last->to && to >= last->from) {
    if (from < last->from) last->from = from;
    if (to > last->to) last->to = to;
    return;
  }
  array_grow((void **)&node->dirty, &node->dirty_cap, node->n_dirty, sizeof *node->dirty);
  node->dirty[node->n_dirty++] = (struct sim_range){from, to};
}

static void resize(struct buf *buf, size_t size) {
  if (size > buf->len) memset(buf_reserve(buf, size - buf->len), 0, size - buf->len);
  buf->len = size;
}

void sim_node_resize(struct sim_node *node, uint64_t size) {
  /* What is cut off reads as zeros if the file grows again, also after a sync. */
  if (size < node->data.len) mark_dirty(node, size, node->data.len);
  resize(&node->data, (size_t)size);
}

void sim_node_write(struct sim_node *node, const void *data, size_t len, uint64_t offset) {
  if (len == 0) return;
  if (offset + len > node->data.len) sim_node_resize(node, offset + len);
  memcpy(node->data.data + offset, data, len);
  mark_dirty(node, offset, offset + len);
}

void sim_node_sync(struct sim_node *node) {
  resize(&node->synced, node->data.len);
  for (size_t i = 0; i < node->n_dirty; i++) {
    uint64_t from = node->dirty[i].from, to = node->dirty[i].to;
    if (to > node->data.len) to = node->data.len;
    if (from < to) memcpy(node->synced.data + from, node->data.data + from, (size_t)(to - from));
  }
  node->n_dirty = 0;
}

void sim_node_lose(struct sim_node *node) {
  node->n_dirty = 0;
}

/* --- a power cut --- */

static void set_bytes(struct buf *to, const struct buf *from) {
  buf_clear(to);
  buf_put(to, from->data, from->len);
}

/* Any size between the two can be what the file system had written down. */
static size_t draw_size(const struct sim_node *node, struct random *random) {
  size_t a = node->synced.len, b = node->data.len;
  switch (random_below(random, 3)) {
  case 0: return a;
  case 1: return b;
  default:
    return a < b ? a + (size_t)random_below(random, b - a + 1)
                 : b + (size_t)random_below(random, a - b + 1);
  }
}

/* Puts into data what is left of the sector [from, to); old is what was synced of it. */
static void crash_sector(char *data, const char *old, size_t len, struct random *random) {
  if (memcmp(data, old, len) == 0) return;
  uint64_t drawn = random_below(random, 8);
  if (drawn < 3) return;
  size_t kept = drawn < 6 ? 0 : (size_t)random_below(random, len);
  memcpy(data + kept, old + kept, len - kept);
}

static void crash_mixed(struct sim_node *node, struct random *random) {
  if (node->data.len == node->synced.len &&
      (node->data.len == 0 || memcmp(node->data.data, node->synced.data, node->data.len) == 0))
    return;
  size_t size = draw_size(node, random);
  resize(&node->data, size);
  resize(&node->synced, size);
  for (size_t at = 0; at < size; at += SECTOR_BYTES) {
    size_t len = size - at < SECTOR_BYTES ? size - at : SECTOR_BYTES;
    crash_sector(node->data.data + at, node->synced.data + at, len, random);
  }
  set_bytes(&node->synced, &node->data);
}

void sim_node_crash(struct sim_node *node, enum sim_unsynced unsynced, struct random *random) {
  node->locked_by = NULL;
  if (unsynced == SIM_UNSYNCED_KEPT) return;
  node->n_dirty = 0;
  if (unsynced == SIM_UNSYNCED_MIXED)
    crash_mixed(node, random);
  else
    set_bytes(&node->data, &node->synced);
}
