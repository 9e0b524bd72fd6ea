# Unit tests of transforms.
