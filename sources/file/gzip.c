/* gzip: see gzip.h. zlib does the work; here is the offset arithmetic around it.
 *
 * What must stay true: next_offset is the offset of the byte that inflate will give next, and the
 * bytes in `back` are those just before it. A file may hold several members one after the other
 * (as gzip -c a b gives) and zeros behind the last, as tapes and some tools leave them. */
#include "sources/file/gzip.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SKIP_BYTES = 64 * 1024 };

struct gzip {
  z_stream z;
  bool ready;           /* z is initialised */
  bool in_member;       /* between a header and its trailer */
  bool any_member;      /* one has ended: what follows may be padding */
  bool ended;           /* all of it has been given */
  struct err *broken;   /* what the next read says; NULL while all is well */
  uint64_t file_offset; /* of the byte behind `in` */
  uint64_t next_offset;
  struct buf back;
  unsigned char in[64 * 1024];
};

bool gzip_begins(const char *head, size_t head_bytes) {
  return head_bytes >= 2 && head[0] == 0x1f && (unsigned char)head[1] == 0x8b;
}

struct gzip *gzip_new(void) {
  struct gzip *gzip = mem_zalloc(sizeof *gzip);
  buf_init(&gzip->back);
  return gzip;
}

static void rewind_all(struct gzip *gzip) {
  if (gzip->ready) inflateEnd(&gzip->z);
  free(gzip->broken);
  gzip->broken = NULL;
  memset(&gzip->z, 0, sizeof gzip->z);
  gzip->ready = gzip->in_member = gzip->any_member = gzip->ended = false;
  gzip->file_offset = gzip->next_offset = 0;
  buf_clear(&gzip->back);
}

void gzip_free(struct gzip *gzip) {
  if (gzip == NULL) return;
  rewind_all(gzip);
  buf_fini(&gzip->back);
  free(gzip);
}

uint64_t gzip_file_bytes(const struct gzip *gzip) {
  return gzip->file_offset - gzip->z.avail_in;
}

static int refill(struct gzip *gzip, struct disk_file *file, struct err *err) {
  size_t got;
  if (disk_read(file, gzip->in, sizeof gzip->in, gzip->file_offset, &got, err) != 0) return -1;
  gzip->file_offset += got;
  gzip->z.next_in = gzip->in;
  gzip->z.avail_in = (uInt)got;
  return 0;
}

/* Between members: the next one, zeros up to the end of the file, or something that is neither.
 * Sets in_member or ended. */
static int next_member(struct gzip *gzip, struct disk_file *file, struct err *err) {
  bool padding = false;
  for (;;) {
    if (gzip->z.avail_in == 0) {
      if (refill(gzip, file, err) != 0) return -1;
      if (gzip->z.avail_in == 0) {
        if (!gzip->any_member)
          return err_set(err, ERR_DATA, "%s: is empty, which is not gzip", disk_path(file));
        gzip->ended = true;
        return 0;
      }
    }
    if (gzip->any_member && *gzip->z.next_in == 0) {
      padding = true;
      gzip->z.next_in++;
      gzip->z.avail_in--;
      continue;
    }
    if (padding)
      return err_set(err, ERR_DATA, "%s: byte %llu: what follows the compressed data is not gzip",
                     disk_path(file), (unsigned long long)gzip_file_bytes(gzip));
    break;
  }
  if (!gzip->ready) {
    if (inflateInit2(&gzip->z, 15 + 16) != Z_OK)
      return err_set(err, ERR_OTHER, "%s: zlib cannot start", disk_path(file));
    gzip->ready = true;
  } else {
    inflateReset(&gzip->z);
  }
  gzip->in_member = true;
  return 0;
}

