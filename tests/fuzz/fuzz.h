/* fuzz: what the fuzz targets share. README.md says how they are built and run.
 *
 * A target is one file with LLVMFuzzerTestOneInput(): any bytes go in, and nothing may crash, leak
 * or break a promise that the target checks; a broken one ends in fuzz_fail(). A target is a
 * function of its bytes: it keeps nothing from one call to the next that could show, draws nothing
 * at random, and looks at no clock. One thread. */
#ifndef TIDEMARK_TESTS_FUZZ_H
#define TIDEMARK_TESTS_FUZZ_H

#include "daemon/base/buf.h"
#include "daemon/base/slice.h"
#include "daemon/io/disk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What libFuzzer and replay.c call; 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Says what promise is broken, and aborts: that is a finding. */
void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Takes from the front of an input what a target wants to have chosen; 0 when it is used up. */
uint8_t fuzz_u8(struct slice *input);
uint16_t fuzz_u16(struct slice *input);
/* Up to n bytes. */
struct slice fuzz_bytes(struct slice *input, size_t n);

/* A copy with LIMIT_PADDING_BYTES on both sides, of which nothing may come into a result.
 * free(*memory). */
struct slice fuzz_padded(struct slice bytes, void **memory);

/* Changes bytes as the input says, until it is used up: a place (u16, modulo), how many to take out
 * there (u8), how many to put in (u8), and those. */
void fuzz_patch(struct buf *bytes, struct slice *input);

/* A file of a simulated disk, whole. */
void fuzz_put_file(struct disk *disk, const char *path, struct slice bytes);

#endif
