// The binary, from outside.
