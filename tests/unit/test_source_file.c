/* Tests of the source `file`: the contract over its kinds of input, and what is wrong with files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "sources/lines.h"
#include "sources/sources.h"
#include "tests/contract/source_harness.h"

#include <stdio.h>
#include <zlib.h>

static void put(struct source_world *world, const char *name, const char *text) {
  source_world_file(world, name, text, strlen(text));
}

/* Lines "<tag> <number> xxx" of lengths that differ, up to about `bytes`. */
static void put_lines(struct buf *text, char tag, size_t bytes, unsigned step) {
  static const char filler[] =
      "....................................................................."
      ".....................................................................";
  for (unsigned i = 0; text->len < bytes; i++)
    buf_printf(text, "%c %u %.*s\n", tag, i, (int)((i * step) % (sizeof filler - 1)), filler);
}

static struct buf compress_text(struct slice text) {
  struct buf out;
  buf_init(&out);
  z_stream z = {0};
  assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  size_t bound = deflateBound(&z, text.len) + 64;
  z.next_in = (Bytef *)(uintptr_t)text.data;
  z.avail_in = (uInt)text.len;
  z.next_out = (Bytef *)buf_reserve(&out, bound);
  z.avail_out = (uInt)bound;
  assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.len = z.total_out;
  deflateEnd(&z);
  return out;
}

static void some_files(struct source_world *world) {
  put(world, "a.ndjson", "a1\na2\na3\n");
  put(world, "b.ndjson", "b1\r\n\nb3 has no end");
  put(world, "c.ndjson", "");
}

static void lines_of_all_files(void **state) {
  (void)state;
  source_contract(&(struct source_case){
      .plugin = &source_file,
      .options = "path: '@/*.ndjson'\n",
      .prepare = some_files,
      .story = "a.ndjson: a1\na.ndjson: a2\na.ndjson: a3\na.ndjson: end\n"
               "b.ndjson: b1\r\nb.ndjson: \nb.ndjson: b3 has no end\nb.ndjson: end\n"
               "c.ndjson: end\nend\n"});
  source_contract(&(struct source_case){
      .plugin = &source_file,
      .options = "path: ['@/b.ndjson', '@/a*', '@/a.ndjson']\nread_order: sequential\n",
      .prepare = some_files,
      .story = "a.ndjson: a1\na.ndjson: a2\na.ndjson: a3\na.ndjson: end\n"
               "b.ndjson: b1\r\nb.ndjson: \nb.ndjson: b3 has no end\nb.ndjson: end\nend\n"});
}

/* a is several turns long, b one and a bit, c in between a line of 700 KiB. */
static void large_files(struct source_world *world) {
  struct buf text;
  buf_init(&text);
  put_lines(&text, 'a', 900 * 1024, 7);
  source_world_file(world, "a", text.data, text.len);
  buf_clear(&text);
  put_lines(&text, 'b', 300 * 1024, 13);
  source_world_file(world, "b", text.data, text.len - 1);
  buf_clear(&text);
  put_lines(&text, 'c', 100 * 1024, 3);
  for (int i = 0; i < 700 * 1024; i++) buf_put_char(&text, 'L');
  buf_put_text(&text, "\n");
  put_lines(&text, 'd', text.len + 100 * 1024, 3);
  source_world_file(world, "c", text.data, text.len);
  buf_fini(&text);
}

static void files_take_turns(void **state) {
  (void)state;
  source_contract(&(struct source_case){
      .plugin = &source_file, .options = "path: '@/*'\n", .prepare = large_files});

  /* Whose line is where: b's first comes behind the lines of a that start in its first 256 KiB. */
  struct source_world world;
  source_world_open(&world, false);
  large_files(&world);
  source_run(&world, &source_file, "path: '@/*'\n", 4 * 1024 * 1024, 0);
  uint64_t position[3] = {0};
  for (size_t i = 0; i < world.n_given; i++) {
    const struct given *given = &world.given[i];
    uint64_t turn = given->from / (256 * 1024);
    /* No file that is still being read is in an earlier turn than this one, before it in name, or
     * behind it and two turns away. */
    for (uint32_t p = 0; p < 3; p++) {
      if (p == given->partition || position[p] == world.partitions[p].position) continue;
      uint64_t other = position[p] / (256 * 1024);
      if (p < given->partition)
        assert_true(other > turn);
      else
        assert_true(other >= turn);
    }
    position[given->partition] = given->to;
  }
  source_world_close(&world);
}

