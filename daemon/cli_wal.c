/* tidemark wal: the write-ahead log of a stopped pipeline, for people. */
#include "daemon/cli.h"

#include "daemon/base/mem.h"
#include "daemon/flow/log_record.h"
#include "daemon/wal/wal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void note(void *arg) {
  (void)arg;
}

static int record_print(const struct wal_record *record, bool print, struct err *err) {
  const struct log_kind_row *kind = log_kind_find(record->kind);
  struct buf line;
  buf_init(&line);
  int result = 0;
  if (kind == NULL) {
    result = err_set(err, ERR_CORRUPT, "position %" PRIu64 ": unknown kind of record %u",
                     record->lsn, record->kind);
  } else if (kind->describe(&line, record->body) != 0) {
    result =
        err_set(err, ERR_CORRUPT, "position %" PRIu64 ": the body of the %s record cannot be read",
                record->lsn, kind->name);
  } else if (print) {
    printf("%" PRIu64 " %s: %s\n", record->lsn, kind->name, buf_cstr(&line));
  }
  buf_fini(&line);
  return result;
}

static int log_read(struct wal *wal, bool print, uint64_t *n_records, struct err *err) {
  struct wal_reader *reader;
  struct wal_record record;
  if (wal_reader_open(wal, 0, &reader, err) != 0) return -1;
  int more;
  while ((more = wal_reader_next(reader, &record, err)) == 1) {
    (*n_records)++;
    if (record_print(&record, print, err) != 0) {
      more = -1;
      break;
    }
  }
  wal_reader_close(reader);
  return more;
}

static int wal_main(struct cli *cli) {
  if (cli->argc != 3) return cli_usage(cli, "what to do and a state folder are wanted");
  bool dump = strcmp(cli->argv[1], "dump") == 0;
  if (!dump && strcmp(cli->argv[1], "verify") != 0) {
    return cli_usage(cli, "there is no `wal %s`", cli->argv[1]);
  }
  struct err err;
  struct wal *wal;
  char *dir = mem_printf("%s/log", cli->argv[2]);
  bool found = false;
  struct disk_stat stat;
  struct wal_options options = {.dir = dir, .segment_bytes = 64 << 20, .read_only = true};
  int result = disk_stat(cli->io.disk, dir, &found, &stat, &err);
  if (result == 0 && !found)
    result = err_set(&err, ERR_NOINPUT, "there is no log in %s", cli->argv[2]);
  if (result == 0) result = wal_open(&wal, &cli->io, &options, &cli->diag, note, NULL, &err);
  if (result == 0) {
    uint64_t n_records = 0;
    result = log_read(wal, dump, &n_records, &err);
    struct wal_figures figures;
    wal_figures(wal, &figures);
    if (result == 0 && !dump) {
      printf("%s: %" PRIu64 " records in %" PRIu64 " segments, all good; positions %" PRIu64
             " to %" PRIu64 "\n",
             dir, n_records, figures.segments, wal_begin_lsn(wal), wal_end_lsn(wal));
      if (figures.torn_tail_bytes > 0) {
        printf("%" PRIu64 " bytes behind the end are what was being written at a crash; the next "
               "start cuts them\n",
               figures.torn_tail_bytes);
      }
    }
    wal_close(wal);
  }
  free(dir);
  return result == 0 ? 0 : cli_error(cli, &err);
}

const struct cli_command cli_wal = {
    .name = "wal",
    .usage = "wal verify|dump STATE_DIR",
    .text = "check or print the write-ahead log of a pipeline",
    .help = "\n  verify   reads all of it; exit status 74 and the place when it is damaged\n"
            "  dump     prints each record: position, kind, what it says\n\n"
            "STATE_DIR is the pipeline's state.dir. Nothing is changed.\n",
    .main = wal_main,
};
