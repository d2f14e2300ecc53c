"""Models that no example needs: families of tables, proxies, relations and keys of every kind."""
