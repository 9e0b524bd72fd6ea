/* intents: what the sink `file` is about to do to files that its last committed state does not
 * know, written down and synced before it is done, so that it can be undone. See file.c for the
 * protocol.
 *
 * The note is one small file in the folder of the output, .tidemark-<pipeline>-<sink>.intents:
 *
 *   offset  bytes
 *   0       8      "TMINTEN1"
 *   8       8      id: of the state folder's life, drawn at its first start
 *   16             entries: 4 bytes CRC-32C of the body, 4 bytes its length, the body:
 *     0     1      kind: 1 intent, 2 the first commit is behind us
 *     1     8      generation: commits given before it
 *     9     1      1 when the file was there before
 *     10    8      the bytes of it that are not ours
 *     18           path
 *
 * An entry is valid if and only if its checksum is right and all before it are. */
#ifndef TIDEMARK_SINKS_FILE_INTENTS_H
#define TIDEMARK_SINKS_FILE_INTENTS_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/io/disk.h"

#include <stdbool.h>
#include <stdint.h>

struct intent {
  uint64_t generation;
  bool existed;
  uint64_t base_bytes;
  char *path; /* owned */
};

struct intents {
  struct disk *disk;
  char *path, *folder; /* owned; of the note itself */
  uint64_t id;
  bool first_commit_behind; /* the note says so */
  struct intent *list;
  size_t n, cap;
  struct disk_file *file; /* NULL until written to in this life */
  uint64_t size_bytes;    /* of valid entries in the file */
  struct buf pending;     /* entries not yet in the file */
};

/* Reads the note; none is an empty one with id 0. */
int intents_open(struct intents *intents, struct disk *disk, const char *folder,
                 const char *sink_id, struct err *err);
void intents_close(struct intents *intents); /* safe on a zeroed one */

/* Forgets all entries; the note is written anew with the next flush. */
void intents_reset(struct intents *intents, uint64_t id);
void intents_add(struct intents *intents, uint64_t generation, bool existed, uint64_t base_bytes,
                 const char *path);
void intents_add_first_commit(struct intents *intents);
/* Makes sure that what was added will be there after a power cut. Cheap when nothing was. */
int intents_flush(struct intents *intents, struct err *err);
/* Leaves out entries of generations before this one when the note has grown large. */
int intents_compact(struct intents *intents, uint64_t generation, struct err *err);

#endif
