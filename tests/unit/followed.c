/* followed: see followed.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "sources/sources.h"
#include "tests/unit/followed.h"

/* ------------------------------------------------------------------ the writers' side */

char *place(struct source_world *world, const char *name) {
  return mem_printf("%s/%s", world->folder, name);
}

void fail_if(int result, const struct err *err) {
  if (result != 0) fail_msg("%s", err->text);
}

uint64_t log_size(struct source_world *world, const char *name, uint64_t *ino) {
  char *path = place(world, name);
  bool found;
  struct disk_stat stat = {0};
  struct err err;
  fail_if(disk_stat(world->io.disk, path, &found, &stat, &err), &err);
  free(path);
  if (ino != NULL) *ino = stat.ino;
  return found ? stat.size_bytes : 0;
}

void log_append(struct source_world *world, const char *name, const char *text) {
  char *path = place(world, name);
  struct disk_file *file;
  struct err err;
  uint64_t size = log_size(world, name, NULL);
  fail_if(disk_open(world->io.disk, path, DISK_WRITE | DISK_CREATE, &file, &err), &err);
  fail_if(disk_write(file, text, strlen(text), size, &err), &err);
  disk_close(file);
  free(path);
}

void log_move(struct source_world *world, const char *from, const char *to) {
  char *old = place(world, from), *new = place(world, to);
  struct err err;
  fail_if(disk_rename(world->io.disk, old, new, &err), &err);
  free(old);
  free(new);
}

void log_drop(struct source_world *world, const char *name) {
  char *path = place(world, name);
  struct err err;
  fail_if(disk_unlink(world->io.disk, path, &err), &err);
  free(path);
}

void log_copy(struct source_world *world, const char *from, const char *to) {
  char *path = place(world, from);
  struct disk_file *file;
  struct err err;
  size_t size = (size_t)log_size(world, from, NULL), got;
  char *bytes = mem_zalloc(size + 1);
  fail_if(disk_open(world->io.disk, path, DISK_READ, &file, &err), &err);
  fail_if(disk_read(file, bytes, size, 0, &got, &err), &err);
  disk_close(file);
  log_append(world, to, bytes);
  free(bytes);
  free(path);
}

void log_cut(struct source_world *world, const char *name) {
  char *path = place(world, name);
  struct disk_file *file;
  struct err err;
  fail_if(disk_open(world->io.disk, path, DISK_WRITE, &file, &err), &err);
  fail_if(disk_truncate(file, 0, &err), &err);
  disk_close(file);
  free(path);
}

/* ------------------------------------------------------------------ the source's side */

void follow_start(struct source_world *world, const char *options) {
  struct err err;
  world->gaps = true;
  fail_if(source_start(world, &source_file, options, &err), &err);
}

void follow_restart(struct source_world *world, const char *options) {
  source_stop(world);
  follow_start(world, options);
}

/* Lets so much time pass, taking whatever comes in takes of so many bytes. */
void follow_by(struct source_world *world, int64_t us, uint64_t bytes) {
  struct err err;
  int64_t end_us = clock_mono_us(world->io.clock) + us, now_us;
  while ((now_us = clock_mono_us(world->io.clock)) < end_us) {
    fail_if(loop_wait(world->io.loop, world->ready ? 0 : end_us - now_us, &err), &err);
    if (world->ready) fail_if(source_take_once(world, bytes, &err), &err);
  }
}

void follow(struct source_world *world, int64_t us) {
  follow_by(world, us, 1 << 20);
}
