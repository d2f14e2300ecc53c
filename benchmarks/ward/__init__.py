"""The application of sick objects: hooks that raise, die or never return, and children whose parent never comes."""