static void gzip_files(struct source_world *world) {
  struct buf text, packed, twice;
  buf_init(&text);
  put_lines(&text, 'a', 700 * 1024, 7);
  packed = compress_text(buf_slice(&text));
  source_world_file(world, "a.gz", packed.data, packed.len);
  buf_fini(&packed);
  buf_clear(&text);
  put_lines(&text, 'b', 300 * 1024, 5);
  /* Two members and padding. */
  packed = compress_text((struct slice){text.data, 100001});
  twice = compress_text((struct slice){text.data + 100001, text.len - 100001});
  buf_put_slice(&packed, buf_slice(&twice));
  buf_put(&packed, "\0\0\0\0", 4);
  source_world_file(world, "b", packed.data, packed.len);
  buf_fini(&packed);
  buf_fini(&twice);
  source_world_file(world, "c", "plain\n", 6);
  buf_fini(&text);
}

static void gzip_is_read_like_plain(void **state) {
  (void)state;
  source_contract(&(struct source_case){
      .plugin = &source_file, .options = "path: '@/*'\n", .prepare = gzip_files});
  struct source_world plain, packed;
  source_world_open(&plain, false);
  source_world_open(&packed, false);
  gzip_files(&packed);
  struct buf text;
  buf_init(&text);
  put_lines(&text, 'a', 700 * 1024, 7);
  source_world_file(&plain, "a.gz", text.data, text.len);
  buf_clear(&text);
  put_lines(&text, 'b', 300 * 1024, 5);
  source_world_file(&plain, "b", text.data, text.len);
  source_world_file(&plain, "c", "plain\n", 6);
  source_run(&plain, &source_file, "path: '@/*'\n", 1 << 20, 0);
  source_run(&packed, &source_file, "path: '@/*'\n", 1 << 20, 0);
  assert_string_equal(buf_cstr(&plain.story), buf_cstr(&packed.story));
  buf_fini(&text);
  source_world_close(&plain);
  source_world_close(&packed);
}

static void awkward_lines(struct source_world *world) {
  static const char text[] = "12345678\n123456789\nnul\0in\n12345678\r\n123456789\r\nx\n123456789";
  source_world_file(world, "a", text, sizeof text - 1);
}

static void long_lines_and_nul_bytes(void **state) {
  (void)state;
  struct source_world world;
  source_world_open(&world, false);
  world.common.line_max_bytes = 8;
  awkward_lines(&world);
  source_run(&world, &source_file, "path: '@/a'\n", 1 << 20, 0);
  static const char story[] =
      "a: 12345678\na (too long): 123456789\na: nul\0in\na: 12345678\r\n"
      "a (too long): 123456789\r\na: x\na (too long): 123456789\na: end\nend\n";
  assert_true(slice_equal(buf_slice(&world.story), (struct slice){story, sizeof story - 1}));
  source_world_close(&world);
  source_contract(&(struct source_case){.plugin = &source_file,
                                        .options = "path: '@/a'\n",
                                        .prepare = awkward_lines,
                                        .line_max_bytes = 8});
}

/* 10 MB on one line is given whole, as too long, and its neighbours are not harmed; of 70 MB the
 * first 64 MiB are kept and the position goes behind it. */
