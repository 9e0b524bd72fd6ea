# daemon/io: sources are added to libtidemark_a_SOURCES here.
