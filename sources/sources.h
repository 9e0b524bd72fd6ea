/* sources: the plugins of this folder, one for each line of sources.def. */
#ifndef TIDEMARK_SOURCES_SOURCES_H
#define TIDEMARK_SOURCES_SOURCES_H

#include "daemon/flow/plugin.h"

#define SOURCE(name) extern const struct source_plugin source_##name;
#include "sources/sources.def"
#undef SOURCE

#endif
