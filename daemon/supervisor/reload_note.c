/* reload_note: see reload_note.h. STATE/reload: "tidemark reload NUMBER BEGUN_US ok|refused" and a
 * line end, then the text. */
#include "daemon/supervisor/reload_note.h"

#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOTE_BYTES_MAX = 1 << 20 };

void reload_note_write(struct io *io, const char *state_dir, const struct reload_result *result) {
  char *path = mem_printf("%s/reload", state_dir), *temporary = mem_printf("%s.tmp", path);
  char *text = mem_printf("tidemark reload %" PRIu64 " %" PRId64 " %s\n%s", result->number,
                          result->begun_us, result->ok ? "ok" : "refused", result->text);
  struct disk_file *file = NULL;
  struct err err;
  int flags = DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE;
  int done = disk_open(io->disk, temporary, flags, &file, &err);
  if (done == 0) done = disk_write(file, text, strlen(text), 0, &err);
  disk_close(file);
  if (done == 0) disk_rename(io->disk, temporary, path, &err);
  free(text);
  free(temporary);
  free(path);
}

int reload_note_read(struct io *io, const char *state_dir, bool *found, struct reload_note *note,
                     struct err *err) {
  char *path = mem_printf("%s/reload", state_dir);
  struct disk_stat stat;
  *found = false;
  *note = (struct reload_note){0};
  int result = disk_stat(io->disk, path, found, &stat, err);
  struct disk_file *file = NULL;
  if (result == 0 && *found) result = disk_open(io->disk, path, DISK_READ, &file, err);
  if (file != NULL) {
    char *text = mem_alloc(NOTE_BYTES_MAX + 1);
    size_t got = 0;
    result = disk_read(file, text, NOTE_BYTES_MAX, 0, &got, err);
    text[got] = '\0';
    char ok[8] = "";
    int end = 0;
    if (result == 0 && sscanf(text, "tidemark reload %" SCNu64 " %" SCNd64 " %7s%n", &note->number,
                              &note->begun_us, ok, &end) == 3) {
      note->ok = strcmp(ok, "ok") == 0;
      note->text = mem_strdup(text + end + (text[end] == '\n' ? 1 : 0));
    } else {
      *found = false;
    }
    free(text);
    disk_close(file);
  }
  free(path);
  return result;
}
