# Unit tests of config.