static void lines_of_many_megabytes(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    size_t n = i == 0 ? 10 * 1000 * 1000 : 70 * 1000 * 1000;
    struct buf text;
    buf_init(&text);
    buf_put_text(&text, "before\n");
    memset(buf_reserve(&text, n), 'L', n);
    text.len += n;
    buf_put_text(&text, "\nafter\n");
    struct source_world world;
    source_world_open(&world, false);
    source_world_file(&world, "a", text.data, text.len);
    source_run(&world, &source_file, "path: '@/a'\n", 1 << 20, 1);
    assert_int_equal(world.n_given, 3);
    assert_int_equal(world.given[1].flags, TAKE_TOO_LONG);
    assert_int_equal(world.given[1].len, i == 0 ? n + 1 : LINES_LONGEST_BYTES);
    assert_int_equal(world.given[1].to - world.given[1].from, n + 1);
    assert_int_equal(world.given[2].len, 6);
    source_check_reread(&world, &source_file, "path: '@/a'\n");
    source_world_close(&world);
    buf_fini(&text);
  }
}

static void start_fails(struct source_world *world, const char *options, int code,
                        const char *text) {
  struct err err = {0};
  assert_int_equal(source_start(world, &source_file, options, &err), -1);
  assert_int_equal(err.code, code);
  if (strstr(err.text, text) == NULL) assert_string_equal(err.text, text);
  source_stop(world);
}

static void what_cannot_be_opened(void **state) {
  (void)state;
  struct source_world world;
  source_world_open(&world, false);
  put(&world, "a", "a\n");
  start_fails(&world, "path: '@/*.ndjson'\n", ERR_NOINPUT, "no file matches this pattern");
  start_fails(&world, "path: '@/b'\n", ERR_NOINPUT, "/b: there is no such file");
  start_fails(&world, "path: ['@/a', '@/b']\n", ERR_NOINPUT, "/b: there is no such file");
  start_fails(&world, "path: '@'\n", ERR_NOINPUT, "is a folder; write");
  start_fails(&world, "path: /dev/null\n", ERR_NOINPUT, "is not a regular file");
  start_fails(&world, "path: '@/a'\ncompression: gzip\n", ERR_DATA, "is not gzip");
  source_world_close(&world);
}

/* Takes a little of a file, then something happens to it, then another life begins. */
static void changed_file(bool simulated, const char *now, int code, const char *text) {
  struct source_world world;
  struct err err;
  source_world_open(&world, simulated);
  put(&world, "a", "line 1\nline 2\nline 3\nline 4\n");
  assert_int_equal(source_start(&world, &source_file, "path: '@/*'\n", &err), 0);
  assert_int_equal(source_take_once(&world, 8, &err), 0);
  assert_int_equal(world.partitions[0].position, 14);
  source_stop(&world);
  char *path = mem_printf("%s/a", world.folder);
  if (now != NULL)
    put(&world, "a", now);
  else
    assert_int_equal(disk_unlink(world.io.disk, path, &err), 0);
  put(&world, "b", "b\n");
  free(path);
  start_fails(&world, "path: '@/*'\n", code, text);
  source_world_close(&world);
}

static void a_file_that_changed_is_told(void **state) {
  (void)state;
  for (int simulated = 0; simulated < 2; simulated++) {
    changed_file(simulated, "line 1\n", ERR_CORRUPT, "first bytes have changed since 14 bytes");
    changed_file(simulated, "other1\nother2\nother3\nother4\n", ERR_CORRUPT,
                 "put the first one back, or start with a new state folder");
    changed_file(simulated, NULL, ERR_CORRUPT,
                 "/a: is gone, and only 14 bytes of it have been taken");
  }
}

