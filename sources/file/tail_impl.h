/* tail_impl: the inside of mode: tail. tail.c takes; tail_look.c finds out which files there are
 * and which of them are known; tail_meet.c decides what a new file is; tail_read.c reads;
 * tail_watch.c says when to look again. */
#ifndef TIDEMARK_SOURCES_FILE_TAIL_IMPL_H
#define TIDEMARK_SOURCES_FILE_TAIL_IMPL_H

#include "daemon/base/buf.h"
#include "sources/file/file.h"

enum {
  TAIL_TURN_BYTES = 64 * 1024, /* of one file, before the next has its turn */
  TAIL_TURNS_MAX = 256,        /* of one take() */
  TAIL_PAST_MAX = 4096,        /* files that went away and would be known if they came back */
};

/* The identity of the partition of no file. */
#define TAIL_MARK "tail first start"

enum tail_state {
  TAIL_YOUNG,   /* without a partition: nothing whole in it yet, or it may be a copy being made */
  TAIL_READING, /* it has a partition; with gone_us, only through its descriptor */
  TAIL_CUT,     /* it had one, and its bytes are gone from the file; its copy is looked for */
  TAIL_ENDED,   /* as soon as the engine has been told it is freed */
  TAIL_IGNORED, /* gzip */
};

enum tail_result {
  TAIL_MORE, /* maybe */
  TAIL_ALL,  /* there is no more for now */
  TAIL_WAS_CUT,
  TAIL_TROUBLE, /* it cannot be read now; that has been said */
};

/* One generation of a file: what lies between two truncations of one inode. */
struct tail_part {
  char *path; /* owned: its name as of the last look, or the last it had */
  enum tail_state state;
  uint64_t dev, ino;
  char *head; /* owned: its first bytes as far as they were seen, at most FILE_HEAD_BYTES */
  size_t head_bytes;
  struct file_identity *noted; /* owned: what the log says of it, until the file was compared */
  uint32_t partition;
  uint64_t start;    /* where in the file the partition begins */
  uint64_t position; /* of the next line, or within one that is skipped */
  uint64_t searched; /* no line ends between position and here */
  bool skipping;     /* the rest of the line at position belongs to a line that was given, or to one
                        that began before the start */
  bool late;         /* it came after a file of this source had been known */
  bool remembered;   /* ended, and among those that would be known */
  bool outside;      /* no path of the configuration names it: it was renamed, or is a copy */
  bool seen;         /* by the look at hand */
  bool changed;      /* since it was queued; of a young one, since its head was read */
  bool met;          /* a young one: its head has been looked at as it is */
  bool troubled;     /* that it cannot be read has been said */
  uint64_t size_bytes;
  int64_t mtime_us;
  int64_t gone_us; /* when it was found to have no name, or gave its last bytes since; 0 */
  int64_t held_us; /* since when it has been the same as a known file's beginning; 0 */
  struct disk_file *file;
  struct tail_part *more_used, *less_used; /* of those that are open */
  bool queued;
  struct tail_part *next; /* in the queue */
};

struct tail_list {
  struct tail_part **items;
  size_t n, cap;
};

/* A partition that has ended, by which its file is known if it comes back. */
struct tail_past {
  uint32_t partition;
  uint64_t dev, ino, position;
  uint32_t head_bytes, head_crc;
};

struct tail {
  struct source_ctx *ctx;
  const struct text_list *paths;
  const struct tail_options *options;
  struct tail_list parts; /* YOUNG, READING, IGNORED: by device and inode */
  struct tail_list names; /* the same by path, as of the last look */
  struct tail_list over;  /* CUT and ENDED */
  struct tail_past *past;
  size_t n_past, cap_past;
  struct tail_part *first, *last; /* the queue of those that may have something to give */
  struct tail_part *most_used, *least_used;
  size_t n_open;
  bool first_start; /* of the state folder */
  bool any_known;   /* in this life or before, a file had a partition */
  bool mark_due;    /* the log is to hear that the first start is over */
  bool any_gone;    /* some part has no name */
  bool gzip_said, polls_said, look_failed;
  /* tail_watch.c */
  struct watcher *watcher;
  struct loop_timer *timer;
  bool look_due;
  int64_t looked_us, look_took_us; /* monotonic: the end of the last look, and how long it took */
};

/* tail.c */
struct tail_part *tail_part_new(const char *path, uint64_t dev, uint64_t ino);
/* One that is new to a look. */
struct tail_part *tail_part_young(const struct tail *tail, const char *path,
                                  const struct disk_stat *stat);
void tail_part_free(struct tail *tail, struct tail_part *part);
void tail_list_add(struct tail_list *list, struct tail_part *part);
void tail_list_remove(struct tail_list *list, const struct tail_part *part);
/* It may have something to give. */
void tail_queue(struct tail *tail, struct tail_part *part);
/* Its bytes are no longer in its file: the file goes on as a new generation. */
void tail_part_cut(struct tail *tail, struct tail_part *part);
/* Nothing more will come of it. */
void tail_part_end(struct tail *tail, struct tail_part *part);
int64_t tail_now_us(const struct tail *tail); /* monotonic */

/* tail_look.c: one look at all names. first: the first of a life, which fails where the others
 * only warn. */
int tail_look(struct tail *tail, bool first, struct err *err);
/* Puts parts and names in order. */
void tail_sort(struct tail *tail);
/* Of the parts, the one with this inode, or NULL. */
struct tail_part *tail_find(const struct tail *tail, uint64_t dev, uint64_t ino);
bool tail_names_match(const struct tail *tail, const char *path);

/* tail_meet.c */
/* What the engine knows from earlier lives: parts whose files are still to be found. */
int tail_known(struct tail *tail, struct err *err);
/* Compares the file of a part from an earlier life with what was noted of it. TAIL_ALL: it is the
 * same; TAIL_WAS_CUT; TAIL_TROUBLE: the next look asks again. */
enum tail_result tail_verify(struct tail *tail, struct tail_part *part);
/* The part's file is gone and may come back. */
void tail_past_add(struct tail *tail, struct tail_part *part);
/* More of its beginning is known now than the engine was told. */
void tail_identify(const struct tail *tail, const struct tail_part *part);
/* Looks for the copies of those that were cut, then gives partitions to new files. */
void tail_meet(struct tail *tail);

/* tail_read.c */
enum tail_result tail_read(struct tail *tail, struct tail_part *part, struct take *take);
/* The line without an end that a file without a name leaves. */
void tail_read_rest(struct tail *tail, struct tail_part *part, struct take *take);
/* Whether its file is what it was, and has all of what was seen of it. */
int tail_check(struct tail *tail, struct tail_part *part, bool *same, struct err *err);
/* Opens it unless it is open, perhaps closing another. ERR_NOINPUT: it has another name now. */
int tail_part_open(struct tail *tail, struct tail_part *part, struct err *err);
void tail_part_close(struct tail *tail, struct tail_part *part);
void tail_trouble(const struct tail *tail, struct tail_part *part, const struct err *err);

/* tail_watch.c */
void tail_watch_open(struct tail *tail);
void tail_watch_close(struct tail *tail);
void tail_watch_folder(struct tail *tail, const char *folder);
/* The folders in which files of the paths can come to be. */
void tail_watch_paths(struct tail *tail);
void tail_look_soon(struct tail *tail);
/* A look has been taken; when the next one is due. */
void tail_looked(struct tail *tail, int64_t began_us);
/* A path is its folder, which ends with '/' or is ".", joined with a name. free() what they give.
 */
char *tail_folder_of(const char *path);
char *tail_join(const char *folder, const char *name);

#endif
