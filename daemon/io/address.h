/* address: "host:port", "[v6]:port" and "unix:/path", taken apart. */
#ifndef TIDEMARK_IO_ADDRESS_H
#define TIDEMARK_IO_ADDRESS_H

#include "daemon/base/err.h"

#include <stdbool.h>

struct address {
  char host[256]; /* "" (every address, when listening) or a name, without brackets */
  char port[8];   /* digits */
  char path[108]; /* of a unix socket; "": not one */
};

int address_parse(const char *text, struct address *address, struct err *err);

#endif
