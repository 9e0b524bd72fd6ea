/* fetch: the calls of fetch.h, handed to the implementation, and what both of them share. */
#include "daemon/io/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct fetch_client *fetch_client_new(struct fetch *fetch, const struct fetch_options *options) {
  return fetch->ops->client_new(fetch, options);
}

void fetch_client_free(struct fetch_client *client) {
  if (client != NULL) client->fetch->ops->client_free(client);
}

struct fetch_call *fetch_start(struct fetch_client *client, const struct fetch_request *request,
                               fetch_fn *fn, void *arg) {
  return client->fetch->ops->start(client, request, fn, arg);
}

void fetch_cancel(struct fetch_call *call) {
  if (call != NULL) call->fetch->ops->cancel(call);
}

void fetch_free(struct fetch *fetch) {
  if (fetch != NULL) fetch->ops->free(fetch);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

bool fetch_header(const struct fetch_answer *answer, const char *name, struct slice *value) {
  size_t name_len = strlen(name);
  const char *at = answer->headers.data, *end = at + answer->headers.len;
  while (at < end) {
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    if (line_end == NULL) line_end = end;
    const char *from = at + name_len, *to = line_end;
    bool is_it =
        (size_t)(line_end - at) > name_len && *from == ':' && strncasecmp(at, name, name_len) == 0;
    at = line_end + 1;
    if (!is_it) continue;
    from++;
    while (from < to && is_blank(*from)) from++;
    while (to > from && is_blank(to[-1])) to--;
    *value = (struct slice){from, (size_t)(to - from)};
    return true;
  }
  return false;
}

/* ------------------------------------------------------------------ urls */

static bool port_right(const char *text, size_t len) {
  if (len == 0 || len > 5 || strspn(text, "0123456789") < len) return false;
  long port = strtol(text, NULL, 10);
  return port >= 1 && port <= 65535;
}

static bool host_right(const char *host, size_t len) {
  if (len == 0) return false;
  bool six = host[0] == '[';
  if (six)
    return len > 3 && host[len - 1] == ']' &&
           strspn(host + 1, "0123456789abcdefABCDEF:.") == len - 2;
  for (size_t i = 0; i < len; i++) {
    char c = host[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '.' && c != '-' && c != '_') return false;
  }
  return true;
}

int fetch_peer(const char *url, char peer[FETCH_PEER_BYTES], struct err *err) {
  bool tls = strncasecmp(url, "https://", 8) == 0;
  if (!tls && strncasecmp(url, "http://", 7) != 0)
    return err_set(err, ERR_CONFIG, "a url starts with http:// or https://");
  for (const char *c = url; *c != '\0'; c++) {
    if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
      return err_set(err, ERR_CONFIG,
                     "byte %zu of the url is a blank, a control character or not ASCII; write it "
                     "as %%%02X",
                     (size_t)(c - url) + 1, (unsigned)(unsigned char)*c);
  }
  const char *host = url + (tls ? 8 : 7);
  size_t len = strcspn(host, "/?#");
  if (memchr(host, '@', len) != NULL)
    return err_set(err, ERR_CONFIG,
                   "a url with a user in it would be shown in messages; send an Authorization "
                   "header instead");
  size_t host_len = len, port_at = len;
  size_t bracket = host[0] == '[' ? strcspn(host, "]/?#") : 0;
  const char *colon = memchr(host + bracket, ':', len - (bracket < len ? bracket : len));
  if (colon != NULL) {
    host_len = (size_t)(colon - host);
    port_at = host_len + 1;
  }
  if (!host_right(host, host_len))
    return err_set(err, ERR_CONFIG, "\"%.*s\" cannot be the host of a url", (int)host_len, host);
  if (colon != NULL && !port_right(host + port_at, len - port_at))
    return err_set(err, ERR_CONFIG, "\"%.*s\" cannot be the port of a url: 1 to 65535",
                   (int)(len - port_at), host + port_at);
  int put = colon != NULL
                ? snprintf(peer, FETCH_PEER_BYTES, "%.*s", (int)len, host)
                : snprintf(peer, FETCH_PEER_BYTES, "%.*s:%d", (int)len, host, tls ? 443 : 80);
  if (put >= FETCH_PEER_BYTES) return err_set(err, ERR_CONFIG, "the host of the url is too long");
  return 0;
}
