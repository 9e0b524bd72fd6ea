/* replay: the main() of a fuzz target where libFuzzer's is not: gives it the files it is told of,
 * or those of its corpus in the tree, tests/fuzz/corpus/TARGET. What a fuzzer found once is so
 * looked at in every test run, with whatever sanitizers the build has.
 *
 *     json [FILE ...] */
#include "tests/fuzz/fuzz.h"

#include "daemon/base/mem.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

static void replay(const char *path) {
  printf("%s\n", path);
  fflush(stdout); /* the last line says where it ended */
  FILE *file = fopen(path, "rb");
  if (file == NULL) fuzz_fail("%s cannot be opened", path);
  struct buf bytes = {0};
  size_t got;
  while ((got = fread(buf_reserve(&bytes, 65536), 1, 65536, file)) > 0) bytes.len += got;
  fclose(file);
  /* Memory of exactly that size, so that a sanitizer sees who reads beyond it. */
  uint8_t *data = mem_alloc(bytes.len);
  memcpy(data, bytes.data, bytes.len);
  LLVMFuzzerTestOneInput(data, bytes.len);
  free(data);
  buf_fini(&bytes);
}

static int replay_corpus(const char *program) {
  const char *slash = strrchr(program, '/'), *srcdir = getenv("srcdir");
  char *pattern = mem_printf("%s/tests/fuzz/corpus/%s/*", srcdir != NULL ? srcdir : ".",
                             slash != NULL ? slash + 1 : program);
  glob_t found = {0};
  glob(pattern, 0, NULL, &found);
  for (size_t i = 0; i < found.gl_pathc; i++) replay(found.gl_pathv[i]);
  if (found.gl_pathc == 0) fprintf(stderr, "there is no corpus: %s\n", pattern);
  int result = found.gl_pathc == 0;
  globfree(&found);
  free(pattern);
  return result;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) replay(argv[i]);
  return argc > 1 ? 0 : replay_corpus(argv[0]);
}
