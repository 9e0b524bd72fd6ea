/* outputs: see outputs.h; file.c explains the protocol that this file carries out.
 *
 * What must stay true: nothing is written to a file before either the committed state or a synced
 * intent says up to where it is not ours; and every batch goes to the places that the lengths after
 * the batch before it give, so that writing it twice gives the same bytes. */
#include "sinks/file/outputs.h"

#include "daemon/base/bytes.h"
#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum { BUCKETS = 4096, NUMBER_DIGITS = 6, GENERATIONS_KEPT = 16 };

static char *file_name(const struct output *output) {
  if (output->number == 0) return mem_strdup(output->path);
  return mem_printf("%s.%0*u", output->path, NUMBER_DIGITS, (unsigned)output->number);
}

static char *folder_of(const char *path) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return mem_strdup(".");
  return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* ------------------------------------------------------------------ the table */

static struct output **bucket_of(struct outputs *outputs, struct slice path) {
  return &outputs->buckets[hash_bytes(path.data, path.len) & (BUCKETS - 1)];
}

static void unlink_use(struct outputs *outputs, struct output *output) {
  if (output->newer != NULL)
    output->newer->older = output->older;
  else
    outputs->newest = output->older;
  if (output->older != NULL)
    output->older->newer = output->newer;
  else
    outputs->oldest = output->newer;
  output->newer = output->older = NULL;
}

static void link_newest(struct outputs *outputs, struct output *output) {
  output->older = outputs->newest;
  if (outputs->newest != NULL)
    outputs->newest->newer = output;
  else
    outputs->oldest = output;
  outputs->newest = output;
}

static struct output *find_output(struct outputs *outputs, struct slice path) {
  struct output *output = *bucket_of(outputs, path);
  while (output != NULL && !slice_is(path, output->path)) output = output->next_in_bucket;
  return output;
}

static struct output *add_output(struct outputs *outputs, struct slice path) {
  struct output *output = mem_zalloc(sizeof *output);
  output->path = mem_strndup(path.data, path.len);
  output->opened_us = -1;
  struct output **bucket = bucket_of(outputs, path);
  output->next_in_bucket = *bucket;
  *bucket = output;
  link_newest(outputs, output);
  outputs->n++;
  return output;
}

static void close_output(struct outputs *outputs, struct output *output) {
  if (output->file == NULL) return;
  disk_close(output->file);
  output->file = NULL;
  outputs->n_open--;
}

static void remove_output(struct outputs *outputs, struct output *output) {
  struct output **at = bucket_of(outputs, slice_of(output->path));
  while (*at != output) at = &(*at)->next_in_bucket;
  *at = output->next_in_bucket;
  unlink_use(outputs, output);
  close_output(outputs, output);
  free(output->path);
  free(output);
  outputs->n--;
}

/* ------------------------------------------------------------------ folders */

static void sync_folder_later(struct outputs *outputs, char *folder) {
  if (outputs->n_folders > 0 && strcmp(outputs->folders[outputs->n_folders - 1], folder) == 0) {
    free(folder);
    return;
  }
  array_grow((void **)&outputs->folders, &outputs->cap_folders, outputs->n_folders,
             sizeof *outputs->folders);
  outputs->folders[outputs->n_folders++] = folder;
}

/* Makes the folder and those above it; the names that are new are synced with the next commit. */
static int make_folder(struct outputs *outputs, const char *folder, struct err *err) {
  bool found;
  struct disk_stat stat;
  if (disk_stat(outputs->disk, folder, &found, &stat, err) != 0) return -1;
  if (found) return 0;
  char *above = folder_of(folder);
  int result = strcmp(above, folder) == 0 ? 0 : make_folder(outputs, above, err);
  if (result == 0) result = disk_make_dirs(outputs->disk, folder, err);
  if (result == 0)
    sync_folder_later(outputs, above);
  else
    free(above);
  return result;
}

/* What a sync that failed has left on the disk nobody knows, and the next one does not say. */
static int unknown(struct err *err) {
  err->code = ERR_IO;
  size_t used = strlen(err->text);
  snprintf(err->text + used, sizeof err->text - used,
           "; what is on the disk is not known any more: look after it, then start again (what is "
           "behind the last commit is written again)");
  return -1;
}

static int sync_folders(struct outputs *outputs, struct err *err) {
  while (outputs->n_folders > 0) {
    char *folder = outputs->folders[outputs->n_folders - 1];
    if (disk_sync_dir(outputs->disk, folder, err) != 0) return unknown(err);
    free(folder);
    outputs->n_folders--;
  }
  return 0;
}

