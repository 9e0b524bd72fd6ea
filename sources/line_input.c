/* line_input: see line_input.h.
 *
 * A read goes straight behind room for the half line in front of it, so that a line that came in
 * two pieces is moved once. A long half line is not moved again and again: then only its end is
 * looked for. The room behind the lines gathered belongs to nobody until line_input_add(), so a
 * thousand connections that say a few bytes each share one block and one commit. */
#include "sources/line_input.h"

#include "sources/lines.h"

#include <assert.h>

enum { READ_BYTES = 64 * 1024 };

void line_half_fini(struct line_half *half) {
  buf_fini(&half->kept);
  half->len = 0;
}

static void half_clear(struct line_half *half) {
  if (half->kept.cap > READ_BYTES) buf_fini(&half->kept);
  buf_clear(&half->kept);
  half->len = 0;
}

void line_input_begin(struct line_input *input, struct take *take, uint32_t partition,
                      uint64_t *position, uint64_t line_max, uint64_t kept_bytes) {
  if (kept_bytes > LINES_LONGEST_BYTES) kept_bytes = LINES_LONGEST_BYTES;
  *input = (struct line_input){.take = take,
                               .partition = partition,
                               .position = position,
                               .line_max = line_max,
                               .kept_bytes = kept_bytes};
}

uint64_t line_input_left(const struct line_input *input) {
  uint64_t left = take_bytes_left(input->take);
  return left > input->used ? left - input->used : 0;
}

static void commit_gathered(struct line_input *input) {
  if (input->used == 0) return;
  lines_commit_kept(input->take, input->partition, *input->position, input->block, input->used,
                    input->line_max, input->kept_bytes);
  *input->position += input->used;
  input->used = 0;
}

void line_input_end(struct line_input *input) {
  commit_gathered(input);
  input->block = NULL;
  input->cap = 0;
}

char *line_input_room(struct line_input *input, size_t bytes) {
  if (input->cap - input->used < bytes) {
    line_input_end(input);
    input->cap = bytes > LINES_BLOCK_BYTES ? bytes : LINES_BLOCK_BYTES;
    input->block = take_reserve(input->take, input->cap);
  }
  return input->block + input->used;
}

void line_input_add(struct line_input *input, size_t len) {
  assert(len <= input->cap - input->used);
  input->used += len;
}

/* Adds to the line that has not ended yet; what is beyond the kept length is only counted. */
static void carry(struct line_input *input, struct line_half *half, const char *data, size_t len) {
  size_t room = input->kept_bytes > half->kept.len ? (size_t)input->kept_bytes - half->kept.len : 0;
  buf_put(&half->kept, data, len < room ? len : room);
  half->len += len;
}

/* A line that has ended, by itself. */
static void take_carried(struct line_input *input, struct line_half *half) {
  size_t len = half->kept.len;
  if (half->len == len) {
    memcpy(line_input_room(input, len), half->kept.data, len);
    line_input_add(input, len);
  } else {
    line_input_end(input);
    char *data = take_reserve(input->take, len);
    memcpy(data, half->kept.data, len);
    take_commit(input->take, input->partition, *input->position, *input->position + half->len, data,
                len, TAKE_TOO_LONG);
    *input->position += half->len;
  }
  half_clear(half);
}

void line_input_take_half(struct line_input *input, struct line_half *half, bool end_it) {
  if (half->len == 0) return;
  if (end_it) carry(input, half, "\n", 1);
  take_carried(input, half);
}

/* The half line has ended within the first bytes of `data`: takes it, and moves the rest to the
 * room where lines are gathered now. */
static char *end_long(struct line_input *input, struct line_half *half, const char *data,
                      size_t *got) {
  size_t len = (size_t)((const char *)memchr(data, '\n', *got) + 1 - data);
  carry(input, half, data, len);
  struct buf rest; /* the room may go with a commit */
  buf_init(&rest);
  buf_put(&rest, data + len, *got - len);
  take_carried(input, half);
  char *moved = line_input_room(input, rest.len);
  if (rest.len > 0) memcpy(moved, rest.data, rest.len);
  *got = rest.len;
  buf_fini(&rest);
  return moved;
}

int line_input_read(struct line_input *input, struct line_half *half, line_read_fn *read,
                    void *stream, size_t *got, bool *ended, struct err *err) {
  bool joins = half->len <= READ_BYTES && half->len == half->kept.len;
  size_t carried = joins ? half->kept.len : 0, want = READ_BYTES;
  if (line_input_left(input) < want) want = (size_t)line_input_left(input);
  if (want < LINE_READ_BYTES_MIN) want = LINE_READ_BYTES_MIN;
  size_t room = input->cap - input->used;
  if (room >= carried + READ_BYTES / 4 && room < carried + want) want = room - carried;
  char *data = line_input_room(input, carried + want);
  if (read(stream, data + carried, want, got, ended, err) != 0) return -1;
  const char *newline = *got > 0 ? memrchr(data + carried, '\n', *got) : NULL;
  if (newline == NULL) {
    carry(input, half, data + carried, *got);
    return 0;
  }
  size_t left = (size_t)(data + carried + *got - (newline + 1)), rest = *got;
  if (!joins) data = end_long(input, half, data, &rest);
  if (carried > 0) memcpy(data, half->kept.data, carried);
  if (joins) half_clear(half);
  size_t whole = carried + rest - left;
  line_input_add(input, whole);
  carry(input, half, data + whole, left);
  return 0;
}
