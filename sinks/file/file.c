/* file: the sink that writes records to files, each exactly once.
 *
 * The protocol. The log keeps, with every commit, our state: for each file in use its path, number
 * and length. After a crash the engine gives the newest state it has and then every epoch behind it
 * again. So all that is needed is that open() makes the disk what it was at that commit:
 *
 *   1. A file in the state is cut to its length. Shorter, or gone: somebody else did that, and it
 * is an error that says so.
 *   2. A file that is not in the state, but that we wrote to after the commit, goes back to what it
 *      was before: cut to the bytes that were there, or removed. To know these, an *intent* (path,
 *      whether it was there, its length) is written down and synced in a note beside the output
 *      (intents.h) before such a file is first written to. An intent bears the number of commits
 *      given before it, its generation; the state bears it too; those of the state's generation and
 *      later are undone, those before it are covered by the state.
 *   3. At the first start there is no state. Then all intents in the note are undone, if it was
 * made in this state folder's life. It has an id, drawn at the first start and kept in the state
 *      from the first commit on; but before that commit only the note can tell a crash from a state
 *      folder that was thrown away after successful work: therefore the note says when a first
 *      commit is behind it (written with the second, and at an end when the log has it), and then
 * nothing is undone.
 *
 * Whatever was there before us is thus never lost: if_exists says whether it is appended to,
 * refused or (when asked for) cut.
 *
 * commit = sync all files written to and all folders with new names, then give the state. A sync
 * that failed is final, whatever the reason: the system may have dropped what it had not written,
 * and says so only once. The next start cuts the files back and writes that again. Between commits
 * an epoch is delivered once it has been written; it is in the log, so it can be written again.
 *
 * Rotation never renames: a finished file keeps its number (out.ndjson.000001) and the next one is
 * opened. When, is decided at the start of an epoch by the length and the epoch's clock, so that
 * the same log gives the same files.
 *
 * All disk calls but those of open() and close() are made on a thread of the sink's own; one write
 * or commit is out at a time, and `job` is all that is shared with it. */
#include "daemon/base/mem.h"
#include "daemon/record/time.h"
#include "sinks/file/outputs.h"
#include "sinks/file/path_template.h"
#include "sinks/sinks.h"

#include <stdlib.h>

struct file_job {
  struct sink_batch *batch;
  struct sink_commit *commit;
  struct buf state;
  int result;
  struct err err;
};

struct file_sink {
  /* options */
  struct expr_text path;
  const char *timezone;
  int64_t open_max;
  uint64_t rotate_bytes;
  int64_t rotate_every_us;
  int if_exists;
  /* compiled */
  struct path_template template;
  /* run */
  struct sink_ctx *ctx;
  struct time_zone *zone;
  struct exec *exec;
  struct outputs outputs;
  struct file_job job;
};

static const char *const if_exists_names[] = {"append", "fail", "truncate", NULL};

static const struct option rotate_options[] = {
    {.name = "size",
     .type = OPTION_SIZE,
     .offset = offsetof(struct file_sink, rotate_bytes),
     .text = "a file is finished by the epoch that makes it this long"},
    {.name = "every",
     .type = OPTION_DURATION,
     .offset = offsetof(struct file_sink, rotate_every_us),
     .fallback = "0",
     .text = "a file is finished this long after its first record was written"},
    {0}};

static const struct option file_options[] = {
    {.name = "path",
     .type = OPTION_EXPR,
     .offset = offsetof(struct file_sink, path),
     .required = true,
     .text = "the file; {{field}} or any {{expression}} of the record and {{date:%Y-%m-%d}} of its "
             "event time are filled in"},
    {.name = "timezone",
     .type = OPTION_TEXT,
     .offset = offsetof(struct file_sink, timezone),
     .fallback = "UTC",
     .text = "time zone of {{date:...}}"},
    {.name = "if_exists",
     .type = OPTION_ENUM,
     .offset = offsetof(struct file_sink, if_exists),
     .fallback = "append",
     .names = if_exists_names,
     .text = "what to do with a file that is not empty at the first start"},
    {.name = "max_open_files",
     .type = OPTION_INT,
     .offset = offsetof(struct file_sink, open_max),
     .fallback = "64",
     .min = 1,
     .max = 100000,
     .text = "of more files those not used for longest are closed"},
    {.name = "rotate",
     .type = OPTION_GROUP,
     .group = rotate_options,
     .text = "files get numbers, path.000001 and so on, and the next begins by size or time"},
    {0}};

static void file_check(const void *instance, const struct node *node,
                       struct config_errors *errors) {
  const struct file_sink *sink = instance;
  if (sink->path.node == NULL) return;
  const struct node *policy = node_get(node, "if_exists");
  if (sink->if_exists != IF_EXISTS_APPEND && !path_template_fixed(sink->path.text))
    config_error_add(errors, policy != NULL ? policy->place : node->place,
                     "if_exists: %s needs a path without {{placeholders}}: which of many files are "
                     "older ones of our own cannot be told for good",
                     if_exists_names[sink->if_exists]);
  if (sink->path.text.len > 0 && sink->path.text.data[sink->path.text.len - 1] == '/')
    config_error_add(errors, sink->path.node->place,
                     "path ends with a /: a file's name is missing");
}

static enum sink_promise file_promise(const void *instance) {
  (void)instance;
  return SINK_EXACTLY_ONCE;
}

static const char *file_promise_text(const void *instance) {
  (void)instance;
  return "exactly once: on recovery each file is cut to what the log promised";
}

