/* followed: log files with those who write and rotate them, and a source that follows them in a
 * source_world. All fail the test when the disk does. */
#ifndef TIDEMARK_TESTS_FOLLOWED_H
#define TIDEMARK_TESTS_FOLLOWED_H

#include "tests/contract/source_harness.h"

#define SECOND_US INT64_C(1000000)

/* Files by their names in the world's folder. */
char *place(struct source_world *world, const char *name); /* the path; free() */
void fail_if(int result, const struct err *err);
/* 0: there is none. ino may be NULL. */
uint64_t log_size(struct source_world *world, const char *name, uint64_t *ino);
void log_append(struct source_world *world, const char *name, const char *text);
void log_move(struct source_world *world, const char *from, const char *to);
void log_drop(struct source_world *world, const char *name);
/* What copytruncate does first, and then. */
void log_copy(struct source_world *world, const char *from, const char *to);
void log_cut(struct source_world *world, const char *name);

void follow_start(struct source_world *world, const char *options);
void follow_restart(struct source_world *world, const char *options);
/* Lets so much time pass, taking whatever comes, in takes of so many bytes. */
void follow_by(struct source_world *world, int64_t us, uint64_t bytes);
void follow(struct source_world *world, int64_t us);

#endif