/* ------------------------------------------------------------------ one file */

static int file_stat(struct outputs *outputs, const char *name, bool *found, uint64_t *size,
                     struct err *err) {
  struct disk_stat stat;
  if (disk_stat(outputs->disk, name, found, &stat, err) != 0) return -1;
  *size = *found ? stat.size_bytes : 0;
  if (*found && stat.type != DISK_FILE)
    return err_set(err, ERR_IO, "%s: is not a regular file; a sink of type file cannot write to it",
                   name);
  return 0;
}

/* Notes what is there under the output's present name, before anything of ours is. */
static int intend(struct outputs *outputs, struct output *output, struct err *err) {
  char *name = file_name(output);
  bool found;
  uint64_t size;
  int result = file_stat(outputs, name, &found, &size, err);
  if (result == 0 && found && size > 0 && outputs->settings.if_exists == IF_EXISTS_FAIL)
    result = err_set(err, ERR_IO, "%s: is there already, and if_exists: fail forbids writing to it",
                     name);
  if (result == 0) {
    output->cut = outputs->settings.if_exists == IF_EXISTS_TRUNCATE;
    output->length_bytes = output->cut ? 0 : size;
    output->tried_bytes = 0;
    intents_add(&outputs->intents, outputs->generation, found, output->length_bytes, name);
  }
  free(name);
  return result;
}

/* The highest number in use beside a path; 1 when there is none. */
static int last_number(struct outputs *outputs, const char *path, uint32_t *number,
                       struct err *err) {
  *number = 1;
  char *folder = folder_of(path);
  bool found;
  struct disk_stat stat;
  char **names = NULL;
  size_t n_names = 0;
  int result = disk_stat(outputs->disk, folder, &found, &stat, err);
  if (result == 0 && found) result = disk_list(outputs->disk, folder, &names, &n_names, err);
  const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
  size_t base_len = strlen(base);
  for (size_t i = 0; i < n_names; i++) {
    if (strncmp(names[i], base, base_len) != 0 || names[i][base_len] != '.') continue;
    const char *digits = names[i] + base_len + 1;
    size_t n_digits = strspn(digits, "0123456789");
    if (n_digits < NUMBER_DIGITS || n_digits > 9 || digits[n_digits] != '\0') continue;
    uint32_t n = (uint32_t)strtoul(digits, NULL, 10);
    if (n > *number) *number = n;
  }
  free(names);
  free(folder);
  return result;
}

static bool rotating(const struct outputs *outputs) {
  return outputs->settings.rotate_bytes > 0 || outputs->settings.rotate_every_us > 0;
}

/* A path that the committed state does not know. */
static struct output *begin_output(struct outputs *outputs, struct slice path, struct err *err) {
  struct output *output = add_output(outputs, path);
  int result = 0;
  if (rotating(outputs)) result = last_number(outputs, output->path, &output->number, err);
  if (result == 0) result = intend(outputs, output, err);
  if (result == 0) return output;
  remove_output(outputs, output);
  return NULL;
}

static void make_room(struct outputs *outputs) {
  struct output *output = outputs->oldest;
  while (outputs->n_open >= outputs->settings.open_max && output != NULL) {
    close_output(outputs, output);
    output = output->newer;
  }
}

static int open_output(struct outputs *outputs, struct output *output, struct err *err) {
  if (output->file != NULL) return 0;
  make_room(outputs);
  char *name = file_name(output), *folder = folder_of(name);
  struct disk_stat stat;
  int flags = DISK_WRITE;
  if (output->length_bytes == 0) {
    flags |= DISK_CREATE;
    if (make_folder(outputs, folder, err) != 0) goto failed;
  }
  if (disk_open(outputs->disk, name, flags, &output->file, err) != 0) goto failed;
  outputs->n_open++;
  if (output->length_bytes == 0) sync_folder_later(outputs, mem_strdup(folder));
  if (disk_fstat(output->file, &stat, err) != 0) goto failed;
  output->dev = stat.dev;
  output->ino = stat.ino;
  if (stat.size_bytes < output->length_bytes) {
    err_set(err, ERR_CORRUPT,
            "%s: has %llu bytes, but %llu were written: somebody cut or replaced it", name,
            (unsigned long long)stat.size_bytes, (unsigned long long)output->length_bytes);
    goto failed;
  }
  if (output->cut && disk_truncate(output->file, output->length_bytes, err) != 0) goto failed;
  output->cut = false;
  free(name);
  free(folder);
  return 0;

failed:
  close_output(outputs, output);
  free(name);
  free(folder);
  return -1;
}