/* Gives at most len bytes from next_offset on; 0 bytes only at the end. */
static int inflate_some(struct gzip *gzip, struct disk_file *file, unsigned char *data, size_t len,
                        size_t *got, struct err *err) {
  *got = 0;
  while (*got < len && !gzip->ended) {
    if (!gzip->in_member) {
      if (next_member(gzip, file, err) != 0) return -1;
      continue;
    }
    if (gzip->z.avail_in == 0 && refill(gzip, file, err) != 0) return -1;
    bool file_ended = gzip->z.avail_in == 0; /* output that found no room may wait inside */
    size_t room = len - *got;
    if (room > 1u << 30) room = 1u << 30;
    gzip->z.next_out = data + *got;
    gzip->z.avail_out = (uInt)room;
    int result = inflate(&gzip->z, Z_NO_FLUSH);
    size_t made = room - gzip->z.avail_out;
    *got += made;
    gzip->next_offset += made;
    if (result == Z_STREAM_END) {
      gzip->in_member = false;
      gzip->any_member = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return err_set(err, ERR_DATA, "%s: byte %llu: the compressed data is broken: %s",
                     disk_path(file), (unsigned long long)gzip_file_bytes(gzip),
                     gzip->z.msg != NULL ? gzip->z.msg : "not gzip");
    } else if (file_ended && made == 0) {
      return err_set(err, ERR_DATA,
                     "%s: byte %llu: the file ends in the middle of its compressed data; what was "
                     "before has been read",
                     disk_path(file), (unsigned long long)gzip->file_offset);
    }
  }
  return 0;
}

/* Inflates into data until len bytes or the end. An error behind good bytes waits in broken. */
static int inflate_forward(struct gzip *gzip, struct disk_file *file, unsigned char *data,
                           size_t len, size_t *got, struct err *err) {
  *got = 0;
  if (gzip->broken == NULL) {
    struct err problem;
    if (inflate_some(gzip, file, data, len, got, &problem) == 0) return 0;
    gzip->broken = mem_alloc(sizeof problem);
    *gzip->broken = problem;
    if (*got > 0) return 0;
  }
  *err = *gzip->broken;
  return -1;
}

static int skip_to(struct gzip *gzip, struct disk_file *file, uint64_t offset, struct err *err) {
  unsigned char *scratch = mem_alloc(SKIP_BYTES);
  int result = 0;
  while (result == 0 && gzip->next_offset < offset && !gzip->ended) {
    uint64_t left = offset - gzip->next_offset;
    size_t got;
    result = inflate_forward(gzip, file, scratch, left < SKIP_BYTES ? (size_t)left : SKIP_BYTES,
                             &got, err);
  }
  free(scratch);
  return result;
}

int gzip_read(struct gzip *gzip, struct disk_file *file, void *data, size_t len, uint64_t offset,
              size_t *got, bool *ended, struct err *err) {
  *got = 0;
  *ended = false;
  uint64_t back_offset = gzip->next_offset - gzip->back.len;
  if (offset < back_offset) {
    rewind_all(gzip);
  } else if (offset < gzip->next_offset) {
    size_t skipped = (size_t)(offset - back_offset);
    size_t n = gzip->back.len - skipped;
    if (n > len) n = len;
    memcpy(data, gzip->back.data + skipped, n);
    *got = n;
    if (skipped + n < gzip->back.len) {
      /* What is left stays; the offsets before it are given up. */
      memmove(gzip->back.data, gzip->back.data + skipped + n, gzip->back.len - skipped - n);
      gzip->back.len -= skipped + n;
      return 0;
    }
  }
  buf_clear(&gzip->back);
  if (gzip->next_offset < offset && skip_to(gzip, file, offset, err) != 0) return -1;
  if (gzip->next_offset < offset)
    return err_set(
        err, ERR_CORRUPT,
        "%s: holds %llu bytes when decompressed, but %llu of them have been taken: it was "
        "cut or replaced; put the file back, or start with a new state folder",
        disk_path(file), (unsigned long long)gzip->next_offset, (unsigned long long)offset);
  if (*got < len) {
    size_t more;
    struct err problem;
    if (inflate_forward(gzip, file, (unsigned char *)data + *got, len - *got, &more, &problem) !=
        0) {
      if (*got > 0) return 0; /* said by the next call */
      *err = problem;
      return -1;
    }
    *got += more;
  }
  *ended = *got < len && gzip->ended;
  return 0;
}

void gzip_unread(struct gzip *gzip, const void *data, size_t len) {
  /* Bytes may come from `back` itself having been read in part: put in front of what is left. */
  struct buf joined;
  buf_init(&joined);
  buf_put(&joined, data, len);
  buf_put_slice(&joined, buf_slice(&gzip->back));
  buf_fini(&gzip->back);
  gzip->back = joined;
}