static int file_compile(void *instance, struct compile *compile) {
  struct file_sink *sink = instance;
  int result = path_template_compile(&sink->template, compile, &sink->path);
  struct err err;
  struct time_zone *zone = time_zone_open(compile_io(compile)->disk, sink->timezone, &err);
  if (zone == NULL) {
    compile_error(compile, sink->path.node->place, "timezone: %s", err.text);
    return -1;
  }
  time_zone_close(zone);
  return result;
}

/* What open() will need: a folder, or the nearest one above it that is there, that can be written
 * to. A file made and removed again shows it; nothing else does. */
static int file_claim(void *instance, struct io *io, const struct diag *diag, const void *old,
                      struct err *err) {
  const struct file_sink *sink = instance, *before = old;
  (void)diag;
  if (before != NULL && strcmp(before->template.folder, sink->template.folder) == 0) return 0;
  char *folder = mem_strdup(sink->template.folder);
  bool found = false;
  struct disk_stat stat;
  int result = disk_stat(io->disk, folder, &found, &stat, err);
  while (result == 0 && !found) {
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder) break;
    *slash = '\0';
    result = disk_stat(io->disk, folder, &found, &stat, err);
  }
  if (result == 0 && found) {
    char *probe =
        mem_printf("%s/.tidemark-%016llx", folder, (unsigned long long)random_u64(io->random));
    struct disk_file *file = NULL;
    int flags = DISK_READ | DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE;
    result = disk_open(io->disk, probe, flags, &file, err);
    disk_close(file);
    if (result == 0) result = disk_unlink(io->disk, probe, err);
    free(probe);
  }
  free(folder);
  return result;
}

static int file_open(void *instance, struct sink_ctx *ctx, struct slice state, uint64_t *held_epoch,
                     struct err *err) {
  struct file_sink *sink = instance;
  (void)held_epoch;
  sink->ctx = ctx;
  struct outputs_settings settings = {.open_max = (size_t)sink->open_max,
                                      .rotate_bytes = sink->rotate_bytes,
                                      .rotate_every_us = sink->rotate_every_us,
                                      .if_exists = sink->if_exists};
  sink->zone = time_zone_open(ctx->io->disk, sink->timezone, err);
  if (sink->zone == NULL) return -1;
  if (outputs_open(&sink->outputs, &settings, ctx, sink->template.folder, state, err) != 0)
    return -1;
  if (sink->template.fixed && outputs_prepare(&sink->outputs, sink->template.path, err) != 0)
    return -1;
  sink->exec = exec_new(ctx->io->threads, ctx->io->loop, "sink-file");
  return 0;
}

static void file_encode(const void *instance, const struct sink_ctx *ctx,
                        const struct expr_run *run, const struct schema *schema,
                        const struct view *view, struct sink_part *part) {
  const struct file_sink *sink = instance;
  path_template_encode(&sink->template, sink->zone, ctx->codec, run, schema, view, part);
}

/* On the sink's thread. */
static void write_run(void *arg) {
  struct file_sink *sink = arg;
  sink->job.result = outputs_write(&sink->outputs, sink->job.batch,
                                   sink->template.fixed ? sink->template.path : "", &sink->job.err);
}

static void write_done(void *arg) {
  struct file_sink *sink = arg;
  if (sink->job.result == 0)
    sink_delivered(sink->job.batch);
  else if (sink->job.err.code == ERR_RETRY)
    sink_retry(sink->job.batch, &sink->job.err);
  else
    sink_failed(sink->job.batch, &sink->job.err);
}

static void file_write(void *instance, struct sink_batch *batch) {
  struct file_sink *sink = instance;
  sink->job.batch = batch;
  exec_submit(sink->exec, (struct exec_job){.run = write_run, .done = write_done, .arg = sink});
}

/* On the sink's thread. */
static void commit_run(void *arg) {
  struct file_sink *sink = arg;
  buf_clear(&sink->job.state);
  sink->job.result = outputs_commit(&sink->outputs, &sink->job.state, &sink->job.err);
}

static void commit_done(void *arg) {
  struct file_sink *sink = arg;
  if (sink->job.result == 0)
    sink_committed(sink->job.commit, buf_slice(&sink->job.state));
  else if (sink->job.err.code == ERR_RETRY)
    sink_commit_retry(sink->job.commit, &sink->job.err);
  else
    sink_commit_failed(sink->job.commit, &sink->job.err);
}

static void file_commit(void *instance, struct sink_commit *commit) {
  struct file_sink *sink = instance;
  sink->job.commit = commit;
  exec_submit(sink->exec, (struct exec_job){.run = commit_run, .done = commit_done, .arg = sink});
}

static void file_committed(void *instance) {
  struct file_sink *sink = instance;
  sink->outputs.logged = true;
}

static void file_close(void *instance) {
  struct file_sink *sink = instance;
  exec_free(sink->exec);
  sink->exec = NULL;
  outputs_close(&sink->outputs);
  time_zone_close(sink->zone);
  sink->zone = NULL;
  buf_fini(&sink->job.state);
}

const struct sink_plugin sink_file = {
    .type = {.name = "file",
             .text = "writes records to files, with rotation and paths by date and field",
             .options = file_options,
             .instance_bytes = sizeof(struct file_sink),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX,
             .check = file_check},
    .promise = file_promise,
    .promise_text = file_promise_text,
    .compile = file_compile,
    .open = file_open,
    .encode = file_encode,
    .write = file_write,
    .commit = file_commit,
    .committed = file_committed,
    .handover = {.claim = file_claim},
    .close = file_close,
};
