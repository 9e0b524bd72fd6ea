/* file_identity: by what a file is known again in another life; see file.h. */
#include "daemon/base/bytes.h"
#include "daemon/base/crc32c.h"
#include "sources/file/file.h"

static size_t start_bytes(size_t head_bytes) {
  return head_bytes < FILE_START_BYTES ? head_bytes : FILE_START_BYTES;
}

void file_identity_of(const char *head, size_t head_bytes, uint64_t dev, uint64_t ino,
                      struct file_identity *identity) {
  *identity = (struct file_identity){.head_bytes = (uint32_t)head_bytes,
                                     .head_crc = crc32c(0, head, head_bytes),
                                     .dev = dev,
                                     .ino = ino,
                                     .start_bytes = (uint32_t)start_bytes(head_bytes)};
  memcpy(identity->start, head, identity->start_bytes);
}

void file_identity_put(const struct file_identity *identity, struct buf *to) {
  bytes_put(to, identity->head_bytes, 4);
  bytes_put(to, identity->head_crc, 4);
  bytes_put(to, identity->dev, 8);
  bytes_put(to, identity->ino, 8);
  buf_put(to, identity->start, identity->start_bytes);
}

int file_identity_get(struct slice bytes, struct file_identity *identity, struct err *err) {
  uint64_t head_bytes, head_crc;
  if (!bytes_get(&bytes, 4, &head_bytes) || !bytes_get(&bytes, 4, &head_crc) ||
      !bytes_get(&bytes, 8, &identity->dev) || !bytes_get(&bytes, 8, &identity->ino) ||
      head_bytes > FILE_HEAD_BYTES || bytes.len != start_bytes(head_bytes))
    return err_set(err, ERR_CORRUPT, "the state folder's note of a file cannot be read");
  memcpy(identity->start, bytes.data, bytes.len);
  identity->start_bytes = (uint32_t)bytes.len;
  identity->head_bytes = (uint32_t)head_bytes;
  identity->head_crc = (uint32_t)head_crc;
  return 0;
}