/* Larger than what its start is checked by: it is the size that tells. */
static void a_file_that_shrank_is_told(void **state) {
  (void)state;
  for (int alive = 0; alive < 2; alive++) {
    struct source_world world;
    struct err err;
    source_world_open(&world, false);
    struct buf text;
    buf_init(&text);
    put_lines(&text, 'a', 600 * 1024, 7);
    source_world_file(&world, "a", text.data, text.len);
    assert_int_equal(source_start(&world, &source_file, "path: '@/a'\n", &err), 0);
    assert_int_equal(source_take_once(&world, 256 * 1024, &err), 0);
    if (!alive) source_stop(&world);
    source_world_file(&world, "a", text.data, 100 * 1024);
    if (alive)
      assert_int_equal(source_take_once(&world, 1 << 20, &err), -1);
    else
      assert_int_equal(source_start(&world, &source_file, "path: '@/a'\n", &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_non_null(strstr(err.text, "/a: has 102400 bytes, but "));
    assert_non_null(strstr(err.text, "put the file back, or start with a new state folder"));
    buf_fini(&text);
    source_world_close(&world);
  }
}

static void renamed_and_new_files(void **state) {
  (void)state;
  for (int simulated = 0; simulated < 2; simulated++) {
    struct source_world world;
    struct err err;
    source_world_open(&world, simulated);
    put(&world, "b", "b1\nb2\n");
    assert_int_equal(source_start(&world, &source_file, "path: '@/*'\n", &err), 0);
    assert_int_equal(source_take_once(&world, 1, &err), 0);
    source_stop(&world);
    char *from = mem_printf("%s/b", world.folder), *to = mem_printf("%s/b.1", world.folder);
    assert_int_equal(disk_rename(world.io.disk, from, to, &err), 0);
    put(&world, "b", "new\n");
    put(&world, "a", "a1\n");
    source_run(&world, &source_file, "path: '@/*'\n", 1 << 20, 0);
    /* The one that was begun goes on under its old partition, then the new ones by name. */
    assert_string_equal(buf_cstr(&world.story),
                        "b: b1\nb: b2\nb: end\na: a1\na: end\nb: new\nb: end\nend\n");
    free(from);
    free(to);
    source_world_close(&world);
  }
}

static void more_files_than_may_be_open(struct source_world *world) {
  for (int i = 0; i < 150; i++) {
    char name[16], text[64];
    snprintf(name, sizeof name, "%03d", i);
    snprintf(text, sizeof text, "first of %d\nsecond of %d\n", i, i);
    put(world, name, text);
  }
}

static void many_files(void **state) {
  (void)state;
  source_contract(&(struct source_case){
      .plugin = &source_file, .options = "path: '@/*'\n", .prepare = more_files_than_may_be_open});
}

/* What was good is given, then the error names file and byte. (deflate notices a changed byte some
 * time after it, so only what is before it can be compared.) */
static void broken_gzip(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct buf text;
    buf_init(&text);
    put_lines(&text, 'a', 600 * 1024, 7);
    struct buf packed = compress_text(buf_slice(&text));
    size_t cut = packed.len / 2;
    if (i == 0)
      packed.len = cut;
    else
      memset(packed.data + cut, 0xff, 200);
    struct source_world world;
    source_world_open(&world, false);
    source_world_file(&world, "a.gz", packed.data, packed.len);
    struct err err = {0};
    assert_int_equal(source_start(&world, &source_file, "path: '@/a.gz'\n", &err), 0);
    int result;
    while ((result = source_take_once(&world, 1 << 20, &err)) == 0) assert_false(world.ended);
    assert_int_equal(err.code, ERR_DATA);
    assert_non_null(strstr(err.text, "a.gz: byte "));
    if (i == 0) {
      char *end = mem_printf("byte %zu: the file ends in the middle", packed.len);
      assert_non_null(strstr(err.text, end));
      free(end);
    }
    assert_true(world.bytes.len > 100 * 1024);
    assert_memory_equal(world.bytes.data, text.data, i == 0 ? world.bytes.len : 100 * 1024);
    assert_int_equal(world.bytes.data[world.bytes.len - 1], '\n');
    source_world_close(&world);
    buf_fini(&packed);
    buf_fini(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_of_all_files),
      cmocka_unit_test(files_take_turns),
      cmocka_unit_test(gzip_is_read_like_plain),
      cmocka_unit_test(long_lines_and_nul_bytes),
      cmocka_unit_test(lines_of_many_megabytes),
      cmocka_unit_test(what_cannot_be_opened),
      cmocka_unit_test(a_file_that_changed_is_told),
      cmocka_unit_test(a_file_that_shrank_is_told),
      cmocka_unit_test(renamed_and_new_files),
      cmocka_unit_test(many_files),
      cmocka_unit_test(broken_gzip),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
