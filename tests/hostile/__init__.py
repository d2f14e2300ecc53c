"""What protocol.md, section 10, lists: bad input from remotes, from rows and the configuration, over real sockets."""