/* The file that is open must still be the one that people find under its name. */
static int check_in_place(struct outputs *outputs, const struct output *output, struct err *err) {
  bool found;
  struct disk_stat stat;
  char *name = file_name(output);
  int result = disk_stat(outputs->disk, name, &found, &stat, err);
  if (result == 0 && (!found || stat.dev != output->dev || stat.ino != output->ino))
    result =
        err_set(err, ERR_CORRUPT,
                "%s: somebody moved, removed or replaced it while it was being written; it had "
                "%llu bytes",
                name, (unsigned long long)output->length_bytes);
  else if (result == 0 && stat.size_bytes < output->length_bytes)
    result = err_set(err, ERR_CORRUPT, "%s: somebody cut it to %llu bytes; it had %llu", name,
                     (unsigned long long)stat.size_bytes, (unsigned long long)output->length_bytes);
  else if (result == 0 && stat.size_bytes > output->length_bytes &&
           stat.size_bytes > output->tried_bytes)
    result = err_set(err, ERR_CORRUPT,
                     "%s: has %llu bytes, of which %llu are ours: somebody else writes to it", name,
                     (unsigned long long)stat.size_bytes, (unsigned long long)output->length_bytes);
  free(name);
  return result;
}

/* ------------------------------------------------------------------ batches */

/* A file is finished when it is long or old enough; what decides is the log's: lengths after the
 * batch before, and the batch's clock. */
static int rotate_if_due(struct outputs *outputs, struct output *output, int64_t clock_us,
                         struct err *err) {
  if (output->number == 0) return 0;
  for (;;) {
    bool large = outputs->settings.rotate_bytes > 0 &&
                 output->length_bytes >= outputs->settings.rotate_bytes;
    bool old = outputs->settings.rotate_every_us > 0 && output->opened_us >= 0 &&
               clock_us - output->opened_us >= outputs->settings.rotate_every_us;
    if (output->length_bytes == 0 || (!large && !old)) return 0;
    if (output->dirty) {
      if (open_output(outputs, output, err) != 0) return -1;
      if (disk_sync(output->file, err) != 0) return unknown(err);
      output->dirty = false;
    }
    close_output(outputs, output);
    uint64_t length_bytes = output->length_bytes;
    output->number++;
    output->length_bytes = 0;
    if (intend(outputs, output, err) != 0) {
      output->number--;
      output->length_bytes = length_bytes;
      return -1;
    }
    output->opened_us = -1;
  }
}

static struct slice route_of(const struct sink_piece *piece, const char *path) {
  return piece->route.len > 0 ? piece->route : slice_of(path);
}

/* Every file that the batch goes to is known and intended. */
static int begin_batch(struct outputs *outputs, const struct sink_batch *batch, const char *path,
                       struct err *err) {
  outputs->attempt++;
  for (size_t i = 0; i < batch->n_parts; i++) {
    for (size_t j = 0; j < batch->parts[i].n_pieces; j++) {
      const struct sink_piece *piece = &batch->parts[i].pieces[j];
      if (piece->len == 0) continue;
      struct slice route = route_of(piece, path);
      struct output *output = find_output(outputs, route);
      if (output == NULL) output = begin_output(outputs, route, err);
      if (output == NULL) return -1;
      if (output->attempt == outputs->attempt) continue;
      if (rotate_if_due(outputs, output, batch->clock_us, err) != 0) return -1;
      if (output->opened_us < 0) output->opened_us = batch->clock_us;
      output->attempt = outputs->attempt;
      output->next_bytes = output->length_bytes;
      unlink_use(outputs, output);
      link_newest(outputs, output);
    }
  }
  return intents_flush(&outputs->intents, err);
}

static int write_pieces(struct outputs *outputs, const struct sink_part *part, const char *path,
                        struct err *err) {
  for (size_t j = 0; j < part->n_pieces; j++) {
    const struct sink_piece *piece = &part->pieces[j];
    if (piece->len == 0) continue;
    struct output *output = find_output(outputs, route_of(piece, path));
    if (open_output(outputs, output, err) != 0) return -1;
    if (output->next_bytes == output->length_bytes && check_in_place(outputs, output, err) != 0)
      return -1;
    output->dirty = true;
    if (output->tried_bytes < output->next_bytes + piece->len)
      output->tried_bytes = output->next_bytes + piece->len;
    if (disk_write(output->file, part->bytes.data + piece->offset, piece->len, output->next_bytes,
                   err) != 0)
      return -1;
    output->next_bytes += piece->len;
  }
  return 0;
}

