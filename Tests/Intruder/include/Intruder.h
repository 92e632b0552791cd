// There is nothing to call: the intruder is preloaded into an image worker. Its words are described in Intruder.c.
