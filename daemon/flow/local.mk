# daemon/flow: sources are added to libtidemark_a_SOURCES here.
libtidemark_a_SOURCES += daemon/flow/watermark.c daemon/flow/watermark.h