int outputs_prepare(struct outputs *outputs, const char *path, struct err *err) {
  struct output *output = find_output(outputs, slice_of(path));
  if (output == NULL) output = begin_output(outputs, slice_of(path), err);
  if (output == NULL) return -1;
  if (intents_flush(&outputs->intents, err) != 0) return -1;
  return open_output(outputs, output, err);
}

int outputs_write(struct outputs *outputs, const struct sink_batch *batch, const char *path,
                  struct err *err) {
  if (begin_batch(outputs, batch, path, err) != 0) return -1;
  for (size_t i = 0; i < batch->n_parts; i++)
    if (write_pieces(outputs, &batch->parts[i], path, err) != 0) return -1;
  for (struct output *output = outputs->newest; output != NULL; output = output->older) {
    if (output->attempt != outputs->attempt) break;
    output->length_bytes = output->next_bytes;
  }
  return 0;
}

/* ------------------------------------------------------------------ commits */

static void put_state(const struct outputs *outputs, struct buf *state) {
  bytes_put(state, 1, 1); /* version */
  bytes_put(state, outputs->intents.id, 8);
  bytes_put(state, outputs->generation, 8);
  bytes_put(state, outputs->n, 4);
  for (const struct output *output = outputs->oldest; output != NULL; output = output->newer) {
    bytes_put_slice(state, slice_of(output->path));
    bytes_put(state, output->number, 4);
    bytes_put(state, output->length_bytes, 8);
    bytes_put(state, (uint64_t)output->opened_us, 8);
  }
}

int outputs_commit(struct outputs *outputs, struct buf *state, struct err *err) {
  /* That there has been a commit is noted with the second one: by then the first is in the log. */
  if (outputs->generation > 0 && outputs->intents.n > 0) {
    intents_add_first_commit(&outputs->intents);
    if (intents_flush(&outputs->intents, err) != 0) return -1;
  }
  for (struct output *output = outputs->newest; output != NULL; output = output->older) {
    if (!output->dirty) continue;
    if (open_output(outputs, output, err) != 0) return -1;
    if (disk_sync(output->file, err) != 0) return unknown(err);
    output->dirty = false;
  }
  if (sync_folders(outputs, err) != 0) return -1;
  while (outputs->n > outputs->settings.open_max) remove_output(outputs, outputs->oldest);
  uint64_t generation = outputs->generation + 1;
  if (generation > GENERATIONS_KEPT &&
      intents_compact(&outputs->intents, generation - GENERATIONS_KEPT, err) != 0)
    return -1;
  outputs->generation = generation;
  put_state(outputs, state);
  return 0;
}

/* ------------------------------------------------------------------ recovery */

static int read_state(struct outputs *outputs, struct slice state, uint64_t *id, struct err *err) {
  uint64_t version, n;
  if (!bytes_get(&state, 1, &version) || version != 1 || !bytes_get(&state, 8, id) ||
      !bytes_get(&state, 8, &outputs->generation) || !bytes_get(&state, 4, &n))
    return err_set(err, ERR_CORRUPT, "the state folder's note of the files written cannot be read");
  for (uint64_t i = 0; i < n; i++) {
    struct slice path;
    uint64_t number, length_bytes, opened_us;
    if (!bytes_get_slice(&state, &path) || !bytes_get(&state, 4, &number) ||
        !bytes_get(&state, 8, &length_bytes) || !bytes_get(&state, 8, &opened_us))
      return err_set(err, ERR_CORRUPT,
                     "the state folder's note of the files written cannot be read");
    struct output *output = add_output(outputs, path);
    output->number = (uint32_t)number;
    output->length_bytes = length_bytes;
    output->opened_us = (int64_t)opened_us;
  }
  return 0;
}

/* Cuts a file to what is not to be undone, and makes that last. */
static int cut_file(struct outputs *outputs, const char *name, uint64_t length_bytes,
                    struct err *err) {
  struct disk_file *file;
  if (disk_open(outputs->disk, name, DISK_WRITE, &file, err) != 0) return -1;
  int result = disk_truncate(file, length_bytes, err);
  if (result == 0) result = disk_sync(file, err);
  disk_close(file);
  return result;
}

