/* http_client: see http_client.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/http_client.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE_US = 120 * 1000 * 1000 };

static void watch(struct http_client *client) {
  if (client->conn == NULL) return;
  bool writes = client->sent < client->out.len || client->ends;
  net_conn_want(client->conn, !client->deaf && !client->ended, writes);
}

static void drop(struct http_client *client) {
  net_conn_close(client->conn);
  client->conn = NULL;
  client->ended = client->broken = true;
}

static void on_ready(void *arg) {
  struct http_client *client = arg;
  size_t put;
  while (client->sent < client->out.len) {
    if (net_write(client->conn, client->out.data + client->sent, client->out.len - client->sent,
                  &put, NULL) != 0) {
      client->sent = client->out.len; /* the server closed: what it said before still counts */
      break;
    }
    if (put == 0) break;
    client->sent += put;
  }
  if (client->ends && client->sent == client->out.len) {
    net_conn_end(client->conn);
    client->ends = false;
  }
  if (!client->deaf && !client->ended) {
    size_t got;
    if (net_read(client->conn, buf_reserve(&client->got, 65536), 65536, &got, &client->ended,
                 NULL) != 0) {
      drop(client);
      return;
    }
    client->got.len += got;
  }
  watch(client);
}

void http_client_open(struct http_client *client, struct io *io, const char *address) {
  *client = (struct http_client){.io = io};
  struct err err;
  if (net_connect(io->net, address, on_ready, client, &client->conn, &err) != 0)
    fail_msg("%s", err.text);
  watch(client);
}

void http_client_send(struct http_client *client, struct slice bytes) {
  buf_put_slice(&client->out, bytes);
  watch(client);
}

void http_client_text(struct http_client *client, const char *text) {
  http_client_send(client, slice_of(text));
}

void http_client_end(struct http_client *client) {
  client->ends = true;
  watch(client);
}

void http_client_listen(struct http_client *client, bool listens) {
  client->deaf = !listens;
  watch(client);
}

void http_client_close(struct http_client *client) {
  net_conn_close(client->conn);
  buf_fini(&client->out);
  buf_fini(&client->got);
  *client = (struct http_client){.io = NULL};
}

static void turn(struct http_client *client, int64_t end_us) {
  struct err err;
  if (clock_mono_us(client->io->clock) > end_us) fail_msg("nothing came for two minutes");
  if (loop_wait(client->io->loop, 1000000, &err) != 0) fail_msg("%s", err.text);
}

void http_client_until_ended(struct http_client *client) {
  int64_t end_us = clock_mono_us(client->io->clock) + PATIENCE_US;
  while (!client->ended) turn(client, end_us);
}

void http_client_until(struct http_client *client, size_t n_answers) {
  int64_t end_us = clock_mono_us(client->io->clock) + PATIENCE_US;
  while (http_client_answers(client) < n_answers) {
    if (client->ended) fail_msg("the server ended it after: %s", buf_cstr(&client->got));
    turn(client, end_us);
  }
}

/* The first answer at text: its status and bytes; 0 when it is not whole. head_only: what was asked
 * for by HEAD cannot be seen here, so tests of HEAD look at the bytes. */
static size_t one_answer(const char *text, size_t len, int *status) {
  const char *body = memmem(text, len, "\r\n\r\n", 4);
  if (body == NULL || sscanf(text, "HTTP/1.1 %d ", status) != 1) return 0;
  body += 4;
  size_t head = (size_t)(body - text);
  const char *length = memmem(text, head, "Content-Length: ", 16);
  if (length != NULL) {
    size_t whole = head + strtoul(length + 16, NULL, 10);
    return whole <= len ? whole : 0;
  }
  if (memmem(text, head, "chunked", 7) == NULL) return head;
  const char *end = memmem(body, len - head, "0\r\n\r\n", 5);
  return end == NULL ? 0 : (size_t)(end + 5 - text);
}

static size_t walk(struct http_client *client, struct buf *statuses) {
  const char *text = buf_cstr(&client->got);
  size_t n = 0, at = 0, len;
  int status;
  while ((len = one_answer(text + at, client->got.len - at, &status)) > 0) {
    at += len;
    if (status == 100) continue;
    if (statuses != NULL) buf_printf(statuses, "%s%d", n > 0 ? " " : "", status);
    n++;
  }
  return n;
}

size_t http_client_answers(struct http_client *client) {
  return walk(client, NULL);
}

const char *http_client_statuses(struct http_client *client) {
  static char text[256];
  struct buf statuses;
  buf_init(&statuses);
  walk(client, &statuses);
  snprintf(text, sizeof text, "%s", buf_cstr(&statuses));
  buf_fini(&statuses);
  return text;
}

const char *http_client_got(struct http_client *client) {
  static struct buf text;
  buf_clear(&text);
  const char *at = buf_cstr(&client->got), *end = at + client->got.len;
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *next = newline != NULL ? newline + 1 : end;
    if (strncmp(at, "HTTP/1.1 100 ", 13) == 0)
      next += 2; /* with its empty line */
    else if (strncmp(at, "Date: ", 6) != 0)
      buf_put(&text, at, (size_t)(next - at));
    at = next;
  }
  return buf_cstr(&text);
}
