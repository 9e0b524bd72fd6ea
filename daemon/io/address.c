/* address: see address.h. */
#include "daemon/io/address.h"

#include <stdlib.h>
#include <string.h>

static int wrong(const char *text, struct err *err) {
  return err_set(err, ERR_CONFIG,
                 "\"%s\" is not an address: expected host:port, [v6]:port or unix:/path", text);
}

static int copy(char *to, size_t room, const char *from, size_t len) {
  if (len >= room) return -1;
  memcpy(to, from, len);
  to[len] = '\0';
  return 0;
}

int address_parse(const char *text, struct address *address, struct err *err) {
  *address = (struct address){0};
  if (strncmp(text, "unix:", 5) == 0) {
    const char *path = text + 5;
    if (*path == '\0') return wrong(text, err);
    if (copy(address->path, sizeof address->path, path, strlen(path)) == 0) return 0;
    return err_set(err, ERR_CONFIG, "the path of \"%s\" is longer than %zu bytes", text,
                   sizeof address->path - 1);
  }
  const char *colon = strrchr(text, ':');
  if (colon == NULL) return wrong(text, err);
  const char *host = text;
  size_t host_len = (size_t)(colon - text);
  if (host[0] == '[') {
    if (host_len < 2 || host[host_len - 1] != ']') return wrong(text, err);
    host++;
    host_len -= 2;
  } else if (memchr(host, ':', host_len) != NULL) {
    return wrong(text, err); /* a v6 address without its brackets is ambiguous */
  }
  const char *port = colon + 1;
  size_t port_len = strlen(port);
  if (port_len == 0 || port_len > 5 || strspn(port, "0123456789") != port_len ||
      atoi(port) > 65535 || copy(address->host, sizeof address->host, host, host_len) != 0)
    return wrong(text, err);
  return copy(address->port, sizeof address->port, port, port_len);
}
