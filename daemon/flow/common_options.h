/* common_options: what every source, transform and sink can be told beside its own options. */
#ifndef TIDEMARK_FLOW_COMMON_OPTIONS_H
#define TIDEMARK_FLOW_COMMON_OPTIONS_H

#include "config/option.h"

extern const struct option source_common_options[];    /* struct source_common */
extern const struct option transform_common_options[]; /* struct transform_common */
extern const struct option sink_common_options[];      /* struct sink_common */

#endif
