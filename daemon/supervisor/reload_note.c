/* reload_note: see reload_note.h. STATE/reload: "tidemark reload NUMBER BEGUN_US ok|refused" and a
 * line end, then the text. STATE/give-up: a name on each line. */
#include "daemon/supervisor/reload_note.h"

#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOTE_BYTES_MAX = 1 << 20 };

/* There as a whole or not at all, for who looks while it is written. */
static int file_put(struct io *io, const char *path, struct slice text, struct err *err) {
  char *temporary = mem_printf("%s.tmp", path);
  struct disk_file *file = NULL;
  int flags = DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE;
  int result = disk_open(io->disk, temporary, flags, &file, err);
  if (result == 0) result = disk_write(file, text.data, text.len, 0, err);
  disk_close(file);
  if (result == 0) result = disk_rename(io->disk, temporary, path, err);
  free(temporary);
  return result;
}

/* Adds what is in it; *found = false: there is no such file. */
static int file_get(struct io *io, const char *path, bool *found, struct buf *text,
                    struct err *err) {
  struct disk_stat stat;
  struct disk_file *file = NULL;
  *found = false;
  int result = disk_stat(io->disk, path, found, &stat, err);
  if (result == 0 && *found) result = disk_open(io->disk, path, DISK_READ, &file, err);
  if (file == NULL) return result;
  size_t got = 0;
  buf_reserve(text, NOTE_BYTES_MAX);
  result = disk_read(file, text->data + text->len, NOTE_BYTES_MAX, 0, &got, err);
  text->len += got;
  disk_close(file);
  return result;
}

void reload_note_write(struct io *io, const char *state_dir, const struct reload_result *result) {
  char *path = mem_printf("%s/reload", state_dir);
  char *text = mem_printf("tidemark reload %" PRIu64 " %" PRId64 " %s\n%s", result->number,
                          result->begun_us, result->ok ? "ok" : "refused", result->text);
  struct err err;
  file_put(io, path, slice_of(text), &err);
  free(text);
  free(path);
}

int reload_wish_write(struct io *io, const char *state_dir, struct slice sinks, struct err *err) {
  char *path = mem_printf("%s/give-up", state_dir);
  int result = file_put(io, path, sinks, err);
  free(path);
  return result;
}

void reload_wish_take(struct io *io, const char *state_dir, struct buf *sinks) {
  char *path = mem_printf("%s/give-up", state_dir);
  bool found;
  struct err err;
  if (file_get(io, path, &found, sinks, &err) == 0 && found) disk_unlink(io->disk, path, &err);
  free(path);
}

int reload_note_read(struct io *io, const char *state_dir, bool *found, struct reload_note *note,
                     struct err *err) {
  char *path = mem_printf("%s/reload", state_dir);
  struct buf text;
  buf_init(&text);
  *note = (struct reload_note){0};
  int result = file_get(io, path, found, &text, err);
  const char *line = buf_cstr(&text);
  char ok[8] = "";
  int end = 0;
  if (result == 0 && *found &&
      sscanf(line, "tidemark reload %" SCNu64 " %" SCNd64 " %7s%n", &note->number, &note->begun_us,
             ok, &end) == 3) {
    note->ok = strcmp(ok, "ok") == 0;
    note->text = mem_strdup(line + end + (line[end] == '\n' ? 1 : 0));
  } else {
    *found = false;
  }
  buf_fini(&text);
  free(path);
  return result;
}
