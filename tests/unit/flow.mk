# Unit tests of flow.
