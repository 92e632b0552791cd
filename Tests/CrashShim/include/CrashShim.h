// There is nothing to call: the shim is preloaded. Its environment is described in CrashShim.c.
