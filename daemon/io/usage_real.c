/* usage: see usage.h. From getrusage(2) and /proc/self; what cannot be read stays 0. */
#include "daemon/io/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void read_memory(struct usage *usage) {
  FILE *file = fopen("/proc/self/statm", "re");
  if (file == NULL) return;
  unsigned long long pages = 0, resident = 0;
  uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
  if (fscanf(file, "%llu %llu", &pages, &resident) == 2) {
    usage->virtual_bytes = pages * page_bytes;
    usage->resident_bytes = resident * page_bytes;
  }
  fclose(file);
}

static void read_fds(struct usage *usage) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    usage->fds_max = limit.rlim_cur;
  DIR *dir = opendir("/proc/self/fd");
  if (dir == NULL) return;
  const struct dirent *entry;
  uint64_t n = 0;
  while ((entry = readdir(dir)) != NULL) n += entry->d_name[0] != '.';
  usage->fds = n > 0 ? n - 1 : 0; /* without the one that this reading takes */
  closedir(dir);
}

/* Field 22 of /proc/self/stat: clock ticks between the machine's start and ours. The name in field
 * 2 may hold anything, so fields are counted from its closing parenthesis. */
static void read_start(struct usage *usage) {
  FILE *file = fopen("/proc/self/stat", "re");
  if (file == NULL) return;
  char text[2048];
  size_t len = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[len] = '\0';
  const char *at = strrchr(text, ')');
  for (int field = 2; at != NULL && field < 22; field++) {
    at = strchr(at, ' ');
    if (at != NULL) at++;
  }
  unsigned long long ticks;
  struct timespec since_start, now;
  if (at == NULL || sscanf(at, "%llu", &ticks) != 1 ||
      clock_gettime(CLOCK_BOOTTIME, &since_start) != 0 ||
      clock_gettime(CLOCK_REALTIME, &now) != 0) {
    return;
  }
  int64_t started_us = (int64_t)ticks * 1000000 / sysconf(_SC_CLK_TCK);
  int64_t up_us = (int64_t)since_start.tv_sec * 1000000 + since_start.tv_nsec / 1000;
  int64_t now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
  usage->started_us = now_us - (up_us - started_us);
}

static int64_t us_of(const struct timeval *time) {
  return (int64_t)time->tv_sec * 1000000 + time->tv_usec;
}

void usage_real_read(struct usage *usage) {
  struct rusage used;
  *usage = (struct usage){0};
  if (getrusage(RUSAGE_SELF, &used) == 0)
    usage->cpu_us = us_of(&used.ru_utime) + us_of(&used.ru_stime);
  read_memory(usage);
  read_fds(usage);
  read_start(usage);
}
