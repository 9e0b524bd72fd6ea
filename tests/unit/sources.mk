# Unit tests of sources.
