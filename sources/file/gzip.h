/* gzip: the decompressed bytes of a file by their offset. Reading forward is cheap; going back
 * further than what was given back with gzip_unread() decompresses from the start again. */
#ifndef TIDEMARK_SOURCES_FILE_GZIP_H
#define TIDEMARK_SOURCES_FILE_GZIP_H

#include "daemon/base/err.h"
#include "daemon/io/disk.h"

#include <stdbool.h>
#include <stdint.h>

struct gzip;

/* Whether a file's first bytes are those of gzip. */
bool gzip_begins(const char *head, size_t head_bytes);

struct gzip *gzip_new(void);
void gzip_free(struct gzip *gzip); /* NULL is fine */

/* Reads up to len bytes from offset on. *got < len: the end (*ended), or the last good bytes before
 * something that is broken, which the next call will say: ERR_DATA with the byte of the file. */
int gzip_read(struct gzip *gzip, struct disk_file *file, void *data, size_t len, uint64_t offset,
              size_t *got, bool *ended, struct err *err);
/* The last len bytes given by gzip_read(): the next read begins with them. */
void gzip_unread(struct gzip *gzip, const void *data, size_t len);
/* Bytes of the file itself that have been used. */
uint64_t gzip_file_bytes(const struct gzip *gzip);
/* Memory of one, for bounding how many there are. */
enum { GZIP_BYTES = 120 * 1024 };

#endif