static int restore_output(struct outputs *outputs, const struct output *output, struct err *err) {
  char *name = file_name(output);
  bool found;
  uint64_t size;
  int result = file_stat(outputs, name, &found, &size, err);
  if (result == 0 && !found && output->length_bytes > 0)
    result =
        err_set(err, ERR_CORRUPT,
                "%s: is gone, but the log promises its first %llu bytes; put it back, or start "
                "with a new state folder",
                name, (unsigned long long)output->length_bytes);
  else if (result == 0 && size < output->length_bytes)
    result =
        err_set(err, ERR_CORRUPT,
                "%s: has %llu bytes, but the log promises %llu: somebody cut or replaced it; put "
                "it back, or start with a new state folder",
                name, (unsigned long long)size, (unsigned long long)output->length_bytes);
  else if (result == 0 && size > output->length_bytes)
    result = cut_file(outputs, name, output->length_bytes, err);
  free(name);
  return result;
}

static bool in_state(struct outputs *outputs, const char *name) {
  for (struct output *output = outputs->newest; output != NULL; output = output->older) {
    char *other = file_name(output);
    bool same = strcmp(other, name) == 0;
    free(other);
    if (same) return true;
  }
  return false;
}

static int undo_intent(struct outputs *outputs, const struct intent *intent, struct err *err) {
  bool found;
  uint64_t size;
  if (file_stat(outputs, intent->path, &found, &size, err) != 0) return -1;
  if (!found) return 0;
  if (intent->existed)
    return size > intent->base_bytes ? cut_file(outputs, intent->path, intent->base_bytes, err) : 0;
  if (disk_unlink(outputs->disk, intent->path, err) != 0) return -1;
  char *folder = folder_of(intent->path);
  int result = disk_sync_dir(outputs->disk, folder, err);
  free(folder);
  return result;
}

static int undo_intents(struct outputs *outputs, struct err *err) {
  struct intents *intents = &outputs->intents;
  for (size_t i = 0; i < intents->n; i++) {
    const struct intent *intent = &intents->list[i];
    if (intent->generation < outputs->generation || in_state(outputs, intent->path)) continue;
    /* The first one says what was there at the commit. */
    bool earlier = false;
    for (size_t j = 0; j < i && !earlier; j++)
      earlier = intents->list[j].generation >= outputs->generation &&
                strcmp(intents->list[j].path, intent->path) == 0;
    if (!earlier && undo_intent(outputs, intent, err) != 0) return -1;
  }
  return 0;
}

int outputs_open(struct outputs *outputs, const struct outputs_settings *settings,
                 const struct sink_ctx *ctx, const char *folder, struct slice state,
                 struct err *err) {
  outputs->settings = *settings;
  outputs->ctx = ctx;
  outputs->disk = ctx->io->disk;
  outputs->buckets = mem_zalloc(BUCKETS * sizeof *outputs->buckets);
  uint64_t id = 0;
  outputs->logged = state.len > 0;
  if (state.len > 0 && read_state(outputs, state, &id, err) != 0) return -1;
  if (make_folder(outputs, folder, err) != 0 || sync_folders(outputs, err) != 0) return -1;
  if (intents_open(&outputs->intents, outputs->disk, folder, ctx->id, err) != 0) return -1;

  for (struct output *output = outputs->newest; output != NULL; output = output->older)
    if (restore_output(outputs, output, err) != 0) return -1;
  struct intents *intents = &outputs->intents;
  bool ours = state.len > 0 ? intents->id == id : !intents->first_commit_behind;
  if (ours && undo_intents(outputs, err) != 0) return -1;

  if (state.len == 0) id = random_u64(ctx->io->random);
  intents_reset(intents, id);
  return 0;
}

void outputs_close(struct outputs *outputs) {
  if (outputs->buckets == NULL) return;
  /* A state folder that is thrown away after this must not look like one that never committed: its
   * results would be undone. Nothing is lost when the note cannot be written. */
  if (outputs->logged && outputs->intents.n > 0) {
    intents_add_first_commit(&outputs->intents);
    intents_flush(&outputs->intents, NULL);
  }
  while (outputs->newest != NULL) remove_output(outputs, outputs->newest);
  for (size_t i = 0; i < outputs->n_folders; i++) free(outputs->folders[i]);
  free(outputs->folders);
  free(outputs->buckets);
  intents_close(&outputs->intents);
  *outputs = (struct outputs){0};
}
