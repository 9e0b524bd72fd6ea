/* sinks: the plugins of this folder, one for each line of sinks.def. */
#ifndef TIDEMARK_SINKS_SINKS_H
#define TIDEMARK_SINKS_SINKS_H

#include "daemon/flow/plugin.h"

#define SINK(name) extern const struct sink_plugin sink_##name;
#include "sinks/sinks.def"
#undef SINK

#endif
