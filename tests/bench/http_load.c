/* http_load: sends the lines of a file to a source `http` on 127.0.0.1, as fast as it acknowledges.
 *
 *     http_load PORT CONNECTIONS LINES SECONDS INPUT
 *
 * Each connection is kept, and has one request of LINES lines under way: the next is sent when the
 * answer to the one before has come. So a slow answer also delays what would have come behind it,
 * and the times below are those of a server that is as busy as CONNECTIONS let it be. No line is
 * sent twice: it ends when the time is over or the input is, in both cases with every request
 * answered. An answer other than 202 ends it with status 1.
 *
 * Prints one line of "name=value": what was acknowledged, in how long, from the first byte of a
 * request to the last of its answer at the median, the 99th percentile and most, and own CPU time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 4096, SILENCE_MS_MAX = 60000, EVENTS = 256 };

struct conn {
  int fd;
  char head[256];
  size_t head_bytes, body_bytes, sent_bytes; /* sent of both together */
  const char *body;                          /* in the input */
  int64_t began_ns;
  char answer[ANSWER_BYTES_MAX + 1];
  size_t answer_bytes;
  bool waits; /* a request is under way */
};

struct load {
  const char *at, *end; /* what of the input was not sent */
  int lines;            /* of a request */
  int64_t ends_ns;
  size_t under_way;
  uint64_t records;
  uint32_t *times_us; /* of each request */
  size_t n_times, cap_times;
};

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("http_load: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void send_rest(struct conn *conn) {
  while (conn->sent_bytes < conn->head_bytes + conn->body_bytes) {
    size_t of_head = conn->sent_bytes < conn->head_bytes ? conn->sent_bytes : conn->head_bytes;
    size_t of_body = conn->sent_bytes - of_head;
    struct iovec parts[2] = {{conn->head + of_head, conn->head_bytes - of_head},
                             {(char *)(uintptr_t)conn->body + of_body, conn->body_bytes - of_body}};
    ssize_t n = writev(conn->fd, parts, 2);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) fail("cannot send: %s", strerror(errno));
    conn->sent_bytes += (size_t)n;
  }
}

/* Nothing, when the time or the input is over. */
static void send_next(struct load *load, struct conn *conn) {
  const char *from = load->at;
  conn->began_ns = now_ns();
  if (conn->began_ns >= load->ends_ns) return;
  for (int i = 0; i < load->lines; i++) {
    const char *line_end = memchr(load->at, '\n', (size_t)(load->end - load->at));
    if (line_end == NULL) {
      load->at = load->end;
      return;
    }
    load->at = line_end + 1;
  }
  conn->body = from;
  conn->body_bytes = (size_t)(load->at - from);
  conn->head_bytes =
      (size_t)snprintf(conn->head, sizeof conn->head,
                       "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson"
                       "\r\nContent-Length: %zu\r\n\r\n",
                       conn->body_bytes);
  conn->sent_bytes = conn->answer_bytes = 0;
  conn->waits = true;
  load->under_way++;
  send_rest(conn);
}

/* Whether all of an answer is there. */
static bool answer_whole(struct conn *conn) {
  conn->answer[conn->answer_bytes] = '\0';
  const char *body = strstr(conn->answer, "\r\n\r\n");
  if (body == NULL) return false;
  if (strncmp(conn->answer, "HTTP/1.1 202 ", 13) != 0) fail("not acknowledged: %s", conn->answer);
  const char *length = strcasestr(conn->answer, "\r\nContent-Length:");
  if (length == NULL || length > body) fail("an answer without Content-Length: %s", conn->answer);
  size_t bytes = (size_t)(body + 4 - conn->answer) + strtoul(length + 17, NULL, 10);
  if (conn->answer_bytes > bytes || bytes > ANSWER_BYTES_MAX)
    fail("more than one short answer: %s", conn->answer);
  return conn->answer_bytes == bytes;
}

static void receive(struct load *load, struct conn *conn) {
  while (conn->waits) {
    ssize_t n =
        read(conn->fd, conn->answer + conn->answer_bytes, ANSWER_BYTES_MAX - conn->answer_bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) fail("the connection ended: %s", n < 0 ? strerror(errno) : "closed by the server");
    conn->answer_bytes += (size_t)n;
    if (!answer_whole(conn)) continue;
    if (load->n_times == load->cap_times) {
      load->cap_times = load->cap_times == 0 ? 65536 : 2 * load->cap_times;
      load->times_us = realloc(load->times_us, load->cap_times * sizeof *load->times_us);
      if (load->times_us == NULL) fail("no memory");
    }
    load->times_us[load->n_times++] = (uint32_t)((now_ns() - conn->began_ns) / 1000);
    load->records += (uint64_t)load->lines;
    load->under_way--;
    conn->waits = false;
    send_next(load, conn);
  }
}

static void conn_open(struct conn *conn, int port, int poller) {
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  conn->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
      fcntl(conn->fd, F_SETFL, O_NONBLOCK) != 0 ||
      setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    fail("cannot connect to port %d: %s", port, strerror(errno));
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = conn};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, conn->fd, &event) != 0) fail("epoll: %s", strerror(errno));
}

static void input_open(struct load *load, const char *path) {
  struct stat stat;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &stat) != 0 || stat.st_size == 0)
    fail("cannot read %s: %s", path, strerror(errno));
  load->at = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (load->at == MAP_FAILED) fail("cannot map %s: %s", path, strerror(errno));
  load->end = load->at + stat.st_size;
  close(fd);
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static double of_timeval(struct timeval time) {
  return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void report(struct load *load, int64_t took_ns) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  if (load->n_times == 0) fail("nothing was sent");
  qsort(load->times_us, load->n_times, sizeof *load->times_us, compare);
  printf("requests=%zu records=%llu seconds=%.6f p50_us=%u p99_us=%u max_us=%u cpu_s=%.3f\n",
         load->n_times, (unsigned long long)load->records, (double)took_ns / 1e9,
         load->times_us[load->n_times / 2], load->times_us[load->n_times * 99 / 100],
         load->times_us[load->n_times - 1], of_timeval(used.ru_utime) + of_timeval(used.ru_stime));
}

int main(int argc, char **argv) {
  static struct load load;
  if (argc != 6) {
    fputs("usage: http_load PORT CONNECTIONS LINES SECONDS INPUT\n", stderr);
    return 64;
  }
  int connections = atoi(argv[2]);
  load.lines = atoi(argv[3]);
  if (connections < 1 || load.lines < 1) fail("CONNECTIONS and LINES are 1 or more");
  input_open(&load, argv[5]);
  int poller = epoll_create1(0);
  struct conn *conns = calloc((size_t)connections, sizeof *conns);
  if (poller < 0 || conns == NULL) fail("cannot start: %s", strerror(errno));
  for (int i = 0; i < connections; i++) conn_open(&conns[i], atoi(argv[1]), poller);

  int64_t began_ns = now_ns();
  load.ends_ns = began_ns + (int64_t)(atof(argv[4]) * 1e9);
  for (int i = 0; i < connections; i++) send_next(&load, &conns[i]);
  while (load.under_way > 0) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, SILENCE_MS_MAX);
    if (n == 0) fail("no answer for %d s", SILENCE_MS_MAX / 1000);
    if (n < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
      struct conn *conn = events[i].data.ptr;
      send_rest(conn);
      receive(&load, conn);
    }
  }
  report(&load, now_ns() - began_ns);
  return fflush(stdout) == 0 ? 0 : 74;
}
