/* transforms: the plugins of this folder, one for each line of transforms.def. */
#ifndef TIDEMARK_TRANSFORMS_TRANSFORMS_H
#define TIDEMARK_TRANSFORMS_TRANSFORMS_H

#include "daemon/flow/plugin.h"

#define TRANSFORM(name) extern const struct transform_plugin transform_##name;
#include "transforms/transforms.def"
#undef TRANSFORM

#endif
